"""What every service answers: its events, its health, its projections, its dead letters, its secrets, what it erases.

These are asked under a service's credential, never for a tenant; but for those of ``OF_TENANTS``, which read what the
context's tenant may see. Their subjects come from ``common_subject``.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from minirag_contracts.requests.base import Reply, Request


class RecordedEvent(Reply):
    """An event as its owner's store has it."""

    event_id: UUID
    tenant_id: UUID
    stream: str
    version: int
    type: str
    schema_version: int
    data: dict[str, Any]
    metadata: dict[str, Any]
    recorded_at: datetime
    position: int


class EventsRead(Request):
    """Events after a position, oldest first; or one stream's events after a version.

    ``patterns`` are subject patterns of event types (``bot.>``, ``source.ingest.completed``).
    """

    after: int = 0
    patterns: list[str] = []
    stream: str | None = None
    after_version: int = 0
    limit: int = Field(default=500, ge=1, le=2000)


class EventsReply(Reply):
    """``head`` is the last position that was looked at: with fewer than ``limit`` events there is nothing up to it."""

    events: list[RecordedEvent]
    head: int


class EventsTail(Request):
    """The tenant's own events after a position, in order, as a tenant may see them.

    ``after`` None asks where to begin: at the events that were recorded since a moment, or with ``since`` None at what comes
    next. Such an answer has no events.
    """

    after: int | None = None
    since: datetime | None = None
    patterns: list[str] = []
    limit: int = Field(default=100, ge=1, le=500)


class TailReply(Reply):
    """``events`` have today's schema version and no internal fields. ``head`` is the position to go on from, ``more`` tells
    whether there is more already. A ``head`` below the position that was asked for means that the store was set back.
    """

    events: list[RecordedEvent]
    head: int
    more: bool


class AuditRead(Request):
    """Who did what in the tenant, newest first: recorded before (``before_at``, ``before_id``), by ``actor``, of the types
    ``types`` and none of ``without``, from ``since`` to before ``until``.
    """

    before_at: datetime | None = None
    before_id: UUID | None = None
    actor: str | None = None
    types: list[str] = []
    without: list[str] = []
    since: datetime | None = None
    until: datetime | None = None
    limit: int = Field(default=100, ge=1, le=1001)


class AuditedEvent(Reply):
    """An event as a tenant may see it, and from where it was asked for; empty where that is not known or erased."""

    event: RecordedEvent
    address: str
    agent: str


class AuditReply(Reply):
    """``more`` tells whether there are older ones, which may also be because the answer would be too large."""

    entries: list[AuditedEvent]
    more: bool


class HealthCheck(Request):
    """Is the service able to do its work?"""


class HealthReply(Reply):
    """``checks`` names each thing that the service needs, with ``ok`` or a sentence."""

    status: str
    checks: dict[str, str]
    details: dict[str, Any] = {}


class ProjectionsVerify(Request):
    """Fold every event again beside the live rows and compare; ``repair`` puts the fold in their place."""

    projection: str | None = None
    repair: bool = False


class ProjectionReport(Reply):
    """Differences by table; empty lists mean that the projection equals its rebuild."""

    projection: str
    events: int
    rows: int
    differences: list[str]


class ProjectionsReply(Reply):
    """One report for each projection."""

    reports: list[ProjectionReport]


class DeadLettersList(Request):
    """What was given up on."""

    limit: int = 100


class DeadLetter(Reply):
    """A reaction or piece of work that kept failing."""

    letter_id: UUID
    kind: str
    key: str
    tenant_id: UUID
    attempts: int
    error: str
    parked_at: datetime
    replayed_at: datetime | None


class DeadLettersReply(Reply):
    """Newest first."""

    letters: list[DeadLetter]


class DeadLettersReplay(Request):
    """Try again what was given up on: one letter, or all."""

    letter_id: UUID | None = None


class ReplayedReply(Reply):
    """How many letters were put back to work, and how many failed again with which type of error: those stay open."""

    replayed: int
    failed: dict[str, int] = {}


class SecretsRotate(Request):
    """Encrypt anew, with the newest key, whatever this service has sealed with an older one. Safe to repeat."""

    dry_run: bool = False


class SealedTable(Reply):
    """``outdated`` rows are (or, in a dry run, would be) sealed anew; ``unreadable`` ones no known key opens."""

    table: str
    rows: int
    outdated: int
    unreadable: int


class SecretsReply(Reply):
    """By table."""

    tables: list[SealedTable]


class TenantErase(Request):
    """Has this service erased the tenant that ``tenant.erased`` names? What was on its way meanwhile is erased by this."""

    tenant_id: UUID


class TenantEraseReply(Reply):
    """Not ``heard``: the event has not come yet, and nothing is erased."""

    heard: bool


class PersonErase(Request):
    """Erase what an actor of a tenant said and from where: ``user:<id>`` or ``visitor:<id>``. Safe to repeat."""

    tenant_id: UUID
    actor: str = Field(pattern=r"^(user|visitor):.+$")


class PersonEraseReply(Reply):
    """How many rows were erased."""

    rows: int


COMMON: dict[str, tuple[type[Request], type[BaseModel]]] = {
    "events.read": (EventsRead, EventsReply),
    "events.tail": (EventsTail, TailReply),
    "audit.read": (AuditRead, AuditReply),
    "health": (HealthCheck, HealthReply),
    "projections.verify": (ProjectionsVerify, ProjectionsReply),
    "dead_letters.list": (DeadLettersList, DeadLettersReply),
    "dead_letters.replay": (DeadLettersReplay, ReplayedReply),
    "secrets.rotate": (SecretsRotate, SecretsReply),
    "tenant.erase": (TenantErase, TenantEraseReply),
    "person.erase": (PersonErase, PersonEraseReply),
}
"""Verb → model and reply of what every service answers."""

OF_TENANTS = frozenset({"events.tail", "audit.read"})
"""Those that are asked for a tenant: they see that tenant's rows only, and wait in line with the service's other requests."""


def common_subject(service: str, verb: str) -> str:
    """Where one service answers a common request."""
    return f"rpc.{service}.{verb}"


def health_subject(service: str, instance: str) -> str:
    """Where one process of a service tells how it is, where ``rpc.<service>.health`` asks any of them.

    ``instance`` is its process id: whoever asks is on the same machine and has started it.
    """
    return f"$SRV.HEALTH.{service}.{instance}"
