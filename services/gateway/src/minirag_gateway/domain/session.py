"""The session: one login, from the password to the logout. Its refresh tokens are counted generations."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from uuid import UUID

from minirag_contracts.errors import Conflict
from minirag_contracts.events import EventPayload
from minirag_contracts.events.gateway import SessionEnd, SessionEnded, SessionStarted

GRACE = timedelta(minutes=1)
"""How long the refresh token before the current one is still answered, for a client that has lost the reply."""


@dataclass(frozen=True, slots=True)
class Session:
    """What decisions need to know of a session."""

    user_id: UUID | None = None
    is_active: bool = False


class Refresh(Enum):
    """What becomes of a refresh token that is shown."""

    NEXT = auto()
    """It is the current one: exchange it for the next."""
    AGAIN = auto()
    """It was exchanged a moment ago: answer the same again."""
    REUSED = auto()
    """It was exchanged long ago: somebody else has it too."""


def stream_of(session_id: UUID) -> str:
    """The event stream of a session."""
    return f"session-{session_id}"


def start(
    session: Session, *, session_id: UUID, user_id: UUID, expires_at: datetime
) -> Sequence[EventPayload]:
    """Somebody has logged in."""
    if session.user_id is not None:
        raise Conflict
    return [SessionStarted(session_id=session_id, user_id=user_id, expires_at=expires_at)]


def end(session: Session, session_id: UUID, reason: SessionEnd) -> Sequence[EventPayload]:
    """The session is worth nothing any more; ending it again changes nothing."""
    if session.user_id is None or not session.is_active:
        return []
    return [SessionEnded(session_id=session_id, user_id=session.user_id, reason=reason)]


def judge(shown: int, current: int, rotated_at: datetime, now: datetime) -> Refresh:
    """What becomes of the refresh token of generation ``shown`` when ``current`` was made at ``rotated_at``."""
    if shown == current:
        return Refresh.NEXT
    if shown == current - 1 and now - rotated_at <= GRACE:
        return Refresh.AGAIN
    return Refresh.REUSED


def evolve(session: Session, event: EventPayload) -> Session:
    """The session after the event."""
    match event:
        case SessionStarted():
            return Session(user_id=event.user_id, is_active=True)
        case SessionEnded():
            return replace(session, is_active=False)
    return session
