"""What may change about a published event version, and what may not."""

from typing import Any, Literal

import pytest
from minirag_contracts.compatibility import incompatibilities
from pydantic import BaseModel, ConfigDict, Field, create_model


class Part(BaseModel):
    n: int


class WiderPart(BaseModel):
    n: int
    note: str | None = None


class NarrowerPart(BaseModel):
    n: int
    note: str


def changes(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    config = ConfigDict(extra="forbid")
    old = create_model("Event", __config__=config, **before)
    new = create_model("Event", __config__=config, **after)
    return incompatibilities(old.model_json_schema(), new.model_json_schema())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"a": (int, ...)}, {"a": (int, Field(description="Other words"))}),
        ({"a": (int, ...)}, {"a": (int, ...), "b": (str | None, None)}),
        ({"a": (int, ...)}, {"a": (int, ...), "b": (list[int], [])}),
        ({"a": (int, ...)}, {"a": (int | None, ...)}),
        ({"a": (int, ...)}, {"a": (int, 0)}),
        ({"a": (Literal["x"], ...)}, {"a": (Literal["x", "y"], ...)}),
        ({"a": (Literal["x", "y"] | None, ...)}, {"a": (Literal["x", "y", "z"] | None, ...)}),
        ({"a": (list[Part], ...)}, {"a": (list[WiderPart], ...)}),
        ({"a": (Part, ...)}, {"a": (WiderPart | None, ...)}),
    ],
)
def test_what_only_allows_more_is_compatible(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert changes(before, after) == []


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ({"a": (int, ...), "b": (int, ...)}, {"a": (int, ...)}, "b is gone"),
        ({"a": (int, ...)}, {"c": (int, ...)}, "a is gone"),
        ({"a": (int, ...)}, {"a": (int, ...), "b": (int, ...)}, "b is now required"),
        ({"a": (int, 0)}, {"a": (int, ...)}, "a is now required"),
        ({"a": (int, ...)}, {"a": (str, ...)}, "a no longer allows"),
        ({"a": (int, ...)}, {"a": (int, Field(ge=1))}, "a no longer allows"),
        ({"a": (int | None, ...)}, {"a": (int, ...)}, "a no longer allows"),
        ({"a": (Literal["x", "y"], ...)}, {"a": (Literal["x"], ...)}, "a no longer allows"),
        ({"a": (list[WiderPart], ...)}, {"a": (list[Part], ...)}, r"a\[\].note is gone"),
        ({"a": (list[Part], ...)}, {"a": (list[NarrowerPart], ...)}, r"a\[\].note is now required"),
        ({"a": (list[Part], ...)}, {"a": (list[Part], Field(max_length=3))}, "a has other limits"),
        ({"a": (Part | None, ...)}, {"a": (NarrowerPart | None, ...)}, "a no longer allows"),
    ],
)
def test_what_takes_something_away_is_not(before: dict[str, Any], after: dict[str, Any], reason: str) -> None:
    found = changes(before, after)
    assert found
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError("; ".join(found))
