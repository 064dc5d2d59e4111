"""A source: something that a bot shall know, made into one version after the other, one at a time."""

from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from minirag_contracts.events import EventPayload
from minirag_contracts.events.ingest import (
    IngestCompleted,
    IngestFailed,
    IngestRequested,
    RefreshSchedule,
    SourceCreated,
    SourceType,
)

from minirag_ingest.errors import NestedTooDeep, ParentOfOtherBot, SourceBusy, SourceNotFound

MAX_ERROR = 2000
"""Characters of a failure's sentence (spec §9)."""


@dataclass(frozen=True, slots=True)
class Source:
    """The state that decisions are made on. ``version`` is the last that was asked for, 0 before the first."""

    source_id: UUID | None = None
    bot_id: UUID | None = None
    parent_id: UUID | None = None
    name: str = ""
    source_type: SourceType = "text"
    version: int = 0
    processing: bool = False


@dataclass(frozen=True, slots=True)
class Create:
    """A client gives a bot something to know. ``config`` is the part of the configuration that may be in an event."""

    source_id: UUID
    bot_id: UUID
    name: str
    source_type: SourceType
    description: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    refresh_schedule: RefreshSchedule | None = None
    content_hash: str | None = None
    parent_id: UUID | None = None
    parent: Source | None = None


@dataclass(frozen=True, slots=True)
class Ingest:
    """A new version shall be made."""


@dataclass(frozen=True, slots=True)
class Complete:
    """The version is visible."""

    version: int
    chunk_count: int
    generation: int


@dataclass(frozen=True, slots=True)
class Fail:
    """The version cannot be made; ``error`` is a sentence for people."""

    version: int
    code: str
    error: str


def stream_of(source_id: UUID) -> str:
    """The aggregate's stream."""
    return f"source-{source_id}"


def evolve(state: Source, event: EventPayload) -> Source:
    """The state after an event."""
    match event:
        case SourceCreated():
            return Source(event.source_id, event.bot_id, event.parent_id, event.name, event.source_type)
        case IngestRequested():
            return replace(state, version=event.version, processing=True)
        case IngestCompleted() | IngestFailed():
            return replace(state, processing=False)
        case _:
            return state


def decide(state: Source, command: Create | Ingest | Complete | Fail) -> list[EventPayload]:
    """What follows from a command; raises a Refusal. An outcome of a version that has ended already changes nothing."""
    if isinstance(command, Create):
        return _create(command)
    if state.source_id is None or state.bot_id is None:
        raise SourceNotFound
    if isinstance(command, Ingest):
        if state.processing:
            raise SourceBusy
        return [IngestRequested(source_id=state.source_id, bot_id=state.bot_id, version=state.version + 1)]
    if not is_current(state, command.version):
        return []
    if isinstance(command, Complete):
        return [
            IngestCompleted(
                source_id=state.source_id,
                bot_id=state.bot_id,
                source_name=state.name,
                version=command.version,
                document_count=1,
                chunk_count=command.chunk_count,
                generation=command.generation,
            )
        ]
    return [
        IngestFailed(
            source_id=state.source_id,
            bot_id=state.bot_id,
            version=command.version,
            code=command.code,
            error=command.error[:MAX_ERROR],
        )
    ]


def is_current(state: Source, version: int) -> bool:
    """Whether this version is the one that is being made."""
    return state.processing and state.version == version


def _create(command: Create) -> list[EventPayload]:
    if command.parent_id is not None:
        _check_parent(command)
    return [
        SourceCreated(
            source_id=command.source_id,
            bot_id=command.bot_id,
            parent_id=command.parent_id,
            name=command.name,
            description=command.description,
            source_type=command.source_type,
            config=command.config,
            refresh_schedule=command.refresh_schedule,
            content_hash=command.content_hash,
        )
    ]


def _check_parent(command: Create) -> None:
    parent = command.parent
    if parent is None or parent.source_id is None:
        raise SourceNotFound
    if parent.bot_id != command.bot_id:
        raise ParentOfOtherBot
    if parent.parent_id is not None:
        raise NestedTooDeep
