"""Models are counted by names that come from a price list, and told without what was said."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest
from minirag_chat.adapters.measured import MOST_NAMES, MeasuredModels, ModelNames
from minirag_chat.ports import ChosenModel, Delta, Params, TokenCount
from prometheus_client import REGISTRY

PARAMS = Params(model="gpt-4o", temperature=0.5, max_tokens=10)


class Model:
    highlights = 0

    def __init__(self, *parts: Delta | TokenCount, failure: Exception | None = None) -> None:
        self.parts, self.failure = parts, failure

    async def stream(self, prompt: Any, params: Params) -> AsyncGenerator[Delta | TokenCount, None]:
        for part in self.parts:
            yield part
        if self.failure:
            raise self.failure


class Models:
    def __init__(self, model: Model) -> None:
        self.model = model

    def choose(self, model: str, *, has_credentials: bool) -> ChosenModel:
        return ChosenModel(self.model, model)

    def warm(self, model: str, *, has_credentials: bool) -> None: ...

    def cost_usd(self, model: str, count: TokenCount) -> float | None:
        return 0.25 * count.prompt_tokens


def known(model: str) -> str | None:
    return {"gpt-4o": "openai", "free": "openai"}.get(model)


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, {"model": "gpt-4o", "provider": "openai", **labels}) or 0.0


def figures() -> list[float]:
    return [
        value("minirag_llm_tokens_total", direction="prompt"),
        value("minirag_llm_tokens_total", direction="completion"),
        value("minirag_llm_cost_usd_total"),
        value("minirag_llm_first_token_seconds_count"),
        *(value("minirag_llm_seconds_count", outcome=outcome) for outcome in ("ok", "failed", "stopped")),
    ]


async def grown(model: Model, pieces: int = 99) -> list[float]:
    """By how much the figures grow with one answer, of which so many pieces are read."""
    before = figures()
    chosen = MeasuredModels(Models(model), ModelNames(known)).choose("gpt-4o", has_credentials=False)
    try:
        async with aclosing(chosen.model.stream(None, PARAMS)) as parts:  # type: ignore[arg-type]
            async for _ in parts:
                pieces -= 1
                if not pieces:
                    break
    except OSError:
        pass
    return [after - old for after, old in zip(figures(), before, strict=True)]


async def test_an_answer_is_counted_to_its_end() -> None:
    assert await grown(Model(Delta("a"), Delta("b"), TokenCount(4, 2))) == [4, 2, 1.0, 1, 1, 0, 0]


async def test_a_failure_and_one_that_nobody_wants_any_more_are_told_apart() -> None:
    assert await grown(Model(Delta("a"), failure=OSError())) == [0, 0, 0, 1, 0, 1, 0]
    assert await grown(Model(Delta("a"), Delta("b")), pieces=1) == [0, 0, 0, 1, 0, 0, 1]


@pytest.mark.parametrize(
    ("model", "labels"),
    [
        ("minirag/extractive", ("minirag/extractive", "minirag")),
        ("gpt-4o", ("gpt-4o", "openai")),
        ("openai/gpt-4o", ("openai/gpt-4o", "openai")),
        ("openai/jane-doe-s-model", ("other", "openai")),
        ("jane-doe/secret", ("other", "other")),
        ("ours", ("ours", "other")),
    ],
)
def test_only_names_that_a_price_list_knows_become_labels(model: str, labels: tuple[str, str]) -> None:
    assert ModelNames(known, frozenset({"ours"})).labels(model) == labels


def test_there_are_not_endlessly_many() -> None:
    names = ModelNames(lambda model: "openai")
    found = {names.labels(f"model-{number}")[0] for number in range(MOST_NAMES * 2)}
    assert len(found) == MOST_NAMES + 1
    assert names.labels("model-0") == ("model-0", "openai")
