"""The index of a bot: which version of each source answers, since which generation, and which never may again.

The stream is ``index-<bot_id>``. Every event raises the generation by one, so the stream's version is the generation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from minirag_contracts.events import EventPayload
from minirag_contracts.events.retrieval import HiddenSource, SourcesHidden, VersionActivated

from minirag_retrieval.errors import IncompleteVersion, StaleVersion, VersionHidden


@dataclass(frozen=True, slots=True)
class Activation:
    """The wish to make a version visible. ``staged`` is how many of its ``chunk_count`` chunks are there."""

    bot_id: UUID
    source_id: UUID
    version: int
    chunk_count: int
    staged: int


@dataclass(frozen=True, slots=True)
class Change:
    """What an activation does to the points: how many appear and how many disappear."""

    added: int
    removed: int


@dataclass(frozen=True, slots=True)
class Hiding:
    """The wish that no version of a source up to ``version`` is visible any more."""

    source_id: UUID
    version: int


@dataclass(frozen=True, slots=True)
class IndexState:
    """Active version by source, and the version up to which it is hidden, as far as they matter to the decision."""

    generation: int = 0
    active: Mapping[UUID, int] = field(default_factory=dict)
    hidden: Mapping[UUID, int] = field(default_factory=dict)


def stream_of(bot_id: UUID) -> str:
    """Where the events of a bot's index are."""
    return f"index-{bot_id}"


def check(state: IndexState, wish: Activation) -> bool:
    """True if there is something to do, False if the version is active already; raises the refusal."""
    active = state.active.get(wish.source_id)
    if active == wish.version:
        return False
    if wish.version <= state.hidden.get(wish.source_id, 0):
        raise VersionHidden
    if active is not None and active > wish.version:
        raise StaleVersion(f"Version {active} of this source is active, {wish.version} is older.")
    if wish.staged < wish.chunk_count:
        raise IncompleteVersion(
            f"{wish.staged} of {wish.chunk_count} chunks of version {wish.version} are staged."
        )
    return True


def decide(state: IndexState, wish: Activation, change: Change) -> list[EventPayload]:
    """The event of an activation whose points are prepared; nothing if the version is active already."""
    if not check(state, wish):
        return []
    return [
        VersionActivated(
            bot_id=wish.bot_id,
            source_id=wish.source_id,
            version=wish.version,
            generation=state.generation + 1,
            chunk_count=wish.chunk_count,
            added=change.added,
            removed=change.removed,
        )
    ]


def to_hide(state: IndexState, wishes: Sequence[Hiding]) -> list[Hiding]:
    """The wishes that change something. One that came too late, after a newer version was activated, does not."""
    return [
        wish
        for wish in wishes
        if wish.version > state.hidden.get(wish.source_id, 0)
        and wish.version >= state.active.get(wish.source_id, 0)
    ]


def hide(
    state: IndexState, bot_id: UUID, wishes: Sequence[Hiding], removed: Mapping[UUID, int]
) -> list[EventPayload]:
    """The event of a hiding whose points are prepared; nothing if all of it is hidden already."""
    wanted = to_hide(state, wishes)
    if not wanted:
        return []
    sources = [
        HiddenSource(source_id=wish.source_id, version=wish.version, removed=removed.get(wish.source_id, 0))
        for wish in wanted
    ]
    return [SourcesHidden(bot_id=bot_id, generation=state.generation + 1, sources=sources)]


def evolve(state: IndexState, event: EventPayload) -> IndexState:
    """The state after an event."""
    if isinstance(event, VersionActivated):
        active = {**state.active, event.source_id: event.version}
        return replace(state, generation=event.generation, active=active)
    if isinstance(event, SourcesHidden):
        hidden = {source.source_id: source.version for source in event.sources}
        active = {source: version for source, version in state.active.items() if source not in hidden}
        return IndexState(event.generation, active, {**state.hidden, **hidden})
    return state
