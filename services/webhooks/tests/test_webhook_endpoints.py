"""Endpoints in a real database: made once, read by their tenant alone, and gone without a trace of their secret."""

import asyncio
from uuid import uuid4

import pytest
from contexts import a_context
from minirag_contracts.errors import CommandReused, InvalidRequest
from minirag_contracts.examples import TENANT_ID
from minirag_contracts.ids import new_id
from minirag_contracts.requests.webhooks import (
    DeleteWebhook,
    GetWebhook,
    GetWebhookLimits,
    ListWebhooks,
    WebhookLimits,
)
from minirag_eventstore.rebuild import rebuild_own
from minirag_webhooks.errors import InvalidSecret, InvalidUrl, TooManyWebhooks, WebhookNotFound
from minirag_webhooks.projections import EndpointsProjection
from webhooks_builders import Webhooks, a_webhook


async def test_a_new_endpoint_answers_with_its_secret_once(webhooks: Webhooks) -> None:
    created = await webhooks.create("https://example.org/a", description="Our desk", events=["chat.message"])
    assert len(created.secret) == 43
    assert (created.url, created.events, created.description) == (
        "https://example.org/a",
        ["chat.message"],
        "Our desk",
    )
    assert created.is_active and created.has_secret and created.tenant_id == TENANT_ID
    read = await webhooks.queries.get(GetWebhook(webhook_id=created.id), a_context())
    assert read.model_dump() == created.model_dump(exclude={"secret"})
    assert created.created_at == created.updated_at and created.created_at.tzinfo is not None


async def test_a_given_secret_is_kept_and_an_unusable_one_refused(webhooks: Webhooks) -> None:
    assert (await webhooks.create(secret="our own")).secret == "our own"
    with pytest.raises(InvalidSecret):
        await webhooks.create(secret="whsec_no-base64")


@pytest.mark.parametrize(
    "url", ["ftp://example.org/", "http://example.org:65536/", "http://exa%2fmple.org/", ""]
)
async def test_an_endpoint_that_could_never_be_called_is_refused_and_leaves_nothing(
    webhooks: Webhooks, url: str
) -> None:
    with pytest.raises(InvalidUrl) as refused:
        await webhooks.create(url)
    assert refused.value.status == 422 and refused.value.detail.endswith(".")
    assert await webhooks.rows("events") == []
    assert await webhooks.rows("endpoint_secrets") == []


@pytest.mark.parametrize(
    "url", ["http://example.org", "HTTPS://Example.org:8443/a?b=c#d", "http://bücher.example/"]
)
async def test_a_url_that_can_be_called_is_kept_as_it_is(webhooks: Webhooks, url: str) -> None:
    assert (await webhooks.create(url)).url == url


async def test_a_tenant_has_so_many_endpoints_and_no_more_even_at_the_same_moment(webhooks: Webhooks) -> None:
    few = Webhooks(webhooks.database, per_tenant=3)
    context = a_context(command_id=new_id())
    first = await few.commands.create(a_webhook(), context)
    made = await asyncio.gather(*(few.create() for _ in range(8)), return_exceptions=True)
    refused = [outcome for outcome in made if isinstance(outcome, TooManyWebhooks)]
    assert len(refused) == 6 and len(await few.rows("endpoints")) == 3
    assert (refused[0].status, refused[0].detail) == (
        409,
        "A tenant may have at most 3 webhooks: delete one first.",
    )
    assert await few.queries.limits(GetWebhookLimits(), context) == WebhookLimits(
        endpoints=3, max_endpoints=3
    )
    assert await few.commands.create(a_webhook(), context) == first
    assert (await few.create(tenant_id=uuid4())).is_active
    await few.commands.delete(DeleteWebhook(webhook_id=first.id), a_context())
    assert (await few.create()).is_active


async def test_the_secret_is_neither_in_events_nor_readable_in_rows(webhooks: Webhooks) -> None:
    created = await webhooks.create(secret="correct horse battery staple")
    for table in ("events", "endpoints", "commands", "endpoint_secrets"):
        assert "correct horse" not in str(await webhooks.rows(table)), table
    [row] = await webhooks.rows("endpoint_secrets")
    assert webhooks.sealer.open(row["sealed"]) == created.secret.encode()


async def test_a_repeated_command_makes_one_endpoint_and_gives_the_same_secret(webhooks: Webhooks) -> None:
    context = a_context(command_id=new_id())
    first = await webhooks.commands.create(a_webhook(), context)
    again = await webhooks.commands.create(a_webhook(), context)
    assert again == first
    with pytest.raises(CommandReused):
        await webhooks.commands.create(a_webhook("https://example.org/other"), context)
    assert len(await webhooks.rows("endpoints")) == 1


async def test_a_deleted_endpoint_is_gone_with_its_secret(webhooks: Webhooks) -> None:
    created = await webhooks.create()
    await webhooks.commands.delete(DeleteWebhook(webhook_id=created.id), a_context())
    with pytest.raises(WebhookNotFound):
        await webhooks.queries.get(GetWebhook(webhook_id=created.id), a_context())
    with pytest.raises(WebhookNotFound):
        await webhooks.commands.delete(DeleteWebhook(webhook_id=created.id), a_context())
    assert await webhooks.rows("endpoint_secrets") == []
    assert (await webhooks.queries.list(ListWebhooks(), a_context())).items == []


async def test_another_tenants_endpoint_does_not_exist(webhooks: Webhooks) -> None:
    created = await webhooks.create()
    stranger = a_context(uuid4())
    with pytest.raises(WebhookNotFound):
        await webhooks.queries.get(GetWebhook(webhook_id=created.id), stranger)
    with pytest.raises(WebhookNotFound):
        await webhooks.commands.delete(DeleteWebhook(webhook_id=created.id), stranger)
    assert (await webhooks.queries.list(ListWebhooks(), stranger)).items == []
    assert len(await webhooks.rows("endpoint_secrets")) == 1


async def test_the_list_is_newest_first_and_paged(webhooks: Webhooks) -> None:
    made = [(await webhooks.create(f"https://example.org/{number}")).id for number in range(5)]
    seen, cursor = [], None
    while True:
        page = await webhooks.queries.list(ListWebhooks(limit=2, cursor=cursor), a_context())
        seen += [item.id for item in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert seen == list(reversed(made))


@pytest.mark.parametrize("cursor", ["zz", "!!", "MjAyNg==", "é"])
async def test_a_cursor_that_nobody_handed_out_is_refused(webhooks: Webhooks, cursor: str) -> None:
    with pytest.raises(InvalidRequest):
        await webhooks.queries.list(ListWebhooks(cursor=cursor), a_context())


async def test_the_endpoints_equal_their_rebuild(webhooks: Webhooks) -> None:
    kept, deleted = await webhooks.create(), await webhooks.create(tenant_id=uuid4())
    await webhooks.commands.delete(DeleteWebhook(webhook_id=deleted.id), a_context(deleted.tenant_id))
    report = await rebuild_own(webhooks.database, "webhooks", EndpointsProjection())
    assert (report.differences, report.rows) == ([], 1), kept
