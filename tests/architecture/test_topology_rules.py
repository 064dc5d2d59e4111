"""Events, requests, streams and consumers fit together."""

from importlib import import_module

import pytest
from minirag_contracts.envelope import event_subject
from minirag_contracts.examples import EXAMPLES, TENANT_ID
from minirag_contracts.frames import frame_subject
from minirag_contracts.requests import REQUESTS, analytics, chat, gateway, ingest, retrieval, webhooks  # noqa: F401  # fill the registry
from minirag_contracts.requests.common import COMMON, common_subject
from minirag_contracts.schemas import published_models
from minirag_contracts.topology import (
    CONSUMERS,
    SERVICES,
    STREAM_OF,
    STREAMS,
    ConsumerSpec,
    consumers_of,
    dead_letter_subject,
    filter_subject,
)
from minirag_eventstore import Projection
from subjects import matches

EVENTS = published_models()
EVENT_STREAMS = [stream for stream in STREAMS if stream.owner]


def projections_of(service: str) -> tuple[Projection, ...]:
    found: tuple[Projection, ...] = import_module(f"minirag_{service}.projections").PROJECTIONS
    return found


@pytest.mark.parametrize("event_type", EVENTS)
def test_an_event_type_has_two_or_three_tokens(event_type: str) -> None:
    tokens = event_type.split(".")
    assert len(tokens) in (2, 3)
    assert all(token.isidentifier() and token == token.lower() for token in tokens)


@pytest.mark.parametrize("event_type", EVENTS)
def test_an_event_is_captured_by_its_owners_stream_and_by_no_other(event_type: str) -> None:
    subject = event_subject(event_type, TENANT_ID)
    captured = [stream.name for stream in STREAMS if any(matches(subject, part) for part in stream.subjects)]
    assert captured == [STREAM_OF[EVENTS[event_type].owner].name]


def test_nothing_but_events_matches_an_event_stream() -> None:
    subjects = [request.subject() for request in REQUESTS.values()]
    subjects += [common_subject(service, verb) for service in SERVICES for verb in COMMON]
    subjects += [frame_subject(TENANT_ID, TENANT_ID)]
    subjects += [
        dead_letter_subject(service, kind) for service in SERVICES for kind in ("delivery", "reaction")
    ]
    captured = [
        (subject, stream.name)
        for subject in subjects
        for stream in EVENT_STREAMS
        if any(matches(subject, part) for part in stream.subjects)
    ]
    assert captured == []


def test_no_request_is_captured_by_any_stream() -> None:
    subjects = [request.subject() for request in REQUESTS.values()]
    subjects += [common_subject(service, verb) for service in SERVICES for verb in COMMON]
    assert subjects
    for stream in STREAMS:
        assert not [
            subject for subject in subjects if any(matches(subject, part) for part in stream.subjects)
        ]


def test_the_rule_itself_sees_a_request_under_an_event_noun() -> None:
    assert matches("source.create", "source.>") and not matches("source", "source.>")
    assert matches("a.b.c", "a.*.c") and not matches("a.b.c", "a.*")


@pytest.mark.parametrize("spec", CONSUMERS, ids=lambda spec: spec.durable)
def test_a_consumers_patterns_match_events_of_its_owner(spec: ConsumerSpec) -> None:
    ours = [
        event_subject(event_type, TENANT_ID)
        for event_type, model in EVENTS.items()
        if model.owner == spec.owner
    ]
    for pattern in spec.patterns:
        assert any(matches(subject, filter_subject(pattern)) for subject in ours), pattern
    others = [
        event_subject(event_type, TENANT_ID)
        for event_type, model in EVENTS.items()
        if model.owner != spec.owner
    ]
    assert not [s for s in others for pattern in spec.patterns if matches(s, filter_subject(pattern))]


def test_consumers_have_names_of_their_own() -> None:
    assert len({spec.durable for spec in CONSUMERS}) == len(CONSUMERS)


@pytest.mark.parametrize("service", SERVICES)
def test_a_projection_is_fed_with_every_type_that_it_handles(service: str) -> None:
    for projection in projections_of(service):
        for event_type in projection.types:
            assert EVENTS[event_type].owner == projection.owner, (projection.name, event_type)
            if projection.owner == service:
                continue
            subject = event_subject(event_type, TENANT_ID)
            fed = [
                spec
                for spec in consumers_of(service)
                if spec.owner == projection.owner
                and spec.kind == "projector"
                and any(matches(subject, filter_subject(pattern)) for pattern in spec.patterns)
            ]
            assert len(fed) == 1, (projection.name, event_type)


@pytest.mark.parametrize("service", SERVICES)
def test_each_table_belongs_to_one_projection(service: str) -> None:
    tables = [table for projection in projections_of(service) for table in projection.tables]
    names = [projection.name for projection in projections_of(service)]
    assert len(tables) == len(set(tables)) and len(names) == len(set(names))


def test_every_event_type_has_an_example_of_itself() -> None:
    assert {event_type: type(payload) for event_type, payload in EXAMPLES.items()} == EVENTS
