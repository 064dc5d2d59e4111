"""Who may say and hear what: the rules that hold for every service and every tenant."""

from uuid import UUID

import pytest
from minirag_contracts.envelope import event_subject
from minirag_contracts.frames import frame_subject
from minirag_contracts.grants import (
    ASKS,
    CHANNELS,
    Grants,
    event_subjects_of,
    service_grants,
    tenant_grants,
)
from minirag_contracts.requests.common import COMMON, common_subject
from minirag_contracts.schemas import published_models
from minirag_contracts.signals import beat_subject
from minirag_contracts.topology import SERVICES, STREAM_OF, STREAMS, consumers_of, dead_letter_subject
from subjects import matches

BY_THE_GATEWAY = {"health", "events.tail", "audit.read"}
"""What every service answers and the gateway may ask, for a tenant or for a health page."""

OURS, THEIRS = UUID(int=1), UUID(int=2)


def may(allowed: tuple[str, ...], subject: str) -> bool:
    return any(matches(subject, part) for part in allowed)


def others_of(service: str) -> list[str]:
    return [other for other in SERVICES if other != service]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_publishes_its_own_events_and_nobody_elses(service: str) -> None:
    grants = service_grants(service)
    for event_type, model in published_models().items():
        subject = event_subject(event_type, OURS)
        assert may(grants.publish, subject) == (model.owner == service), subject


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_answers_its_own_requests_and_reads_its_own_inbox_only(service: str) -> None:
    grants = service_grants(service)
    assert may(grants.subscribe, common_subject(service, "health")) and may(
        grants.subscribe, f"_INBOX.{service}.x.1"
    )
    for other in others_of(service):
        assert not may(grants.subscribe, common_subject(other, "health"))
        assert not may(grants.subscribe, f"_INBOX.{other}.x.1")
    for wide in (">", "rpc.>", "_INBOX.>", "_INBOX.*", "$JS.>", "$O.>", "frames.>", "*.>"):
        assert not may(grants.subscribe, wide), wide


@pytest.mark.parametrize("service", SERVICES)
def test_what_operators_ask_is_asked_by_no_service(service: str) -> None:
    publish = service_grants(service).publish
    consumed = {spec.owner for spec in consumers_of(service)}
    for owner in SERVICES:
        for verb in COMMON:
            asked = may(publish, common_subject(owner, verb))
            expected = (verb in BY_THE_GATEWAY and service == "gateway") or (
                verb == "events.read" and owner in consumed
            )
            assert asked == expected, (owner, verb)
        assert not may(publish, "rpc.gateway.invites.create")


@pytest.mark.parametrize("service", SERVICES)
def test_no_service_changes_the_topology_or_reads_or_empties_anothers_stream(service: str) -> None:
    publish = service_grants(service).publish
    for stream in [*(spec.name for spec in STREAMS), "OBJ_transfer"]:
        for verb in ("CREATE", "UPDATE", "DELETE", "SNAPSHOT", "RESTORE", "MSG.GET", "MSG.DELETE"):
            assert not may(publish, f"$JS.API.STREAM.{verb}.{stream}")
        for verb in ("CREATE", "DURABLE.CREATE", "DELETE", "LIST", "NAMES", "PAUSE"):
            assert not may(publish, f"$JS.API.CONSUMER.{verb}.{stream}")
            assert not may(publish, f"$JS.API.CONSUMER.{verb}.{stream}.x")
    own = STREAM_OF[service].name if service in STREAM_OF else None
    for spec in STREAMS:
        if spec.owner:
            assert may(publish, f"$JS.API.DIRECT.GET.{spec.name}") == (spec.name == own)
            assert may(publish, f"$JS.API.STREAM.PURGE.{spec.name}") == (spec.name == own)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_acknowledges_for_its_own_consumers_only(service: str) -> None:
    publish = service_grants(service).publish
    for other in SERVICES:
        for spec in consumers_of(other):
            subject = f"$JS.ACK.{spec.stream}.{spec.durable}.1.1.1.1.0"
            assert may(publish, subject) == (other == service)
            assert may(publish, f"$JS.API.CONSUMER.MSG.NEXT.{spec.stream}.{spec.durable}") == (
                other == service
            )


@pytest.mark.parametrize("service", SERVICES)
def test_frames_are_written_by_chat_and_signals_by_their_service(service: str) -> None:
    grants = service_grants(service)
    frame = frame_subject(OURS, OURS)
    assert may(grants.publish, frame) == (service == "chat")
    assert may(grants.subscribe, frame) == (service == "gateway")
    for other in SERVICES:
        assert may(grants.publish, beat_subject(other)) == (other == service)
        assert may(grants.publish, dead_letter_subject(other, "work")) == (other == service)


def test_the_tables_name_what_there_is() -> None:
    assert set(ASKS) == set(SERVICES)
    streams = {spec.name for spec in STREAMS} | {"OBJ_transfer", None}
    for channel in CHANNELS:
        assert channel.stream in streams
        named = {*channel.writers, *channel.hearers, *channel.readers, *channel.purgers}
        assert named <= set(SERVICES)


def test_a_tenant_hears_its_own_events_and_says_nothing() -> None:
    grants = tenant_grants(OURS, "_TENANT.abc")
    assert grants.publish == ()
    for event_type, model in published_models().items():
        assert may(grants.subscribe, event_subject(event_type, OURS)) == (not model.internal), event_type
        assert not may(grants.subscribe, event_subject(event_type, THEIRS))
    for wide in (
        ">",
        "*.>",
        "token.>",
        f"token.*.{OURS}",
        "chat.>",
        "chat.*.*",
        "chat.*.*.*",
        f"*.*.{OURS}",
        f"*.*.*.{OURS}",
        f"*.{OURS}",
    ):
        assert not may(grants.subscribe, wide), wide
    for subject in ("_INBOX.>", "_INBOX.chat.x", frame_subject(OURS, OURS), "rpc.chat.health", "signal.x"):
        assert not may(grants.subscribe, subject), subject


def test_no_subject_of_a_tenant_begins_with_a_wildcard() -> None:
    subjects = event_subjects_of(OURS)
    nouns = {subject.removesuffix(".>") for spec in STREAMS if spec.owner for subject in spec.subjects}
    assert {subject.split(".")[0] for subject in subjects} == nouns
    assert all(subject.split(".")[0].isidentifier() and subject.endswith(f".{OURS}") for subject in subjects)


def test_a_noun_with_internal_fields_is_granted_type_by_type_and_any_other_whole() -> None:
    subjects = set(event_subjects_of(OURS))
    assert {f"token.revoked.{OURS}", f"bot.*.{OURS}", f"chat.*.*.{OURS}"} <= subjects
    assert not {f"token.created.{OURS}", f"token.*.{OURS}", f"token.*.*.{OURS}"} & subjects


@pytest.mark.parametrize("inbox", ["_INBOX", "_INBOX.chat", "_TENANT.*", "_TENANT.>", "a b"])
def test_a_tenants_inbox_is_private(inbox: str) -> None:
    with pytest.raises(ValueError, match="no private inbox"):
        tenant_grants(OURS, inbox)


def test_nothing_allowed_is_everything_denied() -> None:
    assert Grants((), ("a.b",)).permissions() == {
        "publish": {"deny": [">"]},
        "subscribe": {"allow": ["a.b"]},
    }
