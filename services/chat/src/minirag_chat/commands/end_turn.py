"""The end of a turn: one transaction with its event, its content and the end of its work, then its last frame."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from minirag_contracts.context import Context
from minirag_contracts.events import EventPayload
from minirag_contracts.events.chat import Usage
from minirag_contracts.frames import FrameEvent
from minirag_contracts.requests.chat import CitationRead, MessageRead
from minirag_eventstore import EventStore, LeaseLost, Transaction, WorkItem

from minirag_chat.commands.citations import citation_refs
from minirag_chat.commands.frame_writer import FrameWriter
from minirag_chat.commands.job import TurnJob
from minirag_chat.domain import turn
from minirag_chat.errors import TurnFailure
from minirag_chat.ports import Contents, FrameBus

log = logging.getLogger(__name__)

PATIENCE = 30.0
"""Seconds for which the end of a turn is tried again while the database is away."""

Decide = Callable[[turn.Turn, str], list[EventPayload]]
"""The turn as it stands and the content's hash → the events that end it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a turn has produced when it ends, whole or not."""

    job: TurnJob
    context: Context
    attempt: int
    stream: bool = True
    text: str = field(default="", repr=False)
    citations: list[CitationRead] = field(default_factory=list, repr=False)
    usage: Usage | None = None
    first_token_ms: int | None = None
    duration_ms: int = 0
    stopped: bool = False

    def figures(self, frames: int) -> turn.Figures:
        """What the event tells of the run."""
        return turn.Figures(
            attempt=self.attempt,
            frames=frames,
            duration_ms=self.duration_ms,
            first_token_ms=self.first_token_ms,
            stopped=self.stopped,
        )


class EndTurn:
    """Ends turns, each exactly once: by the turn's version and by the lease of its work."""

    def __init__(self, store: EventStore, contents: Contents) -> None:
        self._store = store
        self._contents = contents
        self._late: set[asyncio.Task[None]] = set()

    async def completed(self, item: WorkItem, answer: Answer, writer: FrameWriter) -> None:
        """The answer is whole, or as much of it as was wanted: commit it, then say so."""
        usage = answer.usage
        if usage is None:
            raise ValueError("a completed answer has its usage")

        def decide(state: turn.Turn, content_hash: str) -> list[EventPayload]:
            return turn.complete(
                state,
                content_hash=content_hash,
                usage=usage,
                citations=citation_refs(answer.citations),
                figures=answer.figures(writer.n + 1),
            )

        ended_at = await self._persist(item, answer, decide)
        if ended_at is not None:
            await writer.write("done", _done(answer, usage, ended_at))

    async def failed(self, item: WorkItem, answer: Answer, failure: TurnFailure, writer: FrameWriter) -> None:
        """There is no whole answer: commit what there is, then say so."""
        if await self._persist(item, answer, _failing(answer, failure, writer.n + 1)) is not None:
            log.warning(
                "turn failed",
                extra={
                    "message_id": str(answer.job.message_id),
                    "code": failure.code,
                    "attempt": answer.attempt,
                },
            )
            await writer.write("error", _error(failure))

    async def parked(
        self, transaction: Transaction, item: WorkItem, answer: Answer, failure: TurnFailure, frames: FrameBus
    ) -> None:
        """The work was given up in this transaction (which ends it): the turn fails with it."""
        await self._write(transaction, answer, _failing(answer, failure, 1))
        writer = FrameWriter(frames, item.tenant_id, answer.job.message_id, attempt=item.attempt)
        transaction.after_commit(lambda: self._later(writer.write, "error", _error(failure)))

    async def _persist(self, item: WorkItem, answer: Answer, decide: Decide) -> datetime | None:
        """When the turn ended; None if somebody else has ended it. Outlives a database that comes back in time."""
        began, delay = time.monotonic(), 0.1
        while True:
            try:
                async with self._store.transaction(item.scope) as transaction:
                    ended_at = await self._write(transaction, answer, decide)
                    await item.finish(transaction)
                return ended_at
            except (turn.TurnOver, LeaseLost) as lost:
                log.warning(
                    "turn was ended by another", extra={"message_id": item.key, "reason": type(lost).__name__}
                )
                return None
            except (
                Exception
            ) as error:  # a restarting database, a stop meanwhile: many kinds, each tried again for a while
                if time.monotonic() - began > PATIENCE:
                    raise
                log.warning(
                    "turn not yet stored", extra={"message_id": item.key, "error": type(error).__name__}
                )
                await asyncio.sleep(delay)
                delay = min(delay * 2, 2.0)

    async def _write(self, transaction: Transaction, answer: Answer, decide: Decide) -> datetime:
        stream = turn.stream_of(answer.job.message_id)
        state, version = await transaction.load(stream, turn.evolve, turn.Turn())
        turn.require_running(state)
        content_hash = await self._contents.add_message(
            transaction.connection, transaction.scope, answer.job.message_id, answer.text, answer.citations
        )
        events = await transaction.append(answer.context, stream, version, decide(state, content_hash))
        return events[-1].recorded_at

    def _later(self, write: Callable[..., Any], event: FrameEvent, data: dict[str, Any]) -> None:
        task = asyncio.create_task(write(event, data))
        self._late.add(task)
        task.add_done_callback(self._late.discard)


def _failing(answer: Answer, failure: TurnFailure, frames: int) -> Decide:
    def decide(state: turn.Turn, _content_hash: str) -> list[EventPayload]:
        return turn.fail(
            state,
            failure=failure,
            figures=answer.figures(frames),
            usage=answer.usage,
            citations=citation_refs(answer.citations),
        )

    return decide


def _error(failure: TurnFailure) -> dict[str, Any]:
    return {"detail": failure.detail, "code": failure.code}


def _done(answer: Answer, usage: Usage, ended_at: datetime) -> dict[str, Any]:
    job = answer.job
    data: dict[str, Any] = {
        "chat_id": str(job.chat_id),
        "message_id": str(job.message_id),
        "usage": {
            "model": usage.model,
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
            "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        },
    }
    if answer.stopped:
        data["stopped"] = True
    if not answer.stream:  # whoever streams has the text already
        message = MessageRead(
            id=job.message_id,
            chat_id=job.chat_id,
            role="assistant",
            content=answer.text,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            feedback=None,
            created_at=ended_at,
            sources=answer.citations,
        )
        data["message"] = message.model_dump(mode="json")
    return data
