"""Answer an accepted question: search, ask the model, send frames, commit what came out."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from minirag_contracts.events.chat import Usage
from minirag_contracts.frames import Frame
from minirag_contracts.requests.chat import CitationRead
from minirag_contracts.requests.retrieval import SearchReply
from minirag_eventstore import EventStore, Transaction, WorkItem

from minirag_chat.commands.citations import citations_of, passages_of
from minirag_chat.commands.end_turn import Answer, EndTurn
from minirag_chat.commands.frame_writer import FrameWriter
from minirag_chat.commands.job import TurnJob
from minirag_chat.commands.run import AnswerStopped, Run
from minirag_chat.domain import text, tokens
from minirag_chat.domain.prompt import Prompt, bounded
from minirag_chat.errors import (
    BotInactive,
    InternalFailure,
    LlmAuthenticationFailed,
    ModelNotConfigured,
    ModelUnknown,
    TurnFailure,
    TurnInterrupted,
)
from minirag_chat.ports import ChosenModel, Delta, FrameBus, Models, Params, Retrieval, Secrets, TokenCount
from minirag_chat.queries.material import Material, MaterialGone, load_material

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a turn may read and how long it may take."""

    history_turns: int = 10
    history_characters: int = 60_000
    top_k: int = 5
    duration: timedelta = timedelta(minutes=10)


class RunTurn:
    """Runs turns out of the work table. No database connection is held while the model writes."""

    def __init__(
        self,
        store: EventStore,
        secrets: Secrets,
        retrieval: Retrieval,
        models: Models,
        frames: FrameBus,
        end_turn: EndTurn,
        limits: Limits,
    ) -> None:
        self._store = store
        self._secrets = secrets
        self._retrieval = retrieval
        self._models = models
        self._frames = frames
        self._end = end_turn
        self._limits = limits
        self._running: dict[UUID, Run] = {}

    async def __call__(self, item: WorkItem) -> None:
        """Ends the turn, or raises before its first frame, and then it is tried again."""
        job = TurnJob.from_json(item.payload)
        writer = FrameWriter(self._frames, item.tenant_id, job.message_id, attempt=item.attempt)
        run = Run(job, job.context(item.tenant_id), writer, item.attempt)
        if item.attempt > 1 or item.last_error is not None:
            seen = await self._frames.stored_frames(item.scope, job.message_id)
            if seen:
                await self._take_over(item, run, seen)
                return
        self._running[job.message_id] = run
        try:
            failure = await self._answer(item, run)
        finally:
            if self._running.get(job.message_id) is run:  # else another has replaced it here
                del self._running[job.message_id]
        await self._finish(item, run, failure)

    def stop(self, message_id: UUID) -> None:
        """No more of this answer is wanted: what this process is writing of it ends now, and is kept."""
        run = self._running.get(message_id)
        if run is not None:
            run.stop()

    async def _finish(self, item: WorkItem, run: Run, failure: TurnFailure | None) -> None:
        if failure is None:
            await self._end.completed(item, self._outcome(run), run.writer)
        else:
            await self._end.failed(item, self._outcome(run), failure, run.writer)

    async def _answer(self, item: WorkItem, run: Run) -> TurnFailure | None:
        """Produces the answer into ``run``; gives the failure that ended it, if one did."""
        try:
            material = await self._prepare(item, run)
            async with run.bounded(self._limits.duration.total_seconds()):
                await self._produce(run, material)
        except AnswerStopped:
            run.stopped = True
        except TurnFailure as failure:
            return failure
        except (ModelNotConfigured, ModelUnknown):
            return LlmAuthenticationFailed()  # the key was taken away between the question and now
        except asyncio.CancelledError:
            if (
                run.writer.n
            ):  # others would find the frames anyway: say now how it ended, not when the lease runs out
                await asyncio.shield(self._finish(item, run, TurnInterrupted()))
            raise
        except Exception:
            if not run.writer.n:
                raise  # nobody has seen anything of it: the runner tries again
            log.exception(
                "turn failed", extra={"message_id": str(run.job.message_id), "attempt": run.attempt}
            )
            return InternalFailure()
        return None

    async def _prepare(self, item: WorkItem, run: Run) -> Material:
        """What the turn is made from; raises AnswerStopped or BotInactive where there is nothing to make any more."""
        material = await self._material(item, run)
        if material.stop_requested or run.unwanted:
            raise AnswerStopped
        if not material.is_active:
            raise BotInactive
        return material

    async def _material(self, item: WorkItem, run: Run) -> Material:
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
        return material

    async def _produce(self, run: Run, material: Material) -> None:
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
        run.prompt = self._prompt(run, material, found)
        sealed = material.credentials
        params = Params(
            model=chosen.name,
            temperature=material.temperature,
            max_tokens=material.max_tokens,
            api_key=None if sealed is None else self._secrets.open_credentials(sealed),
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

    def _prompt(self, run: Run, material: Material, found: SearchReply) -> Prompt:
        return Prompt(
            system_prompt=material.system_prompt,
            history=bounded(material.history, self._limits.history_characters),
            question=material.question,
            found=found,
            message_id=run.job.message_id,
        )

    async def _take_over(self, item: WorkItem, run: Run, seen: Sequence[Frame]) -> None:
        """A process died after it had shown something: the turn ends with what was shown.

        Where it was to be stopped anyway, that is all that was wanted; else it has failed.
        """
        latest = max(frame.attempt for frame in seen)
        shown = sorted((frame for frame in seen if frame.attempt == latest), key=lambda frame: frame.n)
        sources: list[dict[str, Any]] = next(
            (frame.data["sources"] for frame in shown if frame.event == "sources"), []
        )
        run.citations = [CitationRead.model_validate(source) for source in sources]
        run.pieces = [frame.data["content"] for frame in shown if frame.event == "delta"]
        run.writer.n = max(frame.n for frame in seen) + 1
        try:
            material = await self._material(item, run)
        except MaterialGone:
            await self._finish(item, run, TurnInterrupted())
            return
        run.prompt = self._prompt(run, material, passages_of(run.citations))
        run.asked, run.stopped = True, material.stop_requested
        await self._finish(item, run, None if run.stopped else TurnInterrupted())

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
            usage=self._usage(run) if run.asked or run.stopped else None,
            stopped=run.stopped,
            first_token_ms=run.first_token_ms,
            duration_ms=run.elapsed_ms(),
        )

    def _usage(self, run: Run) -> Usage:
        count = run.count
        if count is None:  # the model was not asked, or its side was left or lost before it could tell
            prompt = tokens.estimate(run.prompt.text()) if run.prompt else 0
            count = TokenCount(prompt_tokens=prompt, completion_tokens=tokens.estimate("".join(run.pieces)))
        return Usage(
            model=run.model,
            prompt_tokens=count.prompt_tokens,
            completion_tokens=count.completion_tokens,
            cost_usd=self._models.cost_usd(run.model, count),
        )
