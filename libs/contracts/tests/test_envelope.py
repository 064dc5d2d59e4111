"""Events by type and version, and what a reaction copies from its cause."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import uuid4

import pytest
from minirag_contracts.context import Context, MissingTenantError
from minirag_contracts.envelope import Envelope, Metadata, follow
from minirag_contracts.events import (
    REGISTRY,
    UPCASTERS,
    EventPayload,
    UnknownEventError,
    parse_payload,
    upcaster,
)
from minirag_contracts.ids import derived_id, new_id
from minirag_contracts.requests import Done
from minirag_contracts.requests.common import EventsRead
from minirag_contracts.topology import filter_subject
from pydantic import ValidationError


class Renamed(EventPayload):
    """An event in its third shape: ``full_name`` was ``name``, and before that two fields."""

    type: ClassVar[str] = "person.renamed"
    owner: ClassVar[str] = "test"
    schema_version: ClassVar[int] = 3
    full_name: str


@pytest.fixture(autouse=True)
def upcasters() -> Iterator[None]:
    @upcaster("person.renamed", 1)
    def joined(data: dict[str, Any]) -> dict[str, Any]:
        return {"name": f"{data['first']} {data['last']}"}

    @upcaster("person.renamed", 2)
    def full(data: dict[str, Any]) -> dict[str, Any]:
        return {"full_name": data["name"]}

    yield
    for version in (1, 2):
        del UPCASTERS["person.renamed", version]


@pytest.mark.parametrize(
    ("version", "data"),
    [(1, {"first": "Ada", "last": "L"}), (2, {"name": "Ada L"}), (3, {"full_name": "Ada L"})],
)
def test_every_old_shape_is_read_as_todays(version: int, data: dict[str, Any]) -> None:
    assert parse_payload("person.renamed", version, data) == Renamed(full_name="Ada L")


@pytest.mark.parametrize(("event_type", "version"), [("person.renamed", 4), ("person.vanished", 1)])
def test_an_event_of_the_future_is_refused_not_guessed(event_type: str, version: int) -> None:
    with pytest.raises(UnknownEventError):
        parse_payload(event_type, version, {"full_name": "x"})


def test_what_a_newer_version_says_more_is_left_aside() -> None:
    """Two versions run side by side during an upgrade: a field may be added without a new version of the schema."""
    assert parse_payload("person.renamed", 3, {"full_name": "Ada L", "nick": "A"}) == Renamed(
        full_name="Ada L"
    )
    with pytest.raises(ValidationError):
        Renamed.model_validate({"full_name": "Ada L", "nick": "A"})


def test_requests_and_replies_may_say_more_than_the_other_side_knows() -> None:
    assert Done.model_validate({"more": 1}) == Done()
    assert EventsRead.model_validate({"after": 3, "more": 1}) == EventsRead(after=3)


def test_two_models_for_one_type_are_refused() -> None:
    with pytest.raises(ValueError, match="two models"):
        type("Again", (EventPayload,), {"type": "person.renamed", "owner": "test", "__module__": __name__})
    assert REGISTRY["person.renamed"] is Renamed


def test_a_reaction_follows_its_cause() -> None:
    context = Context(actor="user:1", tenant_id=new_id(), correlation_id=new_id(), traceparent="00-aa-bb-01")
    event_id = new_id()
    metadata = Metadata.of(context, event_id)
    assert Metadata.from_json(metadata.to_json()) == metadata
    event = Envelope(
        event_id,
        context.scope.tenant_id,
        "test",
        "s-1",
        1,
        "person.renamed",
        3,
        {},
        metadata,
        datetime.now(UTC),
    )
    reaction = follow(event, "chat")
    assert (reaction.tenant_id, reaction.correlation_id) == (context.tenant_id, context.correlation_id)
    assert (reaction.causation_id, reaction.traceparent) == (event_id, context.traceparent)
    assert Metadata.of(reaction, new_id()).causation_id == event_id


def test_a_context_without_tenant_opens_no_door() -> None:
    with pytest.raises(MissingTenantError):
        _ = Context.for_system("chat").scope


def test_derived_ids_depend_on_every_part() -> None:
    assert derived_id("a", "b") == derived_id("a", "b")
    assert len({derived_id("a", "b"), derived_id("ab"), derived_id("b", "a"), derived_id("a", "b", "")}) == 4


def test_ids_are_ordered_by_time() -> None:
    ids = [new_id() for _ in range(100)]
    assert ids == sorted(ids) and uuid4() not in ids


def test_a_pattern_becomes_a_filter_over_all_tenants() -> None:
    assert filter_subject("bot.>") == "bot.>"
    assert filter_subject("source.ingest.completed") == "source.ingest.completed.*"
