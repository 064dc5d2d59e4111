"""Following one turn to its end, whatever stops on the way: live frames, then kept ones, then the stored message."""

import logging
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace

from minirag_contracts.context import Context
from minirag_contracts.errors import Refusal, Unavailable
from minirag_contracts.frames import Frame
from minirag_contracts.requests.chat import TurnRead, TurnStarted

from minirag_gateway.ports import FrameFeed, Turns
from minirag_gateway.queries.delivery import ENDS, NO_NUMBER, Delivery, Verdict, ends_for_another, failure

logger = logging.getLogger(__name__)

STILL_RUNNING = "turn_still_running"
"""Code of the error frame that ends a connection, but not the turn, after the longest wait."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: silence after which the turn's state is asked for, and the longest wait on one connection."""

    quiet: float
    wait: float


class TurnFollower:
    """One client's view of one turn. ``feed`` must be subscribed before the turn was started."""

    def __init__(
        self,
        turns: Turns,
        context: Context,
        turn: TurnStarted,
        patience: Patience,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._turns = turns
        self._context = replace(context, command_id=None, deadline=None)
        self._turn = turn
        self._patience = patience
        self._clock = clock
        self._gap_until = 0.0

    async def follow(
        self, feed: FrameFeed, *, after: int = -1, replay: bool = False
    ) -> AsyncIterator[Frame | None]:
        """The frames after number ``after`` to the end, each once, in order; None marks a spell of silence.

        ``replay``: the turn may have begun (or ended) before ``feed`` was subscribed, so what is kept comes first.
        """
        delivery = Delivery.after(after)
        deadline = self._clock() + self._patience.wait
        if replay:
            async for frame in self._catch_up(delivery):
                yield frame
        while not delivery.over and self._clock() < deadline:
            heard = await feed.next(self._patience.quiet)
            if heard is None:
                yield None
            async for frame in self._catch_up(delivery) if heard is None else self._heard(delivery, heard):
                yield frame
        if not delivery.over:
            yield _out_of_turn(
                STILL_RUNNING, "The answer is taking longer than expected; it goes on and can be resumed."
            )

    async def _heard(self, delivery: Delivery, frame: Frame) -> AsyncIterator[Frame]:
        match delivery.judge(frame):
            case Verdict.NEXT:
                yield delivery.deliver(frame)
            case Verdict.GAP if frame.event in ENDS or self._clock() >= self._gap_until:
                async for missed in self._catch_up(delivery):
                    yield missed
                if delivery.judge(frame) is Verdict.NEXT:
                    yield delivery.deliver(frame)
                elif (
                    not delivery.over
                ):  # what is missing is gone: wait for the end instead of asking at every token
                    self._gap_until = self._clock() + self._patience.quiet
            case Verdict.OTHER_ATTEMPT:
                yield self._other_attempt(delivery, frame)

    async def _catch_up(self, delivery: Delivery) -> AsyncIterator[Frame]:
        """Kept frames that fit, and, if the turn is over and they do not reach its end, the rest from the message."""
        state = await self._state()
        for frame in await self._kept(delivery):
            if delivery.judge(frame) is Verdict.NEXT:
                yield delivery.deliver(frame)
        if state is not None and state.state != "running" and not delivery.over:
            for frame in delivery.rest_of(state):
                yield frame

    def _other_attempt(self, delivery: Delivery, frame: Frame) -> Frame:
        """A turn whose frames went out is never run again; who ends it for a dead process may say so, nobody else."""
        if ends_for_another(frame):
            return delivery.deliver(frame.model_copy(update={"n": delivery.last + 1}))
        logger.error("two attempts of one turn sent frames", extra={"message_id": str(self._turn.message_id)})
        delivery.over = True
        return _out_of_turn("turn_interrupted", "The answer was interrupted. Please read it from the chat.")

    async def _kept(self, delivery: Delivery) -> list[Frame]:
        try:
            return list(await self._turns.stored(self._context.scope, self._turn.message_id, delivery.last))
        except Unavailable:
            logger.warning("kept frames cannot be read", extra={"message_id": str(self._turn.message_id)})
            return []

    async def _state(self) -> TurnRead | None:
        """The turn in chat's store; None while chat cannot be asked, since it will come back."""
        try:
            return await self._turns.state(self._context, self._turn.chat_id, self._turn.message_id)
        except Unavailable:
            return None
        except Refusal as refusal:
            logger.warning(
                "the state of a turn could not be read",
                extra={"message_id": str(self._turn.message_id), "code": refusal.code},
            )
            return None


def _out_of_turn(code: str, detail: str) -> Frame:
    return Frame(n=NO_NUMBER, attempt=1, event="error", data=failure(code, detail))
