"""Model names: which provider answers for one, and which environment variable holds that provider's key."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from minirag_contracts.errors import InvalidRequest

from minirag_chat.errors import ModelNotConfigured, ModelUnknown

EXTRACTIVE = "minirag/extractive"
"""The model that needs no key: it quotes."""

OWN_PREFIX = "minirag/"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+\-]{0,99}")

WELL_KNOWN = (
    "gpt-4o",
    "gpt-4o-mini",
    "gpt-4-turbo",
    "gpt-4",
    "gpt-3.5-turbo",
    "o1",
    "o1-mini",
    "o3-mini",
    "claude-opus-4-6",
    "claude-sonnet-4-5-20250929",
    "claude-haiku-4-5-20251001",
    "gemini/gemini-2.0-flash",
    "gemini/gemini-1.5-pro",
    "gemini/gemini-1.5-flash",
)
"""The models whose prices are shown to everybody (spec §15)."""

KEY_VARIABLES: dict[str, tuple[str, ...]] = {
    "ai21": ("AI21_API_KEY",),
    "anthropic": ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"),
    "cerebras": ("CEREBRAS_API_KEY",),
    "codestral": ("CODESTRAL_API_KEY",),
    "cohere": ("COHERE_API_KEY",),
    "cohere_chat": ("COHERE_API_KEY",),
    "dashscope": ("DASHSCOPE_API_KEY",),
    "deepinfra": ("DEEPINFRA_API_KEY",),
    "deepseek": ("DEEPSEEK_API_KEY",),
    "fireworks_ai": ("FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY", "FIREWORKSAI_API_KEY"),
    "gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    "groq": ("GROQ_API_KEY",),
    "huggingface": ("HUGGINGFACE_API_KEY",),
    "mistral": ("MISTRAL_API_KEY",),
    "moonshot": ("MOONSHOT_API_KEY",),
    "nebius": ("NEBIUS_API_KEY",),
    "novita": ("NOVITA_API_KEY",),
    "nvidia_nim": ("NVIDIA_NIM_API_KEY",),
    "openai": ("OPENAI_API_KEY",),
    "openrouter": ("OPENROUTER_API_KEY",),
    "perplexity": ("PERPLEXITYAI_API_KEY", "PERPLEXITY_API_KEY"),
    "replicate": ("REPLICATE_API_KEY",),
    "sambanova": ("SAMBANOVA_API_KEY",),
    "together_ai": ("TOGETHERAI_API_KEY", "TOGETHER_API_KEY"),
    "volcengine": ("VOLCENGINE_API_KEY",),
    "xai": ("XAI_API_KEY",),
}
"""Provider (LiteLLM's name) → variables that may hold its key, the one to name first.

Providers that are not listed (clouds with their own credential chains, local servers) are not checked beforehand: LiteLLM's
answer ends the turn as a failure. A test compares the table with LiteLLM's own.
"""


@dataclass(frozen=True, slots=True)
class Route:
    """How a bot's model is asked: LiteLLM's name for it and the provider."""

    name: str
    provider: str


def checked_model_name(model: str) -> str:
    """The name as it may be stored. A URL in it would make some providers call that address, so none may be in it."""
    if not NAME.fullmatch(model) or "//" in model or ".." in model:
        raise InvalidRequest(
            "The model is no model name: letters, digits and . _ : / @ + - only, at most 100, no address."
        )
    if model.startswith(OWN_PREFIX) and model != EXTRACTIVE:
        raise ModelUnknown(f"There is no model {model}. The model that needs no key is {EXTRACTIVE}.")
    return model


def route(model: str, catalogued_provider: str | None, environment: Mapping[str, str]) -> Route:
    """The route of any model but our own; raises ModelUnknown where no provider can be made out.

    ``catalogued_provider`` is what the price list says of the name. A name that nobody knows goes to the
    OpenAI-compatible server where the operator named one.
    """
    prefix, slash, _ = model.partition("/")
    if slash and (prefix in KEY_VARIABLES or catalogued_provider is None):
        return Route(model, prefix)
    if model.startswith("gemini-") and not environment.get("VERTEXAI_PROJECT"):
        return Route(
            f"gemini/{model}", "gemini"
        )  # the bare name would mean Vertex AI, which no API key opens
    if catalogued_provider:
        return Route(model, catalogued_provider)
    if environment.get("OPENAI_BASE_URL") or environment.get("OPENAI_API_BASE"):
        return Route(f"openai/{model}", "openai")
    raise ModelUnknown(
        f"No provider is known for the model {model}. Write it as provider/model (for example openai/{model}), "
        f"or use {EXTRACTIVE}, which needs no key."
    )


def require_key(model: str, provider: str, environment: Mapping[str, str]) -> None:
    """Raises ModelNotConfigured, naming the missing variable, for a provider whose key nobody has set."""
    variables = KEY_VARIABLES.get(provider, ())
    if variables and not any(environment.get(variable) for variable in variables):
        raise ModelNotConfigured(
            f"The model {model} needs an API key: set {variables[0]} in the server's environment or give the bot "
            f"credentials. The model {EXTRACTIVE} needs none."
        )


def configured(environment: Mapping[str, str]) -> bool:
    """Whether any provider's key is set."""
    return any(environment.get(variable) for variables in KEY_VARIABLES.values() for variable in variables)
