"""A source: something that a bot shall know, made into one version after the other, one at a time."""

from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from minirag_contracts.events import EventPayload
from minirag_contracts.events.ingest import (
    IngestCancelled,
    IngestCompleted,
    IngestFailed,
    IngestRequested,
    RefreshSchedule,
    SourceActivated,
    SourceCreated,
    SourceDeactivated,
    SourceType,
    SourceUpdated,
)

from minirag_ingest.errors import (
    NestedTooDeep,
    ParentInactive,
    ParentOfOtherBot,
    SourceBusy,
    SourceInactive,
    SourceNotFound,
)

MAX_ERROR = 2000
"""Characters of a failure's sentence (spec §9)."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a client may change of a source. ``config`` is the part of the configuration that may be in an event."""

    name: str = ""
    description: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    refresh_schedule: RefreshSchedule | None = None
    content_hash: str | None = None
    config_hash: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """The state that decisions are made on. ``version`` is the last that was asked for, 0 before the first."""

    source_id: UUID | None = None
    bot_id: UUID | None = None
    parent_id: UUID | None = None
    source_type: SourceType = "text"
    settings: Settings = Settings()
    version: int = 0
    processing: bool = False
    active: bool = True

    @property
    def name(self) -> str:
        """As clients see it."""
        return self.settings.name


@dataclass(frozen=True, slots=True)
class Create:
    """A client gives a bot something to know."""

    source_id: UUID
    bot_id: UUID
    source_type: SourceType
    settings: Settings
    parent_id: UUID | None = None
    parent: Source | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """These are the settings from now on."""

    settings: Settings


@dataclass(frozen=True, slots=True)
class Deactivate:
    """The source shall answer no more."""

    with_parent: bool = False


@dataclass(frozen=True, slots=True)
class Activate:
    """The source shall answer again, by a new version if there is ``something`` to ingest."""

    something: bool
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


Command = Create | Update | Deactivate | Activate | Ingest | Complete | Fail


def with_content(command: Create, content_hash: str) -> Create:
    """The same command, once it is known what the content is."""
    return replace(command, settings=replace(command.settings, content_hash=content_hash))


def stream_of(source_id: UUID) -> str:
    """The aggregate's stream."""
    return f"source-{source_id}"


def evolve(state: Source, event: EventPayload) -> Source:
    """The state after an event."""
    match event:
        case SourceCreated():
            return Source(event.source_id, event.bot_id, event.parent_id, event.source_type, _settings(event))
        case SourceUpdated():
            return replace(state, settings=_settings(event))
        case IngestRequested():
            return replace(state, version=event.version, processing=True)
        case IngestCompleted() | IngestFailed() | IngestCancelled():
            return replace(state, processing=False)
        case SourceDeactivated() | SourceActivated():
            return replace(state, active=isinstance(event, SourceActivated))
        case _:
            return state


def decide(state: Source, command: Command) -> list[EventPayload]:
    """What follows from a command; raises a Refusal. An outcome of a version that has ended already changes nothing."""
    if isinstance(command, Create):
        return _create(command)
    if state.source_id is None or state.bot_id is None:
        raise SourceNotFound
    match command:
        case Update():
            return _update(state, state.source_id, state.bot_id, command)
        case Deactivate():
            return _deactivate(state, state.source_id, state.bot_id, command)
        case Activate():
            return _activate(state, state.source_id, state.bot_id, command)
        case Ingest():
            return [_request(state, state.source_id, state.bot_id)]
        case Complete() | Fail():
            return _end(state, state.source_id, state.bot_id, command)


def is_current(state: Source, version: int) -> bool:
    """Whether this version is the one that is being made."""
    return state.processing and state.version == version


def _settings(event: SourceCreated | SourceUpdated) -> Settings:
    return Settings(
        name=event.name,
        description=event.description,
        config=event.config,
        refresh_schedule=event.refresh_schedule,
        content_hash=event.content_hash,
        config_hash=event.config_hash if isinstance(event, SourceUpdated) else None,
    )


def _create(command: Create) -> list[EventPayload]:
    if command.parent_id is not None:
        _check_parent(command)
    settings = command.settings
    return [
        SourceCreated(
            source_id=command.source_id,
            bot_id=command.bot_id,
            parent_id=command.parent_id,
            name=settings.name,
            description=settings.description,
            source_type=command.source_type,
            config=settings.config,
            refresh_schedule=settings.refresh_schedule,
            content_hash=settings.content_hash,
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
    if not parent.active:
        raise ParentInactive


def _update(state: Source, source_id: UUID, bot_id: UUID, command: Update) -> list[EventPayload]:
    settings = command.settings
    if settings == state.settings:
        return []
    return [
        SourceUpdated(
            source_id=source_id,
            bot_id=bot_id,
            name=settings.name,
            description=settings.description,
            config=settings.config,
            refresh_schedule=settings.refresh_schedule,
            content_hash=settings.content_hash,
            config_hash=settings.config_hash,
        )
    ]


def _deactivate(state: Source, source_id: UUID, bot_id: UUID, command: Deactivate) -> list[EventPayload]:
    if not state.active:
        return []
    gone = SourceDeactivated(
        source_id=source_id, bot_id=bot_id, version=state.version, with_parent=command.with_parent
    )
    if not state.processing:
        return [gone]
    cancelled = IngestCancelled(
        source_id=source_id, bot_id=bot_id, version=state.version, reason="deactivated"
    )
    return [cancelled, gone]


def _activate(state: Source, source_id: UUID, bot_id: UUID, command: Activate) -> list[EventPayload]:
    if state.active:
        return []
    if command.parent is not None and not command.parent.active:
        raise ParentInactive
    back = SourceActivated(source_id=source_id, bot_id=bot_id)
    return [back, _request(evolve(state, back), source_id, bot_id)] if command.something else [back]


def _request(state: Source, source_id: UUID, bot_id: UUID) -> EventPayload:
    if not state.active:
        raise SourceInactive
    if state.processing:
        raise SourceBusy
    return IngestRequested(source_id=source_id, bot_id=bot_id, version=state.version + 1)


def _end(state: Source, source_id: UUID, bot_id: UUID, command: Complete | Fail) -> list[EventPayload]:
    if not is_current(state, command.version):
        return []
    if isinstance(command, Fail):
        return [
            IngestFailed(
                source_id=source_id,
                bot_id=bot_id,
                version=command.version,
                code=command.code,
                error=command.error[:MAX_ERROR],
            )
        ]
    return [
        IngestCompleted(
            source_id=source_id,
            bot_id=bot_id,
            source_name=state.name,
            version=command.version,
            document_count=1,
            chunk_count=command.chunk_count,
            generation=command.generation,
        )
    ]
