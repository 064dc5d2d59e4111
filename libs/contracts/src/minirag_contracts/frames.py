"""Chat frames: the tokens of a running answer. Never events; kept for ten minutes so that a client can resume."""

from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

FrameEvent = Literal["sources", "delta", "done", "error"]


class Frame(BaseModel):
    """One frame of one turn; ``n`` counts from 0 within the turn, ``attempt`` from 1.

    ``data`` is what spec §11 shows for the SSE event of the same name; ``done`` has in addition ``message``
    (a MessageRead) for plain chat.
    """

    model_config = ConfigDict(frozen=True)

    n: int
    attempt: int
    event: FrameEvent
    data: dict[str, Any]


def frame_subject(tenant_id: UUID, message_id: UUID) -> str:
    """Where the frames of one turn are published."""
    return f"frames.{tenant_id}.{message_id}"
