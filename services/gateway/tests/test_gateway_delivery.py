"""What a client still has to get: the book-keeping of frames, without any network."""

from typing import Any

import pytest
from gateway_world import an_ended_turn
from minirag_contracts.frames import Frame, FrameEvent
from minirag_contracts.ids import new_id
from minirag_contracts.requests.chat import TurnRead
from minirag_gateway.queries.delivery import Delivery, Verdict


def a_frame(n: int, event: FrameEvent = "delta", *, attempt: int = 1, **data: Any) -> Frame:
    """A frame of some turn."""
    return Frame(n=n, attempt=attempt, event=event, data=data or {"content": str(n)})


def a_turn(content: str = "12", frames: int = 4) -> TurnRead:
    """A completed turn: sources, two deltas, done."""
    running = TurnRead(chat_id=new_id(), message_id=new_id(), state="running")
    return an_ended_turn(running, content, frames)


def delivered(*frames: Frame) -> Delivery:
    """A client that got these frames on this connection."""
    delivery = Delivery()
    for frame in frames:
        delivery.deliver(frame)
    return delivery


@pytest.mark.parametrize(
    ("frame", "verdict"),
    [
        (a_frame(2), Verdict.NEXT),
        (a_frame(1), Verdict.KNOWN),
        (a_frame(3), Verdict.GAP),
        (a_frame(0, attempt=2), Verdict.OTHER_ATTEMPT),
        (a_frame(2, attempt=2), Verdict.OTHER_ATTEMPT),
        (a_frame(2, "error", attempt=2), Verdict.NEXT),
        (a_frame(4, "error", attempt=2), Verdict.GAP),
        (a_frame(0, "error", attempt=2), Verdict.OTHER_ATTEMPT),
    ],
)
def test_a_frame_is_judged_by_its_number_and_attempt(frame: Frame, verdict: Verdict) -> None:
    assert delivered(a_frame(0, "sources"), a_frame(1)).judge(frame) is verdict


def test_the_rest_of_a_turn_is_what_the_client_lacks() -> None:
    sources = a_frame(0, "sources")
    rest = list(delivered(sources, a_frame(1)).rest_of(a_turn()))
    assert [(frame.n, frame.event) for frame in rest] == [(2, "delta"), (3, "done")]
    assert rest[0].data == {"content": "2"}


def test_only_the_end_is_missing_when_the_number_says_so() -> None:
    delivery = Delivery.after(1)
    delivery.deliver(a_frame(2))
    assert [(frame.n, frame.event) for frame in delivery.rest_of(a_turn())] == [(3, "done")]


def test_nothing_is_missing_after_the_last_frame() -> None:
    delivery = Delivery.after(3)
    assert list(delivery.rest_of(a_turn())) == []
    assert delivery.over


def test_a_stored_text_that_differs_from_what_was_read_replaces_it() -> None:
    [delta, _] = delivered(a_frame(0, "sources"), a_frame(1)).rest_of(a_turn("another text", frames=4))
    assert delta.data == {"content": "another text", "replace": True}


def test_numbers_rise_also_when_the_turn_knows_of_no_frames() -> None:
    rest = list(delivered(a_frame(0, "sources"), a_frame(1)).rest_of(a_turn(frames=0)))
    assert [frame.n for frame in rest] == [2, 3]
