"""Webhooks: made, tested, followed in their log, delivered again; the receiver is a real server on the loopback."""

from typing import Any

import pytest
from dashboards import Dashboard
from pages import DARK, DESKTOP, Complaints, Screen, violations
from playwright.async_api import Locator, Page, expect
from receiver import Answer, Receiver, receiving


async def create(dashboard: Dashboard, url: str, events: list[str]) -> str:
    made: dict[str, Any] = await dashboard.tenant.call(
        "POST", "/v1/webhooks", 201, json={"url": url, "events": events}
    )
    return str(made["id"])


def entry(page: Page, url: str) -> Locator:
    return page.get_by_role("list", name="Webhooks").get_by_role("listitem").filter(has_text=url).first


async def test_a_webhook_is_made_and_its_test_arrives_signed_as_the_page_says(
    page: Page, dashboard: Dashboard
) -> None:
    async with receiving() as receiver:
        url = receiver.url("/hook", Answer(202))
        await page.goto(f"{dashboard.url}#/webhooks")
        await expect(page.get_by_text("No webhooks yet")).to_be_visible()
        await page.get_by_role("button", name="Create a webhook").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Address").fill(url)
        await dialog.get_by_label("Description").fill("The ticket system")
        await dialog.get_by_label("A source is ready").uncheck()
        await dialog.get_by_role("button", name="Create a webhook").click()
        secret = await dialog.get_by_role("textbox", name="Signing secret").input_value()
        await dialog.get_by_role("button", name="Done").click()
        made = entry(page, url)
        for text in ("The ticket system", "chat.message", "source.failed"):
            await expect(made).to_contain_text(text)
        await expect(made.get_by_text("active", exact=True)).to_be_visible()
        await expect(made).not_to_contain_text("source.ingested")

        await made.get_by_role("button", name="Send a test").click()
        await expect(made.get_by_role("status")).to_have_text("The test arrived: the server answered 202.")
        [call] = receiver.received
        names: dict[str, Any] = {}
        exec(await page.get_by_role("region", name="How to know").inner_text(), names)  # as readers do
        assert names["is_genuine"](secret, call.body, call.headers["x-minirag-signature"])
        assert not names["is_genuine"](secret, call.body + b" ", call.headers["x-minirag-signature"])


async def test_a_delivery_is_followed_as_it_happens_and_repeated(page: Page, dashboard: Dashboard) -> None:
    async with receiving() as receiver:
        url = receiver.url("/hook")
        webhook = await create(dashboard, url, ["chat.message"])
        await page.goto(f"{dashboard.url}#/webhooks")
        await entry(page, url).get_by_role("link", name=url, exact=True).click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Deliveries")
        await expect(page.get_by_text("Nothing was delivered yet")).to_be_visible()
        bot = await dashboard.tenant.bot(model="openai/fake")
        await dashboard.tenant.ask(bot, "Who is told?")
        delivered = page.get_by_role("row").filter(has_text="chat.message")
        await expect(delivered).to_contain_text("delivered")  # nobody has reloaded
        await expect(delivered).to_contain_text("204")

        await delivered.get_by_role("link", name="Details").click()
        dialog = page.get_by_role("dialog", name="Delivery")
        attempts = dialog.get_by_role("region", name="Attempts").get_by_role("row")
        await expect(attempts).to_have_count(2)
        await expect(attempts.last).to_contain_text("answered 204")
        await expect(dialog).to_contain_text(receiver.received[0].headers["webhook-id"])
        await dialog.get_by_role("button", name="Deliver again").click()
        await expect(attempts).to_have_count(3)
        again = await receiver.wait(2)
        assert len({(call.headers["webhook-id"], call.body) for call in again}) == 1

        await page.reload()
        await expect(dialog).to_contain_text("answered 204")
        await page.keyboard.press("Escape")
        await expect(page).to_have_url(f"{dashboard.url}#/webhooks/{webhook}")
        await page.get_by_role("link", name="Webhooks").last.click()
        await expect(entry(page, url)).to_be_visible()


async def test_what_does_not_arrive_is_explained_and_a_webhook_is_changed_and_deleted(
    page: Page, dashboard: Dashboard, complaints: Complaints
) -> None:
    complaints.allow("status of 422")
    async with receiving() as receiver:
        refusing, nowhere = receiver.url("/refusing", Answer(500)), "http://127.0.0.1:9/nobody"
        for url in (refusing, nowhere):
            await create(dashboard, url, ["chat.message"])
        await page.goto(f"{dashboard.url}#/webhooks")
        for url, said in ((refusing, "it answered 500"), (nowhere, "The test did not arrive.")):
            await entry(page, url).get_by_role("button", name="Send a test").click()
            await expect(entry(page, url).get_by_role("status")).to_contain_text(said)

        await page.get_by_role("button", name=f"Edit {nowhere}").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Address").fill("ftp://example.com")
        await dialog.get_by_role("button", name="Save").click()
        await expect(dialog.get_by_role("alert")).to_be_visible()
        await dialog.get_by_label("Address").fill(receiver.url("/changed"))
        await dialog.get_by_label("I choose it").check()
        await dialog.get_by_role("textbox", name="Signing secret").fill("a secret of ours")
        await dialog.get_by_label("Active").uncheck()
        await dialog.get_by_role("button", name="Save").click()
        await expect(dialog).to_be_hidden()
        changed = entry(page, "/changed")
        await expect(changed).to_contain_text("inactive")
        await expect(changed.get_by_role("button", name="Send a test")).to_be_hidden()

        await page.get_by_role("button", name=f"Delete {refusing}").click()
        await (
            page.get_by_role("dialog", name="Delete this webhook?")
            .get_by_role("button", name="Delete")
            .click()
        )
        await expect(entry(page, refusing)).to_be_hidden()


async def test_a_log_that_is_not_there_is_said_in_words(
    page: Page, dashboard: Dashboard, complaints: Complaints
) -> None:
    complaints.allow("status of 404")
    await page.goto(f"{dashboard.url}#/webhooks/{dashboard.tenant.id}")
    await expect(page.get_by_role("alert")).to_contain_text("not found")


@pytest.mark.parametrize("screen", [DESKTOP, DARK], ids=["light", "dark"])
async def test_axe_finds_nothing(page: Page, dashboard: Dashboard, screen: Screen) -> None:
    async with receiving() as receiver:
        webhook = await with_a_refused_test(dashboard, receiver)
        await page.goto(f"{dashboard.url}#/webhooks")
        await page.get_by_role("button", name="Send a test").click()
        await expect(page.get_by_role("status").filter(has_text="answered 500")).to_be_visible()
        assert await violations(page) == []
        await page.get_by_role("button", name="Create a webhook").click()
        await expect(page.get_by_role("dialog")).to_be_visible()
        assert await violations(page) == []
        await page.keyboard.press("Escape")
        await page.evaluate("address => location.hash = address", f"#/webhooks/{webhook}")
        await page.get_by_role("link", name="Details").first.click()
        await expect(page.get_by_role("dialog").get_by_role("region", name="Attempts")).to_be_visible()
        assert await violations(page) == []


async def with_a_refused_test(dashboard: Dashboard, receiver: Receiver) -> str:
    """A webhook whose endpoint has refused a test."""
    webhook = await create(dashboard, receiver.url("/refusing", Answer(500)), ["chat.message"])
    await dashboard.tenant.call("POST", f"/v1/webhooks/{webhook}/test", 200)
    return webhook
