"""Signals: what is worth telling at this moment and nothing after it. Never events, kept nowhere, and may be lost.

A signal goes out on ``signal.<service>.<name>.<…>``. Whoever needs to be right without it asks the owner.
"""

from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

Stage = Literal["reading", "unpacking", "crawling", "chunking", "indexing"]
"""The stages of a version that ingest tells of today."""


class Signal(BaseModel):
    """The body of a signal. Unknown fields are ignored, so that a newer service may say more."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Beat(Signal):
    """A service's relay has published everything up to ``position``, and had nothing more when it looked."""

    position: int


class Progress(Signal):
    """How far the making of a source's version has come; ``done`` and ``total`` count chunks (0: not known yet), of a
    site that is ``crawling`` its pages.
    """

    # ``stage`` is a Stage today and text on the wire: a newer ingest may have more of them.

    source_id: UUID
    bot_id: UUID
    version: int
    stage: str
    done: int = 0
    total: int = 0


class StopAnswer(Signal):
    """Whoever writes this answer shall stop; that it was asked for is recorded already."""

    message_id: UUID


def beat_subject(service: str) -> str:
    """Where a service's relay shows that it is alive."""
    return f"signal.{service}.beat"


def progress_subject(tenant_id: UUID | str) -> str:
    """Where ingest tells of a tenant's running ingestions; ``*`` stands for every tenant."""
    return f"signal.ingest.progress.{tenant_id}"


def stop_subject(message_id: UUID | str) -> str:
    """Where chat asks the process that writes an answer to stop; ``*`` stands for every answer."""
    return f"signal.chat.stop.{message_id}"
