"""The relay's way into a stream: in order, fenced, honest about the tail."""

import json
from collections.abc import Awaitable, Callable

import pytest
from minirag_contracts.envelope import Envelope
from minirag_contracts.errors import Unavailable
from minirag_messaging import Bus, EventPublisher, TailMoved, topology
from minirag_messaging.jetstream_api import ask
from minirag_messaging.testing import NatsServer, reconnected

AnEvent = Callable[..., Envelope]
Connect = Callable[..., Awaitable[Bus]]

pytestmark = pytest.mark.usefixtures("streams")


async def test_an_empty_stream_has_no_position(bus: Bus) -> None:
    tail = await EventPublisher(bus, "CHAT").tail()
    assert (tail.sequence, tail.position) == (0, None)
    assert tail.incarnation


async def test_the_tail_is_the_last_event(bus: Bus, an_event: AnEvent) -> None:
    publisher = EventPublisher(bus, "CHAT")
    last = await publisher.publish([an_event(position) for position in (41, 42, 43)], 0)
    tail = await publisher.tail()
    assert (last, tail.sequence, tail.position) == (3, 3, 43)


async def test_many_events_keep_their_order(bus: Bus, an_event: AnEvent) -> None:
    events = [an_event(position) for position in range(1, 501)]
    assert await EventPublisher(bus, "CHAT").publish(events, 0) == 500
    for sequence in (1, 250, 500):
        msg = await bus.replies.request("$JS.API.DIRECT.GET.CHAT", json.dumps({"seq": sequence}).encode())
        assert json.loads(msg.data) == {"n": sequence}


async def test_a_second_writer_is_fenced_off(bus: Bus, connect: Connect, an_event: AnEvent) -> None:
    await EventPublisher(bus, "CHAT").publish([an_event(1)], 0)
    with pytest.raises(TailMoved):
        await EventPublisher(await connect(), "CHAT").publish([an_event(1), an_event(2), an_event(3)], 0)
    assert (await EventPublisher(bus, "CHAT").tail()).sequence == 1


async def test_a_failure_in_the_middle_fails_everything_after_it(bus: Bus, an_event: AnEvent) -> None:
    publisher = EventPublisher(bus, "CHAT")
    known = an_event(1)
    await publisher.publish([known], 0)
    with pytest.raises(TailMoved):
        await publisher.publish([an_event(2), known, an_event(3), an_event(4)], 1)
    tail = await publisher.tail()
    assert (tail.sequence, tail.position) == (2, 2)


async def test_a_known_event_is_not_taken_for_stored_anew(bus: Bus, an_event: AnEvent) -> None:
    publisher = EventPublisher(bus, "CHAT")
    event = an_event(1)
    await publisher.publish([event], 0)
    with pytest.raises(TailMoved):
        await publisher.publish([event], 1)
    assert (await publisher.tail()).sequence == 1


async def test_an_event_whose_acknowledgement_was_lost_is_not_stored_twice(
    bus: Bus, an_event: AnEvent
) -> None:
    publisher = EventPublisher(bus, "CHAT")
    event = an_event(1)
    await publisher.publish([event], 0)
    with pytest.raises(TailMoved):
        await publisher.publish([event, an_event(2)], 0)
    tail = await publisher.tail()
    assert tail.sequence == tail.position == 2  # the second follows the first, as it should


async def test_no_event_slips_in_behind_a_refused_one(bus: Bus, an_event: AnEvent) -> None:
    publisher = EventPublisher(bus, "CHAT")
    await publisher.publish([an_event(1), an_event(2)], 0)
    for wrong in (0, 1, 5):
        with pytest.raises(TailMoved):
            await publisher.publish([an_event(position) for position in range(7, 17)], wrong)
    tail = await publisher.tail()
    assert tail.sequence == tail.position == 2


async def test_after_a_wrong_guess_the_relay_goes_on_from_the_tail(bus: Bus, an_event: AnEvent) -> None:
    publisher = EventPublisher(bus, "CHAT")
    await publisher.publish([an_event(1), an_event(2)], 0)
    with pytest.raises(TailMoved):
        await publisher.publish([an_event(3)], 1)
    tail = await publisher.tail()
    # The refused copy must not have been remembered as a duplicate.
    retried = an_event(3)
    assert await publisher.publish([retried, an_event(4)], tail.sequence) == 4


async def test_a_refused_event_may_be_published_again(bus: Bus, an_event: AnEvent) -> None:
    publisher = EventPublisher(bus, "CHAT")
    event = an_event(1)
    with pytest.raises(TailMoved):
        await publisher.publish([event], 7)
    assert await publisher.publish([event], 0) == 1


async def test_a_wiped_stream_shows_as_another_incarnation(bus: Bus, an_event: AnEvent) -> None:
    publisher = EventPublisher(bus, "CHAT")
    events = [an_event(position) for position in (1, 2, 3)]
    await publisher.publish(events, 0)
    before = await publisher.tail()
    await ask(bus, "$JS.API.STREAM.DELETE.CHAT")
    with pytest.raises(Unavailable):
        await publisher.tail()
    await topology.apply(bus)
    after = await publisher.tail()
    assert after.incarnation != before.incarnation
    assert (after.sequence, after.position) == (0, None)
    with pytest.raises(TailMoved):
        await publisher.publish([an_event(4)], before.sequence)
    assert await publisher.publish(events, after.sequence) == 3


async def test_a_truncated_stream_shows_by_its_sequence(bus: Bus, an_event: AnEvent) -> None:
    publisher = EventPublisher(bus, "CHAT")
    await publisher.publish([an_event(position) for position in (1, 2, 3)], 0)
    await ask(bus, "$JS.API.STREAM.MSG.DELETE.CHAT", b'{"seq": 3}')
    tail = await publisher.tail()
    assert tail.position in {None, 2}
    with pytest.raises(TailMoved):
        await publisher.publish([an_event(4)], tail.sequence + 1)


async def test_a_purged_stream_keeps_its_sequence_and_takes_the_same_events_again(
    bus: Bus, an_event: AnEvent
) -> None:
    publisher = EventPublisher(bus, "CHAT")
    events = [an_event(position) for position in (1, 2, 3)]
    await publisher.publish(events, 0)
    assert (await publisher.tail()).event_id == events[-1].event_id
    await publisher.purge()
    tail = await publisher.tail()
    assert (tail.sequence, tail.position, tail.event_id) == (3, None, None)
    assert await publisher.publish(events, 3) == 6


async def test_an_aged_out_stream_keeps_its_sequence(bus: Bus, an_event: AnEvent) -> None:
    publisher = EventPublisher(bus, "CHAT")
    await publisher.publish([an_event(position) for position in (1, 2, 3)], 0)
    await ask(bus, "$JS.API.STREAM.PURGE.CHAT")
    tail = await publisher.tail()
    assert (tail.sequence, tail.position) == (3, None)
    assert await publisher.publish([an_event(4)], 3) == 4


async def test_a_restart_of_the_server_keeps_incarnation_and_events(
    bus: Bus, server: NatsServer, an_event: AnEvent
) -> None:
    publisher = EventPublisher(bus, "CHAT")
    await publisher.publish([an_event(1), an_event(2)], 0)
    before = await publisher.tail()
    await reconnected(bus, server.restart)
    assert await publisher.tail() == before


async def test_a_missing_server_is_unavailable(bus: Bus, server: NatsServer, an_event: AnEvent) -> None:
    server.stop()
    with pytest.raises(Unavailable):
        await EventPublisher(bus, "CHAT").publish([an_event(1)], 0)
