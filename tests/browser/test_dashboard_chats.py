"""The page of conversations: found, read, judged, exported."""

import csv
import io
import json

import pytest
from dashboards import Dashboard
from pages import DARK, PHONE, Complaints, Screen, come, held_back, until, violations
from playwright.async_api import Page, expect

TEXT = "# Opening hours\n\nThe museum opens at nine and closes at six. It is closed on Mondays."


async def ask(dashboard: Dashboard, bot: str, question: str, **more: str) -> str:
    body = {"bot_profile_id": bot, "message": question, **more}
    return str((await dashboard.tenant.call("POST", "/v1/chat", 200, json=body))["chat_id"])


async def exported(page: Page, name: str) -> str:
    async with page.expect_download() as download:
        await page.get_by_role("button", name=name).click()
    path = await (await download.value).path()
    return path.read_text(encoding="utf-8")


async def test_conversations_are_found_read_judged_and_exported(page: Page, dashboard: Dashboard) -> None:
    tenant = dashboard.tenant
    desk, other = await tenant.bot(name="Desk"), await tenant.bot(name="Other")
    await tenant.ready(await tenant.text_source(desk, TEXT, "Visitor information"))
    chat = await ask(dashboard, desk, "When does the museum open?")
    await ask(dashboard, desk, "Is it closed on Mondays?", chat_id=chat)
    await ask(dashboard, other, "What is a zeppelin?")

    await page.goto(f"{dashboard.url}#/chats")
    rows = page.get_by_role("list", name="Chat history").get_by_role("link")
    await expect(rows).to_have_count(2)
    await expect(rows.first).to_contain_text("Other")
    assert await violations(page) == []
    await page.get_by_label("Bot", exact=True).select_option(label="Desk")
    await expect(rows).to_have_count(1)
    await page.reload()
    await expect(page.get_by_label("Bot", exact=True)).to_have_value(desk)
    await expect(rows).to_have_count(1)
    document = json.loads(await exported(page, "Export JSON"))
    assert [entry["chat"]["id"] for entry in document["chats"]] == [chat]

    await page.get_by_label("To", exact=True).fill("2001-01-01")
    await expect(page.get_by_text("No conversation fits these filters.")).to_be_visible()
    await page.get_by_role("button", name="Clear filters").first.click()
    await expect(rows).to_have_count(2)
    await page.get_by_label("Search").fill("ZEPPELIN")
    await expect(rows).to_have_count(1)
    await expect(rows.first).to_contain_text("What is a zeppelin?")
    await page.get_by_label("Search").fill("museum")
    await expect(rows.first).to_contain_text("When does the museum open?")

    await rows.first.click()
    await expect(page.get_by_role("heading", level=1, name="When does the museum open?")).to_be_visible()
    main = page.get_by_role("main")
    await main.get_by_text("1 source", exact=True).first.click()
    await expect(main.get_by_text("Visitor information").first).to_be_visible()
    await main.get_by_role("button", name="Bad answer").first.click()
    await expect(main.get_by_role("button", name="Bad answer").first).to_have_attribute(
        "aria-pressed", "true"
    )
    assert await violations(page) == []
    rows_of_csv = list(csv.DictReader(io.StringIO(await exported(page, "Export CSV"))))
    assert [row["role"] for row in rows_of_csv] == ["user", "assistant", "user", "assistant"]
    assert rows_of_csv[1]["feedback"] == "negative"

    await page.get_by_role("link", name="Chat history").last.click()
    await expect(rows).to_have_count(1)
    await expect(rows.first).to_be_focused()
    await expect(page.get_by_label("Search")).to_have_value("museum")


async def test_a_list_comes_back_where_it_was_left(page: Page, dashboard: Dashboard) -> None:
    bot = await dashboard.tenant.bot(name="Desk")
    for number in range(24):
        await ask(dashboard, bot, f"Question {number}?")
    await page.goto(f"{dashboard.url}#/chats")
    row = page.get_by_role("link", name="Question 2?")
    await row.scroll_into_view_if_needed()
    place = await page.evaluate("scrollY")
    assert place > 100
    await row.click()
    await expect(page.get_by_role("heading", level=1, name="Question 2?")).to_be_visible()
    await until(lambda: page.evaluate("scrollY === 0"))
    await ask(dashboard, bot, "A new one?")
    await page.go_back()
    await expect(row).to_be_focused()
    await until(lambda: page.evaluate(f"Math.abs(scrollY - {place}) < 120"))
    await page.get_by_role("button", name="Show them").click()
    await expect(page.get_by_role("link", name="A new one?")).to_be_visible()


@pytest.mark.parametrize("screen", [{**DARK, **PHONE}], ids=["dark-phone"])
async def test_the_address_of_the_next_page_is_not_taken_for_a_conversation(
    page: Page, dashboard: Dashboard
) -> None:
    await page.goto(f"{dashboard.url}#/chats")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Chat history")
    settings = await held_back(page, "/pages/settings.html")
    async with page.expect_request("**/pages/settings.html"):
        await page.goto(f"{dashboard.url}#/settings/audit?days=7")
    await page.evaluate("new Promise((resolve) => setTimeout(resolve, 100))")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Chat history")
    settings.set()
    await expect(page.get_by_role("tab", name="Audit log")).to_have_attribute("aria-selected", "true")
    await page.goto(f"{dashboard.url}#/settings/system")
    await expect(page.get_by_role("tab", name="Audit log")).to_have_attribute("aria-selected", "false")


async def test_nothing_yet_an_error_and_what_happens_meanwhile(
    page: Page, dashboard: Dashboard, complaints: Complaints, screen: Screen
) -> None:
    await page.goto(f"{dashboard.url}#/chats")
    await expect(page.get_by_text("No conversations yet")).to_be_visible()
    assert await violations(page) == []
    bot = await dashboard.tenant.bot(name="Desk", model="openai/fake--tokens-5")
    chat = await ask(dashboard, bot, "Anybody there?")
    await page.get_by_role("link", name="Anybody there?").click()
    await expect(page.get_by_text("The quick brown fox jumps")).to_be_visible()
    await ask(dashboard, bot, "And now?", chat_id=chat)
    await expect(page.get_by_text("And now?")).to_be_visible()
    assert await violations(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    complaints.allow("404")
    await page.goto(f"{dashboard.url}#/chats/00000000-0000-4000-8000-000000000000")
    await expect(page.get_by_role("alert").get_by_role("button", name="Try again")).to_be_visible()


async def test_what_comes_after_its_page_was_left_changes_nothing_of_the_next(
    page: Page, dashboard: Dashboard
) -> None:
    bot = await dashboard.tenant.bot(name="Desk")
    source = await dashboard.tenant.text_source(bot, TEXT, "Visitor information")
    chat = await ask(dashboard, bot, "Anybody?")
    for address, end in ((f"chats/{chat}", "/messages?*"), (f"sources/{source}", f"/v1/sources/{source}")):
        held = await held_back(page, end)
        async with page.expect_request(f"**{end}"):
            await page.goto(f"{dashboard.url}#/{address}")
        await page.goto(f"{dashboard.url}#/users")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Users")
        await come(page)
        add = page.get_by_role("button", name="Add a user")
        await add.focus()
        async with page.expect_event("requestfinished", lambda one, end=end: end.strip("?*") in one.url):
            held.set()
        await page.evaluate("fetch('config.json').then((answer) => answer.json())")  # what came first is read
        await expect(page).to_have_title("Users · MiniRAG")
        await expect(add).to_be_focused()
