"""Given what happened, when a command comes, then these events follow."""

from typing import Any, get_args
from uuid import uuid4

import pytest
from minirag_contracts.events import EventPayload
from minirag_contracts.events.webhooks import (
    DeliveryFailed,
    DeliveryRequested,
    DeliveryScheduled,
    DeliverySucceeded,
    WebhookCreated,
    WebhookDeleted,
    WebhookEvent,
)
from minirag_contracts.examples import EXAMPLES
from minirag_webhooks.domain import delivery, endpoint
from minirag_webhooks.domain.notice import notice_of
from minirag_webhooks.errors import (
    DeliveryNotFound,
    DeliveryStillScheduled,
    InvalidDescription,
    InvalidEventType,
    WebhookNotFound,
)

WEBHOOK, CAUSE = uuid4(), uuid4()
CREATED = WebhookCreated(
    webhook_id=WEBHOOK, url="https://example.org/", events=["chat.message"], description=""
)
DELETED = WebhookDeleted(webhook_id=WEBHOOK)
DELIVERY = delivery.delivery_id(CAUSE, WEBHOOK)
SCHEDULED = DeliveryScheduled(delivery_id=DELIVERY, webhook_id=WEBHOOK, event="chat.message", cause_id=CAUSE)
SUCCEEDED = DeliverySucceeded(delivery_id=DELIVERY, webhook_id=WEBHOOK, status_code=200, attempt=1)
FAILED = DeliveryFailed(
    delivery_id=DELIVERY, webhook_id=WEBHOOK, status_code=500, attempts=9, reason="It failed."
)
REQUESTED = DeliveryRequested(delivery_id=DELIVERY, webhook_id=WEBHOOK)
REPEAT = delivery.Repeat(DELIVERY, WEBHOOK)
SCHEDULE = delivery.Schedule(WEBHOOK, "chat.message", CAUSE)
SUCCEED = delivery.Succeed(DELIVERY, WEBHOOK, 200, 1)
GIVE_UP = delivery.GiveUp(DELIVERY, WEBHOOK, 500, 9, "It failed.")


def an_endpoint(*given: EventPayload) -> endpoint.Endpoint:
    state = endpoint.Endpoint()
    for event in given:
        state = endpoint.evolve(state, event)
    return state


def a_delivery(*given: EventPayload) -> delivery.Delivery:
    state = delivery.Delivery()
    for event in given:
        state = delivery.evolve(state, event)
    return state


def create(
    url: str = "https://example.org/", events: Any = ("chat.message",), description: str = ""
) -> endpoint.Create:
    return endpoint.Create(WEBHOOK, url, events, description)


def test_given_nothing_when_created_then_it_is_created() -> None:
    assert endpoint.decide(an_endpoint(), create()) == [CREATED]


def test_given_it_was_created_when_created_again_then_nothing_follows() -> None:
    assert endpoint.decide(an_endpoint(CREATED), create()) == []


def test_given_it_was_created_when_deleted_then_it_is_deleted() -> None:
    assert endpoint.decide(an_endpoint(CREATED), endpoint.Delete(WEBHOOK)) == [DELETED]


@pytest.mark.parametrize("given", [(), (CREATED, DELETED)])
def test_given_there_is_no_endpoint_when_deleted_then_it_is_not_found(
    given: tuple[EventPayload, ...],
) -> None:
    with pytest.raises(WebhookNotFound, match=r"^Webhook not found$"):
        endpoint.decide(an_endpoint(*given), endpoint.Delete(WEBHOOK))


def test_no_events_at_all_may_be_subscribed_to() -> None:
    [created] = endpoint.decide(an_endpoint(), create(events=()))
    assert isinstance(created, WebhookCreated) and created.events == []


def test_an_event_that_is_named_twice_is_subscribed_to_once() -> None:
    [created] = endpoint.decide(an_endpoint(), create(events=("chat.message", "chat.message")))
    assert isinstance(created, WebhookCreated) and created.events == ["chat.message"]


def test_an_unknown_event_is_refused_with_the_valid_ones() -> None:
    with pytest.raises(InvalidEventType) as refused:
        endpoint.decide(an_endpoint(), create(events=("zz",)))
    assert refused.value.detail == (
        "Invalid event type: zz. Valid: ['chat.message', 'source.failed', 'source.ingested']"
    )
    assert refused.value.status == 422


def test_a_description_may_have_500_characters() -> None:
    assert endpoint.decide(an_endpoint(), create(description="x" * 500))
    with pytest.raises(InvalidDescription):
        endpoint.decide(an_endpoint(), create(description="x" * 501))


@pytest.mark.parametrize(
    ("given", "when", "then"),
    [
        ((), SCHEDULE, [SCHEDULED]),
        ((SCHEDULED,), SCHEDULE, []),
        ((SCHEDULED, SUCCEEDED), SCHEDULE, []),
        ((SCHEDULED,), SUCCEED, [SUCCEEDED]),
        ((SCHEDULED,), GIVE_UP, [FAILED]),
        ((SCHEDULED, SUCCEEDED), GIVE_UP, []),
        ((SCHEDULED, SUCCEEDED), SUCCEED, []),
        ((SCHEDULED, FAILED), SUCCEED, [SUCCEEDED]),
        ((SCHEDULED, FAILED), GIVE_UP, [FAILED]),
        ((SCHEDULED, SUCCEEDED), REPEAT, [REQUESTED]),
        ((SCHEDULED, FAILED), REPEAT, [REQUESTED]),
        ((SCHEDULED, SUCCEEDED, REQUESTED), GIVE_UP, [FAILED]),
        ((SCHEDULED, SUCCEEDED, REQUESTED), SUCCEED, [SUCCEEDED]),
        ((SCHEDULED, SUCCEEDED, REQUESTED, FAILED), REPEAT, [REQUESTED]),
        ((), SUCCEED, []),
        ((), GIVE_UP, []),
    ],
)
def test_the_life_of_a_delivery(given: tuple[EventPayload, ...], when: Any, then: list[EventPayload]) -> None:
    assert delivery.decide(a_delivery(*given), when) == then


@pytest.mark.parametrize(
    ("given", "when", "refusal"),
    [
        ((), REPEAT, DeliveryNotFound),
        ((SCHEDULED,), REPEAT, DeliveryStillScheduled),
        ((SCHEDULED, FAILED, REQUESTED), REPEAT, DeliveryStillScheduled),
        ((SCHEDULED, FAILED), delivery.Repeat(DELIVERY, uuid4()), DeliveryNotFound),
    ],
)
def test_what_has_not_ended_or_is_anothers_cannot_be_repeated(
    given: tuple[EventPayload, ...], when: delivery.Repeat, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        delivery.decide(a_delivery(*given), when)


def test_a_delivery_is_named_after_its_cause_and_endpoint() -> None:
    assert SCHEDULE.delivery_id == delivery.delivery_id(CAUSE, WEBHOOK)
    assert delivery.delivery_id(CAUSE, uuid4()) != delivery.delivery_id(CAUSE, WEBHOOK)
    assert delivery.delivery_id(uuid4(), WEBHOOK) != delivery.delivery_id(CAUSE, WEBHOOK)


def test_each_subscribable_event_comes_from_one_example_and_no_other_example_is_told() -> None:
    told = {notice.event: notice.body for payload in EXAMPLES.values() if (notice := notice_of(payload))}
    assert sorted(told) == sorted(get_args(WebhookEvent))
    assert told == {
        "source.ingested": '{"source_id":"019f0000-0000-7000-8000-000000000005","source_name":"manual.pdf",'
        '"document_count":1,"chunk_count":42}',
        "source.failed": '{"source_id":"019f0000-0000-7000-8000-000000000005",'
        '"error":"The PDF is protected by a password."}',
        "chat.message": '{"chat_id":"019f0000-0000-7000-8000-000000000006",'
        '"message_id":"019f0000-0000-7000-8000-000000000008","bot_profile_id":"019f0000-0000-7000-8000-000000000004"}',
    }


def test_a_long_error_is_cut_to_500_characters() -> None:
    failed = EXAMPLES["source.ingest.failed"].model_copy(update={"error": "é" * 900})
    notice = notice_of(failed)
    assert notice is not None and notice.body.count("é") == 500


@pytest.mark.parametrize("payload", EXAMPLES.values(), ids=EXAMPLES.keys())
def test_both_folds_take_every_event(payload: EventPayload) -> None:
    endpoint.evolve(endpoint.Endpoint(), payload)
    delivery.evolve(delivery.Delivery(), payload)
