"""What one client has got of one turn, and what it still has to get: pure book-keeping of frames."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from minirag_contracts.frames import Frame
from minirag_contracts.requests.chat import TurnRead

NO_NUMBER = -1
"""The number of a frame that is no part of the turn and so carries no id: resuming after it would skip something."""

ENDS = ("done", "error")
"""The events that end a turn."""


class Verdict(Enum):
    """What to do with a frame that was heard."""

    NEXT = auto()
    KNOWN = auto()
    GAP = auto()
    OTHER_ATTEMPT = auto()


@dataclass(slots=True)
class Delivery:
    """The frames up to number ``last`` are with the client.

    ``text`` is the answer's text so far, or None where the client got (part of) it on another connection whose
    frames we have not seen.
    """

    last: int = -1
    attempt: int | None = None
    sources: bool = False
    text: list[str] | None = field(default_factory=list)
    over: bool = False

    @classmethod
    def after(cls, number: int) -> "Delivery":
        """A client that has everything up to ``number``; the sources are number 0."""
        return cls() if number < 0 else cls(last=number, sources=True, text=[] if number == 0 else None)

    def judge(self, frame: Frame) -> Verdict:
        """Whether a heard frame is the next, an old one, too early, or of another attempt than those delivered."""
        if self.attempt is not None and frame.attempt < self.attempt:
            return Verdict.KNOWN
        later = self.attempt is not None and frame.attempt > self.attempt
        if later and (not ends_for_another(frame) or frame.n <= self.last):
            return Verdict.OTHER_ATTEMPT
        if frame.n <= self.last:
            return Verdict.KNOWN
        return Verdict.NEXT if frame.n == self.last + 1 else Verdict.GAP

    def deliver(self, frame: Frame) -> Frame:
        """Notes that the client gets this frame."""
        self.last = frame.n
        self.attempt = frame.attempt
        self.over = frame.event in ENDS
        if frame.event == "sources":
            self.sources = True
        elif frame.event == "delta" and self.text is not None:
            self.text.append(str(frame.data.get("content", "")))
        return frame

    def rest_of(self, turn: TurnRead) -> Iterator[Frame]:
        """The frames that lead from where the client is to the end of an ended turn, from the stored message."""
        if turn.frames and self.last >= turn.frames - 1:
            self.over = True
            return
        only_the_end = self.last == turn.frames - 2
        parts = [*([] if only_the_end else self._missing_parts(turn)), _ending(turn)]
        last = max(turn.frames - 1, self.last + len(parts))
        numbers = [*range(self.last + 1, self.last + len(parts)), last]
        attempt = self.attempt or 1
        for number, (event, data) in zip(numbers, parts, strict=True):
            yield self.deliver(
                Frame.model_validate({"n": number, "attempt": attempt, "event": event, "data": data})
            )

    def _missing_parts(self, turn: TurnRead) -> Iterator[tuple[str, dict[str, Any]]]:
        message = turn.message
        if message is None:
            return
        if not self.sources:
            yield "sources", {"sources": [source.model_dump(mode="json") for source in message.sources]}
        delta = self._missing_text(message.content)
        if delta:
            yield "delta", delta

    def _missing_text(self, content: str) -> dict[str, Any]:
        known = None if self.text is None else "".join(self.text)
        if known is not None and content.startswith(known):
            rest = content[len(known) :]
            return {"content": rest} if rest else {}
        # The client holds an unknown part of the answer (or another text): it gets the whole, marked as such.
        return {"content": content, "replace": True} if content else {}


def ends_for_another(frame: Frame) -> bool:
    """Who ends a turn for a dead process does so under a later attempt, as failed or stopped; nothing else of one fits."""
    return frame.event == "error" or (frame.event == "done" and bool(frame.data.get("stopped")))


def _ending(turn: TurnRead) -> tuple[str, dict[str, Any]]:
    if turn.state == "completed":
        data: dict[str, Any] = {"chat_id": str(turn.chat_id), "message_id": str(turn.message_id)}
        data["usage"] = turn.usage.model_dump(mode="json") if turn.usage else None
        data["message"] = turn.message.model_dump(mode="json") if turn.message else None
        if turn.stopped:
            data["stopped"] = True
        return "done", data
    return "error", failure(
        turn.error_code or "turn_failed", turn.error_detail or "The answer could not be produced."
    )


def failure(code: str, detail: str) -> dict[str, Any]:
    """The data of an ``error`` frame."""
    return {"detail": detail, "code": code}
