"""Which model answers for a name, what it costs, and how the extractive one answers."""

import json
import subprocess
import sys

import pytest
from chat_builders import a_finding, a_prompt, nothing_found
from minirag_chat.adapters.catalogue import Catalogue
from minirag_chat.adapters.directory import ModelDirectory
from minirag_chat.adapters.extractive import NOTHING_RELEVANT, ExtractiveModel, compose
from minirag_chat.adapters.prices import Prices
from minirag_chat.domain import models
from minirag_chat.errors import ModelNotConfigured, ModelUnknown
from minirag_chat.ports import Delta, Params, TokenCount
from minirag_contracts.requests.chat import ModelPrice


def a_directory(own: dict[str, ModelPrice] | None = None, **environment: str) -> ModelDirectory:
    catalogue = Catalogue()
    return ModelDirectory(
        own=ExtractiveModel(),
        others=ExtractiveModel(),
        provider_of=catalogue.provider,
        price=Prices(catalogue, own or {}).cost_usd,
        environment=environment,
        start_others=lambda: None,
    )


@pytest.mark.parametrize(
    ("model", "variable"),
    [
        ("gpt-4o-mini", "OPENAI_API_KEY"),
        ("openai/gpt-4o-mini", "OPENAI_API_KEY"),
        ("openai/anything-at-all", "OPENAI_API_KEY"),
        ("claude-sonnet-4-5", "ANTHROPIC_API_KEY"),
        ("anthropic/claude-sonnet-4-5", "ANTHROPIC_API_KEY"),
        ("gemini-2.5-flash", "GEMINI_API_KEY"),
        ("gemini/gemini-2.5-flash", "GEMINI_API_KEY"),
        ("mistral/mistral-small-latest", "MISTRAL_API_KEY"),
        ("openrouter/meta-llama/llama-3", "OPENROUTER_API_KEY"),
    ],
)
def test_a_missing_key_is_named_with_the_model_that_needs_none(model: str, variable: str) -> None:
    with pytest.raises(ModelNotConfigured) as caught:
        a_directory().choose(model, has_credentials=False)
    assert variable in caught.value.detail and "minirag/extractive" in caught.value.detail
    assert a_directory(**{variable: "key"}).choose(model, has_credentials=False)
    assert a_directory().choose(model, has_credentials=True)


def test_a_name_that_nobody_knows_goes_to_the_operators_own_server_if_there_is_one() -> None:
    with pytest.raises(ModelUnknown):
        a_directory(OPENAI_API_KEY="key").choose("my-llama", has_credentials=False)
    own = a_directory(OPENAI_API_KEY="key", OPENAI_BASE_URL="http://localhost:1/v1")
    assert own.choose("my-llama", has_credentials=False).name == "openai/my-llama"


def test_a_provider_with_credentials_of_its_own_kind_is_not_refused_beforehand() -> None:
    assert a_directory().choose("ollama/llama3", has_credentials=False).name == "ollama/llama3"
    assert a_directory().choose("bedrock/anthropic.claude-v2", has_credentials=False)


def test_no_other_model_bears_our_name() -> None:
    with pytest.raises(ModelUnknown):
        models.checked_model_name("minirag/generative")


def test_prices_come_from_the_packaged_list() -> None:
    catalogue = Catalogue()
    prices = json.loads(catalogue._path.read_text())["gpt-4o-mini"]  # type: ignore[union-attr]
    cost = catalogue.cost_usd(("gpt-4o-mini",), TokenCount(1000, 100, 400))
    expected = (
        600 * prices["input_cost_per_token"]
        + 400 * prices["cache_read_input_token_cost"]
        + 100 * prices["output_cost_per_token"]
    )
    assert cost == pytest.approx(expected)


def test_a_price_is_found_with_and_without_the_provider() -> None:
    count = TokenCount(1000, 10)
    bare = a_directory().cost_usd("claude-sonnet-4-5", count)
    assert bare and bare == a_directory().cost_usd("anthropic/claude-sonnet-4-5", count)


def test_long_prompts_cost_their_own_tier() -> None:
    small = a_directory().cost_usd("gemini/gemini-2.5-pro", TokenCount(1000, 0))
    large = a_directory().cost_usd("gemini/gemini-2.5-pro", TokenCount(300_000, 0))
    assert small and large and large > 300 * small * 1.5


def test_an_unknown_price_is_none_and_our_own_is_zero() -> None:
    assert a_directory().cost_usd("openai/my-llama", TokenCount(10, 10)) is None
    assert a_directory().cost_usd("minirag/extractive", TokenCount(10, 10)) == 0.0


def test_the_answer_is_the_two_best_sentences_with_their_numbers() -> None:
    found = a_finding("One. Two.", "Three.", sentences=((1, "Three."), (0, "Two.")))
    assert compose(found) == "Three. [2] Two. [1]"


def test_a_sentence_found_twice_is_said_once() -> None:
    assert compose(a_finding("A b.", "A  b.", sentences=((0, "A b."), (1, "A  b.")))) == "A b. [1]"


def test_a_passage_without_whole_sentences_is_quoted_from_its_beginning() -> None:
    found = a_finding("cell | cell | cell").model_copy(update={"highlights": []})
    assert compose(found) == "cell | cell | cell [1]"


def test_nothing_relevant_is_said_plainly() -> None:
    assert compose(nothing_found()) == compose(a_finding(relevance=0.32)) == NOTHING_RELEVANT


async def test_the_answer_comes_in_pieces_and_is_counted() -> None:
    prompt = a_prompt(found=a_finding("Returns are free within thirty days.", "Yes."))
    parts = [part async for part in ExtractiveModel().stream(prompt, Params("minirag/extractive", 0, 100))]
    pieces = [part.text for part in parts if isinstance(part, Delta)]
    assert len(pieces) >= 4 and "".join(pieces) == "Returns are free within thirty days. [1] Yes. [2]"
    assert isinstance(parts[-1], TokenCount) and parts[-1].completion_tokens == 15


def test_the_service_itself_never_imports_litellm() -> None:
    code = (
        "import sys, minirag_chat.bootstrap as b; from minirag_chat.adapters.catalogue import Catalogue;"
        "Catalogue().provider('gpt-4o-mini'); print('litellm' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"
