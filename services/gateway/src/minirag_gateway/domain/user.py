"""The user: somebody who may act for a tenant, in a role."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from minirag_contracts.errors import Conflict
from minirag_contracts.events import EventPayload
from minirag_contracts.events.gateway import Role, UserCreated


@dataclass(frozen=True, slots=True)
class User:
    """What decisions need to know of a user."""

    exists: bool = False
    role: Role = "member"


def stream_of(user_id: UUID) -> str:
    """The event stream of a user."""
    return f"user-{user_id}"


def create(user: User, *, user_id: UUID, role: Role, email_hash: str) -> Sequence[EventPayload]:
    """Somebody may act for the tenant from now on."""
    if user.exists:
        raise Conflict
    return [UserCreated(user_id=user_id, role=role, email_hash=email_hash)]


def evolve(user: User, event: EventPayload) -> User:
    """The user after the event."""
    return User(exists=True, role=event.role) if isinstance(event, UserCreated) else user
