"""Given events, when a wish, then events."""

from functools import reduce
from uuid import uuid4

import pytest
from minirag_contracts.events import EventPayload
from minirag_contracts.events.retrieval import HiddenSource, SourcesHidden, VersionActivated
from minirag_retrieval.domain import Activation, Change, Hiding, IndexState, decide, evolve, hide
from minirag_retrieval.errors import IncompleteVersion, StaleVersion, VersionHidden

BOT, SOURCE, OTHER = uuid4(), uuid4(), uuid4()


def given(*events: EventPayload) -> IndexState:
    return reduce(evolve, events, IndexState())


def activated(generation: int, version: int = 1, source: object = SOURCE) -> VersionActivated:
    return VersionActivated.model_validate(
        {"bot_id": BOT, "source_id": source, "version": version, "generation": generation}
        | {"chunk_count": 3, "added": 2, "removed": 1}
    )


def a_wish(version: int = 1, staged: int = 3) -> Activation:
    return Activation(bot_id=BOT, source_id=SOURCE, version=version, chunk_count=3, staged=staged)


def test_the_first_activation_begins_generation_one() -> None:
    assert decide(given(), a_wish(), Change(2, 1)) == [activated(1)]


def test_every_activation_raises_the_generation_of_the_whole_bot() -> None:
    assert decide(given(activated(1, source=OTHER)), a_wish(), Change(2, 1)) == [activated(2)]


def test_an_active_version_is_not_activated_again() -> None:
    assert decide(given(activated(1)), a_wish(), Change(0, 0)) == []


def test_a_version_that_was_overtaken_is_refused() -> None:
    with pytest.raises(StaleVersion):
        decide(given(activated(1, version=2)), a_wish(version=1), Change(0, 0))


def test_a_version_with_missing_chunks_is_refused() -> None:
    with pytest.raises(IncompleteVersion, match="2 of 3"):
        decide(given(), a_wish(staged=2), Change(0, 0))


def hidden(generation: int, version: int, source: object = SOURCE, removed: int = 0) -> SourcesHidden:
    one = {"source_id": source, "version": version, "removed": removed}
    return SourcesHidden(bot_id=BOT, generation=generation, sources=[HiddenSource.model_validate(one)])


@pytest.mark.parametrize(
    ("history", "version", "expected"),
    [
        ([activated(1)], 1, [hidden(2, 1, removed=3)]),
        ([activated(1)], 2, [hidden(2, 2, removed=3)]),
        ([activated(1, version=2)], 1, []),
        ([activated(1), hidden(2, 1)], 1, []),
        ([activated(1), hidden(2, 1), activated(3, version=2)], 1, []),
        ([activated(1), hidden(2, 1), activated(3, version=2)], 2, [hidden(4, 2, removed=3)]),
        ([], 1, [hidden(1, 1, removed=3)]),
        ([], 0, []),
    ],
)
def test_a_source_is_hidden_once_and_never_a_newer_version(
    history: list[EventPayload], version: int, expected: list[EventPayload]
) -> None:
    assert hide(given(*history), BOT, [Hiding(SOURCE, version)], {SOURCE: 3}) == expected


def test_what_was_hidden_is_not_activated_and_what_is_newer_is() -> None:
    state = given(activated(1), hidden(2, 2))
    with pytest.raises(VersionHidden):
        decide(state, a_wish(version=2), Change(0, 0))
    assert decide(state, a_wish(version=3), Change(2, 1)) == [activated(3, version=3)]


def test_hiding_one_source_leaves_the_others() -> None:
    state = given(activated(1), activated(2, source=OTHER), hidden(3, 1))
    assert (state.generation, state.active, state.hidden) == (3, {OTHER: 1}, {SOURCE: 1})
