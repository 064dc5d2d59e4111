"""Envelopes and contexts survive the journey through headers."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from minirag_contracts.context import Context
from minirag_contracts.envelope import Envelope, Metadata
from minirag_contracts.ids import new_id
from minirag_messaging.headers import (
    MalformedMessage,
    context_headers,
    event_data,
    event_headers,
    read_context,
    read_event,
)
from nats.aio.client import Client
from nats.aio.msg import Msg

AnEvent = Callable[..., Envelope]


def a_message(event: Envelope) -> Msg:
    return Msg(Client(), subject=event.subject, data=event_data(event), headers=event_headers(event))


def test_an_event_comes_back_as_it_was(an_event: AnEvent) -> None:
    metadata = Metadata(
        actor="user:1", correlation_id=new_id(), causation_id=new_id(), traceparent="00-aa-bb-01"
    )
    for event in (
        an_event(metadata=metadata),
        an_event(position=7, data={"name": "Ü", "list": [1, None]}),
        replace(an_event(), position=None),
    ):
        assert read_event(a_message(event)) == event


def test_the_headers_are_those_of_cloudevents(an_event: AnEvent) -> None:
    event = an_event()
    headers = event_headers(event)
    assert headers["ce-specversion"] == "1.0"
    assert headers["ce-id"] == str(event.event_id)
    assert headers["ce-source"] == "/minirag/chat"
    assert headers["ce-type"] == "bot.created"
    assert headers["ce-subject"] == "bot-1"
    assert headers["ce-datacontenttype"] == "application/json"
    assert all(name.removeprefix("ce-").isalnum() for name in headers)


def test_what_is_no_event_is_malformed(an_event: AnEvent) -> None:
    message = a_message(an_event())
    for headers in (None, {}, {**(message.headers or {}), "ce-id": "x"}):
        with pytest.raises(MalformedMessage):
            read_event(replace(message, headers=headers))
    with pytest.raises(MalformedMessage):
        read_event(replace(message, data=b"{"))


def test_a_context_comes_back_as_it_was() -> None:
    full = Context(
        actor="token:1",
        tenant_id=new_id(),
        correlation_id=new_id(),
        causation_id=new_id(),
        command_id=new_id(),
        traceparent="00-aa-bb-01",
        deadline=1_800_000_000.125,
    )
    for context in (full, Context(actor="system:chat")):
        assert read_context(context_headers(context)) == context


def test_a_request_without_an_actor_is_malformed() -> None:
    with pytest.raises(MalformedMessage):
        read_context({})
    with pytest.raises(MalformedMessage):
        read_context({"Minirag-Actor": "user:1", "Minirag-Tenant": "x"})
