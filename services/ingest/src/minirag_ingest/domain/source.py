"""A source: something that a bot shall know, made into one version after the other, one at a time."""

from dataclasses import dataclass, field, replace
from typing import Any, Literal
from uuid import UUID

from minirag_contracts.events import EventPayload
from minirag_contracts.events.ingest import (
    IngestCancelled,
    IngestCompleted,
    IngestFailed,
    IngestRequested,
    IngestUnchanged,
    RefreshSchedule,
    SourceActivated,
    SourceCreated,
    SourceDeactivated,
    SourceType,
    SourceUpdated,
    Trigger,
)

from minirag_ingest.domain.difference import Difference
from minirag_ingest.errors import (
    NestedTooDeep,
    NothingToCancel,
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
    """The state that decisions are made on.

    ``version`` is the last that was asked for, 0 before the first, and ``of_version`` the one whose text it shall have, if it
    is a rollback; ``visible`` is the one that answers, 0 if none does, with ``chunk_count`` passages; ``failures`` counts the
    versions that failed one after the other.
    """

    source_id: UUID | None = None
    bot_id: UUID | None = None
    parent_id: UUID | None = None
    source_type: SourceType = "text"
    settings: Settings = Settings()
    version: int = 0
    of_version: int | None = None
    visible: int = 0
    chunk_count: int = 0
    failures: int = 0
    processing: bool = False
    active: bool = True

    @property
    def name(self) -> str:
        """As clients see it."""
        return self.settings.name

    @property
    def is_site(self) -> bool:
        """Whether its pages are its children, found by a crawl."""
        return self.source_type == "url" and "crawl" in self.settings.config


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
    """A new version shall be made; of an earlier one's text if ``of_version`` says so."""

    trigger: Trigger = "request"
    of_version: int | None = None


@dataclass(frozen=True, slots=True)
class Cancel:
    """No more of the version that is being made."""


@dataclass(frozen=True, slots=True)
class Complete:
    """The version is visible. ``difference`` is None where there is no text to compare, as of a site that was looked through."""

    version: int
    chunk_count: int
    generation: int
    document_count: int = 1
    difference: Difference | None = None
    embedded: int | None = None


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The version would be what answers already."""

    version: int


@dataclass(frozen=True, slots=True)
class Fail:
    """The version cannot be made; ``error`` is a sentence for people."""

    version: int
    code: str
    error: str
    attempts: int = 1


Outcome = Complete | Unchanged | Fail
Command = Create | Update | Deactivate | Activate | Ingest | Cancel | Outcome


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
            return replace(state, version=event.version, of_version=event.of_version, processing=True)
        case IngestCompleted() | IngestUnchanged() | IngestFailed() | IngestCancelled():
            return _ended(state, event)
        case SourceDeactivated() | SourceActivated():
            active = isinstance(event, SourceActivated)
            return replace(state, active=active, visible=state.visible if active else 0)
        case _:
            return state


def _ended(state: Source, event: EventPayload) -> Source:
    """No version is being made any more."""
    match event:
        case IngestCompleted():
            counted = replace(state, visible=event.version, chunk_count=event.chunk_count)
            return replace(counted, processing=False, failures=0)
        case IngestUnchanged():
            return replace(state, processing=False, failures=0)
        case IngestFailed():
            return replace(state, processing=False, failures=state.failures + 1)
        case _:
            return replace(state, processing=False)


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
        case _:
            return _ingest(state, state.source_id, state.bot_id, command)


def _ingest(
    state: Source, source_id: UUID, bot_id: UUID, command: Ingest | Cancel | Outcome
) -> list[EventPayload]:
    match command:
        case Ingest():
            return [_request(state, source_id, bot_id, command)]
        case Cancel():
            return [_cancel(state, source_id, bot_id, "requested")]
        case _:
            return _end(state, source_id, bot_id, command)


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
    return [_cancel(state, source_id, bot_id, "deactivated"), gone]


def _cancel(
    state: Source, source_id: UUID, bot_id: UUID, reason: Literal["deactivated", "requested"]
) -> EventPayload:
    if not state.processing:
        raise NothingToCancel
    return IngestCancelled(source_id=source_id, bot_id=bot_id, version=state.version, reason=reason)


def _activate(state: Source, source_id: UUID, bot_id: UUID, command: Activate) -> list[EventPayload]:
    if state.active:
        return []
    if command.parent is not None and not command.parent.active:
        raise ParentInactive
    back = SourceActivated(source_id=source_id, bot_id=bot_id)
    return [back, _request(evolve(state, back), source_id, bot_id, Ingest())] if command.something else [back]


def _request(state: Source, source_id: UUID, bot_id: UUID, command: Ingest) -> EventPayload:
    if not state.active:
        raise SourceInactive
    if state.processing:
        raise SourceBusy
    return IngestRequested(
        source_id=source_id,
        bot_id=bot_id,
        version=state.version + 1,
        trigger=command.trigger,
        of_version=command.of_version,
    )


def _end(state: Source, source_id: UUID, bot_id: UUID, outcome: Outcome) -> list[EventPayload]:
    if not is_current(state, outcome.version):
        return []
    match outcome:
        case Fail():
            return [
                IngestFailed(
                    source_id=source_id,
                    bot_id=bot_id,
                    version=outcome.version,
                    code=outcome.code,
                    error=outcome.error[:MAX_ERROR],
                    attempts=outcome.attempts,
                )
            ]
        case Unchanged():
            return [
                IngestUnchanged(
                    source_id=source_id,
                    bot_id=bot_id,
                    source_name=state.name,
                    version=outcome.version,
                    visible=state.visible,
                    chunk_count=state.chunk_count,
                )
            ]
        case Complete():
            return [_completed(state, source_id, bot_id, outcome)]


def _completed(state: Source, source_id: UUID, bot_id: UUID, outcome: Complete) -> EventPayload:
    difference = outcome.difference
    return IngestCompleted(
        source_id=source_id,
        bot_id=bot_id,
        source_name=state.name,
        version=outcome.version,
        document_count=outcome.document_count,
        chunk_count=outcome.chunk_count,
        generation=outcome.generation,
        added=difference.added if difference else None,
        changed=difference.changed if difference else None,
        removed=difference.removed if difference else None,
        embedded=outcome.embedded,
    )
