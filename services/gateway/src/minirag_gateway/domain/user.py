"""The user: somebody who may act for a tenant, in a role. Owners are above administrators, who are above members."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from minirag_contracts.errors import Conflict
from minirag_contracts.events import EventPayload
from minirag_contracts.events.gateway import (
    Role,
    UserActivated,
    UserCreated,
    UserDeactivated,
    UserPasswordChanged,
    UserResetIssued,
    UserRoleChanged,
    UserUpdated,
)

from minirag_gateway.errors import LastOwner, OwnersOnly, UserNotFound


@dataclass(frozen=True, slots=True)
class User:
    """What decisions need to know of a user."""

    exists: bool = False
    role: Role = "member"
    is_active: bool = False
    email_hash: str = ""


def stream_of(user_id: UUID) -> str:
    """The event stream of a user."""
    return f"user-{user_id}"


def create(
    user: User, *, user_id: UUID, role: Role, email_hash: str, by: Role = "owner"
) -> Sequence[EventPayload]:
    """Somebody may act for the tenant from now on; only owners make owners."""
    if user.exists:
        raise Conflict
    if role == "owner" and by != "owner":
        raise OwnersOnly
    return [UserCreated(user_id=user_id, role=role, email_hash=email_hash)]


def touch(user: User, by: Role) -> None:
    """Raises UserNotFound, or OwnersOnly where somebody who is no owner lays hands on one."""
    if not user.exists:
        raise UserNotFound
    if user.role == "owner" and by != "owner":
        raise OwnersOnly


def change_role(
    user: User, user_id: UUID, role: Role, *, by: Role, other_owners: int
) -> Sequence[EventPayload]:
    """Another role; only owners grant ``owner``, and a tenant keeps one. ``other_owners`` counts the active ones."""
    touch(user, by)
    if role == user.role:
        return []
    if role == "owner" and by != "owner":
        raise OwnersOnly
    _keep_an_owner(user, other_owners)
    return [UserRoleChanged(user_id=user_id, role=role)]


def deactivate(user: User, user_id: UUID, *, by: Role, other_owners: int) -> Sequence[EventPayload]:
    """Nothing any more; a tenant keeps an owner."""
    touch(user, by)
    if not user.is_active:
        return []
    _keep_an_owner(user, other_owners)
    return [UserDeactivated(user_id=user_id)]


def activate(user: User, user_id: UUID, *, by: Role) -> Sequence[EventPayload]:
    """Everything again that the role allows."""
    touch(user, by)
    return [] if user.is_active else [UserActivated(user_id=user_id)]


def update(user: User, user_id: UUID, email_hash: str, *, by: Role, renamed: bool) -> Sequence[EventPayload]:
    """Another address or (``renamed``) another name."""
    touch(user, by)
    if email_hash == user.email_hash and not renamed:
        return []
    return [UserUpdated(user_id=user_id, email_hash=email_hash)]


def change_password(user_id: UUID, how: Literal["own", "administrator", "reset"]) -> Sequence[EventPayload]:
    """Another password."""
    return [UserPasswordChanged(user_id=user_id, how=how)]


def issue_reset(
    user: User, user_id: UUID, *, by: Role, reset_id: UUID, expires_at: datetime
) -> Sequence[EventPayload]:
    """A link by which the user may choose a password."""
    touch(user, by)
    return [UserResetIssued(user_id=user_id, reset_id=reset_id, expires_at=expires_at)]


def evolve(user: User, event: EventPayload) -> User:
    """The user after the event."""
    match event:
        case UserCreated():
            return User(exists=True, role=event.role, is_active=True, email_hash=event.email_hash)
        case UserUpdated():
            return replace(user, email_hash=event.email_hash)
        case UserRoleChanged():
            return replace(user, role=event.role)
        case UserDeactivated() | UserActivated():
            return replace(user, is_active=isinstance(event, UserActivated))
    return user


def _keep_an_owner(user: User, other_owners: int) -> None:
    if user.role == "owner" and user.is_active and other_owners == 0:
        raise LastOwner
