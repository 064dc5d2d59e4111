"""Answer an accepted question: search, ask the model, send frames, commit what came out."""

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from minirag_contracts.context import Context
from minirag_contracts.events.chat import Usage
from minirag_contracts.frames import Frame
from minirag_contracts.requests.chat import CitationRead
from minirag_contracts.requests.retrieval import SearchReply
from minirag_eventstore import EventStore, Transaction, WorkItem

from minirag_chat.commands.citations import citations_of
from minirag_chat.commands.end_turn import Answer, EndTurn
from minirag_chat.commands.frame_writer import FrameWriter
from minirag_chat.commands.job import TurnJob
from minirag_chat.domain import text, tokens
from minirag_chat.domain.prompt import Prompt, bounded
from minirag_chat.errors import (
    InternalFailure,
    LlmAuthenticationFailed,
    ModelNotConfigured,
    ModelUnknown,
    TurnFailure,
    TurnInterrupted,
    TurnTooLong,
)
from minirag_chat.ports import ChosenModel, Contents, Delta, FrameBus, Models, Params, Retrieval, TokenCount
from minirag_chat.queries.material import Material, load_material

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a turn may read and how long it may take."""

    history_turns: int = 10
    history_characters: int = 60_000
    top_k: int = 5
    duration: timedelta = timedelta(minutes=10)


@dataclass(slots=True)
class Run:
    """What one run has produced so far."""

    job: TurnJob
    context: Context
    writer: FrameWriter
    attempt: int
    began: float = field(default_factory=time.monotonic)
    model: str = ""
    stream: bool = False
    prompt: Prompt | None = None
    asked: bool = False
    pieces: list[str] = field(default_factory=list)
    count: TokenCount | None = None
    first_token_ms: int | None = None
    citations: list[CitationRead] = field(default_factory=list)

    def elapsed_ms(self) -> int:
        """Milliseconds since this process took the turn up."""
        return int((time.monotonic() - self.began) * 1000)


class RunTurn:
    """Runs turns out of the work table. No database connection is held while the model writes."""

    def __init__(
        self,
        store: EventStore,
        contents: Contents,
        retrieval: Retrieval,
        models: Models,
        frames: FrameBus,
        end_turn: EndTurn,
        limits: Limits,
    ) -> None:
        self._store = store
        self._contents = contents
        self._retrieval = retrieval
        self._models = models
        self._frames = frames
        self._end = end_turn
        self._limits = limits

    async def __call__(self, item: WorkItem) -> None:
        """Ends the turn, or raises before its first frame, and then it is tried again."""
        job = TurnJob.from_json(item.payload)
        context = job.context(item.tenant_id)
        if item.attempt > 1 or item.last_error is not None:
            seen = await self._frames.stored_frames(item.scope, job.message_id)
            if seen:
                await self._interrupted(item, job, context, seen)
                return
        writer = FrameWriter(self._frames, item.tenant_id, job.message_id, attempt=item.attempt)
        run = Run(job, context, writer, item.attempt)
        failure = await self._answer(item, run)
        if failure is None:
            await self._end.completed(item, self._outcome(run), run.writer)
        else:
            await self._end.failed(item, self._outcome(run), failure, run.writer)

    async def _answer(self, item: WorkItem, run: Run) -> TurnFailure | None:
        """Produces the answer into ``run``; gives the failure that ended it, if one did."""
        try:
            async with asyncio.timeout(self._limits.duration.total_seconds()):
                await self._produce(item, run)
        except TurnFailure as failure:
            return failure
        except TimeoutError:
            return TurnTooLong()
        except (ModelNotConfigured, ModelUnknown):
            return LlmAuthenticationFailed()  # the key was taken away between the question and now
        except asyncio.CancelledError:
            if (
                run.writer.n
            ):  # others would find the frames anyway: say now how it ended, not when the lease runs out
                await asyncio.shield(self._stopped(item, run))
            raise
        except Exception:
            if not run.writer.n:
                raise  # nobody has seen anything of it: the runner tries again
            log.exception(
                "turn failed", extra={"message_id": str(run.job.message_id), "attempt": run.attempt}
            )
            return InternalFailure()
        return None

    async def _produce(self, item: WorkItem, run: Run) -> None:
        material = await load_material(
            self._store.database,
            item.scope,
            chat_id=run.job.chat_id,
            message_id=run.job.message_id,
            first=run.job.first,
            turns=self._limits.history_turns,
        )
        run.model, run.stream = material.model, material.stream
        run.writer.pace(stream=material.stream)
        chosen = self._models.choose(material.model, has_credentials=material.credentials is not None)
        found = await self._retrieval.search(
            run.context,
            run.job.bot_id,
            material.question,
            top_k=self._limits.top_k,
            highlights=chosen.model.highlights,
        )
        run.citations = citations_of(found)
        sources = [citation.model_dump(mode="json") for citation in run.citations]
        await run.writer.write("sources", {"sources": sources})
        await self._ask(run, material, chosen, found)

    async def _ask(self, run: Run, material: Material, chosen: ChosenModel, found: SearchReply) -> None:
        run.prompt = Prompt(
            system_prompt=material.system_prompt,
            history=bounded(material.history, self._limits.history_characters),
            question=material.question,
            found=found,
            message_id=run.job.message_id,
        )
        sealed = material.credentials
        params = Params(
            model=chosen.name,
            temperature=material.temperature,
            max_tokens=material.max_tokens,
            api_key=None if sealed is None else self._contents.open_credentials(sealed),
        )
        run.asked = True
        try:
            async with aclosing(chosen.model.stream(run.prompt, params)) as parts:
                async for part in parts:
                    if isinstance(part, TokenCount):
                        run.count = part
                    else:
                        await self._take(run, part)
        finally:
            await run.writer.flush()

    async def _take(self, run: Run, delta: Delta) -> None:
        piece = text.mended(delta.text)
        if not piece:
            return
        if run.first_token_ms is None:
            run.first_token_ms = run.elapsed_ms()
        run.pieces.append(piece)
        await run.writer.delta(piece)

    async def _stopped(self, item: WorkItem, run: Run) -> None:
        await self._end.failed(item, self._outcome(run), TurnInterrupted(), run.writer)

    async def _interrupted(
        self, item: WorkItem, job: TurnJob, context: Context, seen: Sequence[Frame]
    ) -> None:
        """A process died after it had shown something: the turn ends as failed with what was shown."""
        latest = max(frame.attempt for frame in seen)
        shown = sorted((frame for frame in seen if frame.attempt == latest), key=lambda frame: frame.n)
        writer = FrameWriter(
            self._frames,
            item.tenant_id,
            job.message_id,
            attempt=item.attempt,
            n=max(frame.n for frame in seen) + 1,
        )
        sources: list[dict[str, Any]] = next(
            (frame.data["sources"] for frame in shown if frame.event == "sources"), []
        )
        answer = Answer(
            job=job,
            context=context,
            attempt=item.attempt,
            text="".join(frame.data["content"] for frame in shown if frame.event == "delta"),
            citations=[CitationRead.model_validate(source) for source in sources],
        )
        await self._end.failed(item, answer, TurnInterrupted(), writer)

    async def parked(self, transaction: Transaction, item: WorkItem, error: str) -> None:
        """The turn was tried in vain, and nobody has seen anything of it: it ends as failed, with its work row."""
        job = TurnJob.from_json(item.payload)
        answer = Answer(job=job, context=job.context(item.tenant_id), attempt=item.attempt)
        await self._end.parked(transaction, item, answer, InternalFailure(), self._frames)

    def _outcome(self, run: Run) -> Answer:
        return Answer(
            job=run.job,
            context=run.context,
            attempt=run.attempt,
            stream=run.stream,
            text="".join(run.pieces),
            citations=run.citations,
            usage=self._usage(run) if run.asked else None,
            first_token_ms=run.first_token_ms,
            duration_ms=run.elapsed_ms(),
        )

    def _usage(self, run: Run) -> Usage:
        count = run.count
        if count is None:  # the model's side was lost before it could tell
            prompt = tokens.estimate(run.prompt.text()) if run.prompt else 0
            count = TokenCount(prompt_tokens=prompt, completion_tokens=tokens.estimate("".join(run.pieces)))
        return Usage(
            model=run.model,
            prompt_tokens=count.prompt_tokens,
            completion_tokens=count.completion_tokens,
            cost_usd=self._models.cost_usd(run.model, count),
        )
