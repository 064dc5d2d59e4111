"""Endpoints that change: what is decided, what is kept, and what becomes of deliveries that wait."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from contexts import a_context
from minirag_contracts.events import EventPayload
from minirag_contracts.events.webhooks import (
    WebhookCreated,
    WebhookDeleted,
    WebhookSecretRotated,
    WebhookUpdated,
)
from minirag_contracts.ids import new_id
from minirag_contracts.requests.webhooks import DeleteWebhook, UpdateWebhook
from minirag_eventstore.rebuild import rebuild_own
from minirag_webhooks.domain import endpoint
from minirag_webhooks.domain.signature import own_signature
from minirag_webhooks.errors import (
    InvalidDescription,
    InvalidEventType,
    InvalidSecret,
    InvalidUrl,
    TwoSecrets,
    WebhookNotFound,
)
from minirag_webhooks.projections import EndpointsProjection
from receiver import Answer, Receiver
from recorded import an_example, recorded
from webhooks_builders import Webhooks

TOLD = "source.ingest.completed"
WEBHOOK = uuid4()
CREATED = WebhookCreated(
    webhook_id=WEBHOOK, url="https://example.org/", events=["chat.message"], description="Desk"
)
UPDATED = WebhookUpdated(
    webhook_id=WEBHOOK,
    url="https://example.org/",
    events=["chat.message"],
    description="Desk",
    is_active=False,
)
ROTATED = WebhookSecretRotated(webhook_id=WEBHOOK)
DELETED = WebhookDeleted(webhook_id=WEBHOOK)


def given(*events: EventPayload) -> endpoint.Endpoint:
    state = endpoint.Endpoint()
    for event in events:
        state = endpoint.evolve(state, event)
    return state


def update(**changes: Any) -> endpoint.Update:
    return endpoint.Update(WEBHOOK, **changes)


@pytest.mark.parametrize(
    ("past", "when", "then"),
    [
        ((CREATED,), update(), []),
        ((CREATED,), update(url=CREATED.url, events=["chat.message"], description="Desk"), []),
        ((CREATED,), update(is_active=True), []),
        ((CREATED,), update(is_active=False), [UPDATED]),
        ((CREATED, UPDATED), update(is_active=False), []),
        ((CREATED, UPDATED), update(description="Desk"), []),
        (
            (CREATED, UPDATED),
            update(url="https://example.org/2"),
            [UPDATED.model_copy(update={"url": "https://example.org/2"})],
        ),
        (
            (CREATED, UPDATED),
            update(events=["source.failed", "source.failed"], description=""),
            [UPDATED.model_copy(update={"events": ["source.failed"], "description": ""})],
        ),
        ((CREATED,), update(new_secret=True), [ROTATED]),
        ((CREATED,), update(is_active=False, new_secret=True), [UPDATED, ROTATED]),
    ],
)
def test_given_its_past_when_updated_then_the_whole_configuration_follows_or_nothing(
    past: tuple[EventPayload, ...], when: endpoint.Update, then: list[EventPayload]
) -> None:
    assert endpoint.decide(given(*past), when) == then


@pytest.mark.parametrize("past", [(), (CREATED, DELETED), (CREATED, UPDATED, DELETED)])
def test_given_there_is_no_endpoint_when_updated_then_it_is_not_found(past: tuple[EventPayload, ...]) -> None:
    with pytest.raises(WebhookNotFound):
        endpoint.decide(given(*past), update(is_active=True, new_secret=True))


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"events": ["zz"]}, InvalidEventType),
        ({"description": "x" * 501}, InvalidDescription),
    ],
)
def test_a_change_is_held_to_the_rules_of_a_new_endpoint(changes: Any, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        endpoint.decide(given(CREATED), update(**changes))


async def test_another_url_is_checked_as_the_first_one_was(webhooks: Webhooks) -> None:
    created = await webhooks.create()
    with pytest.raises(InvalidUrl):
        await webhooks.update(created.id, url="ftp://example.org/")
    assert [row["type"] for row in await webhooks.rows("events")] == ["webhook.created"]


async def test_only_what_is_given_changes(webhooks: Webhooks) -> None:
    created = await webhooks.create(description="Our desk", events=["chat.message"])
    changed = await webhooks.update(created.id, url="https://example.org/b", is_active=False)
    assert (changed.url, changed.events, changed.description, changed.is_active) == (
        "https://example.org/b",
        ["chat.message"],
        "Our desk",
        False,
    )
    assert changed.secret is None
    assert changed.created_at == created.created_at < changed.updated_at
    again = await webhooks.update(created.id, url="https://example.org/b", is_active=False)
    assert again == changed
    assert [row["type"] for row in await webhooks.rows("events")].count("webhook.updated") == 1


async def test_a_rotated_secret_is_shown_once_and_signs_from_then_on(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    created = await webhooks.create(receiver.url())
    command = UpdateWebhook(webhook_id=created.id, rotate_secret=True)
    context = a_context(command_id=new_id())
    rotated = await webhooks.commands.update(command, context)
    assert await webhooks.commands.update(command, context) == rotated
    assert rotated.secret is not None and len(rotated.secret) == 43 and rotated.secret != created.secret
    assert rotated.updated_at > created.updated_at
    await webhooks.happen(recorded(an_example(TOLD)))
    async with webhooks.delivering():
        await webhooks.settled()
    [call] = receiver.received
    assert call.headers["x-minirag-signature"] == own_signature(rotated.secret, call.body)
    assert call.headers["x-minirag-signature"] != own_signature(created.secret, call.body)
    for table in ("events", "endpoints", "endpoint_secrets", "commands"):
        assert rotated.secret not in str(await webhooks.rows(table)), table
    assert [row["type"] for row in await webhooks.rows("events")].count("webhook.secret.rotated") == 1


async def test_a_secret_of_ones_own_is_taken_and_the_same_one_again_changes_nothing(
    webhooks: Webhooks,
) -> None:
    created = await webhooks.create()
    assert (await webhooks.update(created.id, secret="our own")).secret == "our own"
    assert (await webhooks.update(created.id, secret="our own")).secret is None
    assert [row["type"] for row in await webhooks.rows("events")].count("webhook.secret.rotated") == 1
    with pytest.raises(InvalidSecret):
        await webhooks.update(created.id, secret="whsec_no-base64")
    with pytest.raises(TwoSecrets):
        await webhooks.update(created.id, secret="one", rotate_secret=True)


async def test_another_tenant_changes_nothing(webhooks: Webhooks) -> None:
    created = await webhooks.create()
    with pytest.raises(WebhookNotFound):
        await webhooks.commands.update(
            UpdateWebhook(webhook_id=created.id, is_active=False, rotate_secret=True), a_context(uuid4())
        )
    [row] = await webhooks.rows("endpoint_secrets")
    assert webhooks.sealer.open(row["sealed"]) == created.secret.encode()


async def test_an_inactive_endpoint_gets_nothing_new_until_it_is_active_again(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    created = await webhooks.create(receiver.url())
    await webhooks.update(created.id, is_active=False)
    await webhooks.happen(recorded(an_example(TOLD)))
    assert await webhooks.rows("deliveries") == []
    await webhooks.update(created.id, is_active=True)
    await webhooks.happen(recorded(an_example(TOLD)))
    assert len(await webhooks.rows("deliveries")) == 1


@pytest.mark.parametrize(
    ("deletes", "reason"),
    [
        (False, "The webhook was deactivated before this could be delivered."),
        (True, "The webhook was deleted before this could be delivered."),
    ],
)
async def test_what_waits_for_hours_is_given_up_at_once_when_its_endpoint_ends(
    webhooks: Webhooks, receiver: Receiver, deletes: bool, reason: str
) -> None:
    created = await webhooks.create(receiver.url("/hook", Answer(500)))
    await webhooks.happen(*(recorded(an_example(TOLD)) for _ in range(3)))
    async with webhooks.delivering(delays=(3600,)):
        await receiver.until(lambda: len(receiver.received) == 3)
        await webhooks.resting(3)
        if deletes:
            await webhooks.commands.delete(DeleteWebhook(webhook_id=created.id), a_context())
        else:
            await webhooks.update(created.id, is_active=False)
        rows = await webhooks.settled(3)
    assert {(row["state"], row["reason"], row["attempts"]) for row in rows} == {("failed", reason, 1)}
    assert len(receiver.received) == 3
    assert await webhooks.rows("work") == []


async def test_an_endpoint_that_is_deleted_during_a_call_is_not_called_again(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    created = await webhooks.create(receiver.url("/hook", Answer(500, hangs=True)))
    await webhooks.happen(recorded(an_example(TOLD)))
    async with webhooks.delivering(delays=(3600,)):
        await receiver.until(lambda: len(receiver.received) == 1)
        await webhooks.commands.delete(DeleteWebhook(webhook_id=created.id), a_context())
        receiver.release()
        [row] = await webhooks.settled()
    assert (row["state"], row["attempts"], len(receiver.received)) == ("failed", 1, 1)


async def test_changed_endpoints_equal_their_rebuild(webhooks: Webhooks) -> None:
    kept, gone = await webhooks.create(), await webhooks.create()
    await webhooks.update(kept.id, events=[], description="x" * 500, is_active=False, rotate_secret=True)
    await webhooks.update(gone.id, is_active=False)
    await webhooks.commands.delete(DeleteWebhook(webhook_id=gone.id), a_context())
    report = await rebuild_own(webhooks.database, "webhooks", EndpointsProjection())
    assert (report.differences, report.rows) == ([], 1)
    assert timedelta(0) < (await webhooks.rows("endpoints"))[0]["updated_at"] - kept.created_at
