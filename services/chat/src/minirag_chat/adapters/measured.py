"""The models, counted and traced: how long they take, what they use and cost, and never what is said.

Names of models are what tenants write, so only those that a price list knows become labels, and not endlessly many.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field

from minirag_contracts import tracing
from prometheus_client import Counter, Histogram

from minirag_chat.domain import models
from minirag_chat.domain.prompt import Prompt
from minirag_chat.ports import ChosenModel, Delta, LanguageModel, Models, Params, TokenCount

SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160)
MOST_NAMES = 100
OTHER = "other"

ANSWERS = Histogram(
    "minirag_llm_seconds",
    "Answers of models, to their end.",
    ("model", "provider", "outcome"),
    buckets=SECONDS,
)
FIRST = Histogram(
    "minirag_llm_first_token_seconds",
    "From asking a model to the first piece of its answer.",
    ("model", "provider"),
    buckets=SECONDS,
)
TOKENS = Counter(
    "minirag_llm_tokens_total", "Tokens as the models counted them.", ("model", "provider", "direction")
)
COST = Counter("minirag_llm_cost_usd_total", "US dollars, where the price is known.", ("model", "provider"))


@dataclass(slots=True)
class ModelNames:
    """Which names may be labels. ``provider_of`` is the price list's; ``own`` are those with a price of the operator."""

    provider_of: Callable[[str], str | None]
    own: frozenset[str] = frozenset()
    _seen: set[str] = field(default_factory=set)

    def labels(self, model: str) -> tuple[str, str]:
        """Model and provider."""
        if model == models.EXTRACTIVE:
            return model, "minirag"
        prefix, _, bare = model.partition("/")
        listed = self.provider_of(model) or (self.provider_of(bare) if bare else None)
        provider = listed or (prefix if prefix in models.KEY_VARIABLES else OTHER)
        if (listed is None and model not in self.own) or not self._room(model):
            return OTHER, provider
        return model, provider

    def _room(self, model: str) -> bool:
        if model not in self._seen and len(self._seen) >= MOST_NAMES:
            return False
        self._seen.add(model)
        return True


@dataclass(frozen=True, slots=True)
class MeasuredModels:
    """All models, each measured."""

    inner: Models
    names: ModelNames

    def choose(self, model: str, *, has_credentials: bool) -> ChosenModel:
        """As the inner one."""
        chosen = self.inner.choose(model, has_credentials=has_credentials)
        return ChosenModel(_Measured(chosen.model, model, self.names.labels(model), self.inner), chosen.name)

    def warm(self, model: str, *, has_credentials: bool) -> None:
        """As the inner one."""
        self.inner.warm(model, has_credentials=has_credentials)

    def cost_usd(self, model: str, count: TokenCount) -> float | None:
        """As the inner one."""
        return self.inner.cost_usd(model, count)


@dataclass(frozen=True, slots=True)
class _Measured:
    inner: LanguageModel
    model: str
    labels: tuple[str, str]
    prices: Models

    @property
    def highlights(self) -> int:
        return self.inner.highlights

    async def stream(self, prompt: Prompt, params: Params) -> AsyncGenerator[Delta | TokenCount, None]:
        began, outcome, first = time.perf_counter(), "failed", True
        with tracing.span(f"chat {self.model}", self._attributes(params), kind="client") as span:
            try:
                async with aclosing(self.inner.stream(prompt, params)) as parts:
                    async for part in parts:
                        if isinstance(part, TokenCount):
                            self._count(part, span)
                        elif first:
                            first = False
                            FIRST.labels(*self.labels).observe(time.perf_counter() - began)
                            span.set(minirag__first_token_ms=round((time.perf_counter() - began) * 1000))
                        yield part
                outcome = "ok"
            except (GeneratorExit, asyncio.CancelledError):
                outcome = "stopped"
                raise
            finally:
                ANSWERS.labels(*self.labels, outcome).observe(time.perf_counter() - began)

    def _attributes(self, params: Params) -> dict[str, tracing.Value]:
        """By OpenTelemetry's conventions for generative models; the contents that they allow for stay out."""
        return {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": self.labels[1],
            "gen_ai.request.model": self.model,
            "gen_ai.request.temperature": params.temperature,
            "gen_ai.request.max_tokens": params.max_tokens,
        }

    def _count(self, count: TokenCount, span: tracing.span) -> None:
        TOKENS.labels(*self.labels, "prompt").inc(count.prompt_tokens)
        TOKENS.labels(*self.labels, "completion").inc(count.completion_tokens)
        COST.labels(*self.labels).inc(self.prices.cost_usd(self.model, count) or 0.0)
        span.set(gen_ai__usage__input_tokens=count.prompt_tokens)
        span.set(gen_ai__usage__output_tokens=count.completion_tokens)
