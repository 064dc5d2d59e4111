"""Who asks, for which tenant, and because of what: travels beside every request and is copied into every event."""

import time
from dataclasses import dataclass, field, replace
from typing import Literal, Self
from uuid import UUID

from minirag_contracts.ids import new_id


@dataclass(frozen=True, slots=True)
class TenantScope:
    """The one door to a tenant's data: repositories, searches and subject builders demand it."""

    tenant_id: UUID


Reach = Literal["tenant", "own"]
"""How far a caller sees: everything of the tenant, or only what the same actor began."""


class MissingTenantError(RuntimeError):
    """A tenant's data was asked for without naming the tenant: a fault of the program, not of the caller."""


def trace_id_of(traceparent: str, correlation_id: UUID | None) -> str:
    """The 32 hex digits of the W3C trace context, or of the correlation id where nobody traces; empty without both."""
    parts = traceparent.split("-")
    if len(parts) == 4:
        return parts[1]
    return correlation_id.hex if correlation_id else ""


@dataclass(frozen=True, slots=True)
class Context:
    """The circumstances of one request or reaction.

    ``deadline`` is seconds since the epoch (wall clock, since it crosses processes); ``command_id`` makes a command
    safe to repeat; ``actor`` is ``user:<id>``, ``visitor:<id>``, ``system:<service>`` or ``anonymous``, and ``via`` what
    they showed for it (``token:<id>``, ``session:<id>``, ``embed_key:<id>``). ``address`` and ``agent`` tell from where they
    asked; they are personal, so they become content and never a part of an event.
    """

    actor: str
    via: str = ""
    reach: Reach = "tenant"
    address: str = field(default="", repr=False)
    agent: str = field(default="", repr=False)
    tenant_id: UUID | None = None
    correlation_id: UUID | None = None
    causation_id: UUID | None = None
    command_id: UUID | None = None
    traceparent: str = ""
    deadline: float | None = None

    @property
    def scope(self) -> TenantScope:
        """The tenant's door; raises MissingTenantError for a context without tenant."""
        if self.tenant_id is None:
            raise MissingTenantError("this context has no tenant")
        return TenantScope(self.tenant_id)

    @property
    def own_only(self) -> str | None:
        """The actor to whose own things this caller is confined; None where the whole tenant may be seen."""
        return self.actor if self.reach == "own" else None

    @property
    def trace_id(self) -> str:
        """By which the logs tell of this (see ``trace_id_of``)."""
        return trace_id_of(self.traceparent, self.correlation_id)

    def remaining(self, default: float) -> float:
        """Seconds left until the deadline, ``default`` when there is none; never negative."""
        return default if self.deadline is None else max(0.0, self.deadline - time.time())

    @classmethod
    def for_system(cls, service: str, tenant_id: UUID | None = None) -> Self:
        """A context for what a service does on its own account."""
        return cls(actor=f"system:{service}", tenant_id=tenant_id, correlation_id=new_id())

    def within(self, seconds: float) -> Self:
        """The same context with a deadline at most ``seconds`` from now."""
        ours = time.time() + seconds
        return replace(self, deadline=ours if self.deadline is None else min(self.deadline, ours))
