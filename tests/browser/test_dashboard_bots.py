"""The page of bots: made, changed, tried, embedded, deactivated."""

import re
from dataclasses import replace

import pytest
from dashboards import Dashboard, OpenPage
from pages import DARK, PHONE, Complaints, Screen, come, held_back, violations
from playwright.async_api import Page, expect
from widgets import Says

TEXT = "# Opening hours\n\nThe museum opens at nine and closes at six. It is closed on Mondays."
PASSWORD = "a long and plain pass phrase"


async def go(page: Page, dashboard: Dashboard, address: str) -> None:
    await page.goto(f"{dashboard.url}#/{address}")


async def member_of(dashboard: Dashboard) -> Dashboard:
    """The dashboard of somebody who may talk with bots and read their own conversations."""
    member = replace(dashboard, email=f"member@{dashboard.slug}.example", password=PASSWORD)
    body = {"email": member.email, "password": PASSWORD, "role": "member"}
    await dashboard.tenant.call("POST", "/v1/users", 201, json=body)
    return member


async def test_a_bot_is_made_changed_and_deactivated(
    page: Page, dashboard: Dashboard, complaints: Complaints
) -> None:
    await go(page, dashboard, "bots")
    await page.get_by_role("link", name="Create the first bot").click()
    dialog = page.get_by_role("dialog", name="Create a bot")
    complaints.allow("422")
    await dialog.get_by_role("button", name="Create a bot").click()
    await expect(dialog.get_by_label("Name", exact=True)).to_have_attribute("aria-invalid", "true")
    await expect(dialog.get_by_label("Name", exact=True)).to_be_focused()
    await dialog.get_by_label("Name", exact=True).fill("Desk")
    await dialog.get_by_label("Model", exact=True).select_option(label="Another model …")
    await dialog.get_by_label("Name of the model").fill("openai/fake")
    await dialog.get_by_label("Suggested questions").fill("When do you open?\n\nWhat is a ticket?")
    await dialog.get_by_role("textbox", name="API key of the model's provider").fill("sk-of-the-bot")
    await dialog.get_by_role("button", name="Create a bot").click()
    card = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name="Desk"))
    await expect(card).to_contain_text("openai/fake")
    await expect(card).to_contain_text("0 sources")
    assert await violations(page) == []

    (bot,) = await dashboard.tenant.call("GET", "/v1/bot-profiles", 200)
    assert bot["suggested_questions"] == ["When do you open?", "What is a ticket?"]
    assert bot["has_credentials"] and not bot["has_identity_secret"]

    await card.get_by_role("link", name="Edit Desk").click()
    dialog = page.get_by_role("dialog", name="Edit the bot")
    await expect(dialog.get_by_label("Name of the model")).to_have_value("openai/fake")
    assert await violations(page) == []
    await dialog.get_by_label("Name", exact=True).fill("Front desk")
    await dialog.get_by_label("Model", exact=True).select_option("minirag/extractive")
    await dialog.get_by_role("button", name="Remove: API key of the model's provider").click()
    await dialog.get_by_role("button", name="Generate").click()
    secret = await dialog.get_by_role("textbox", name="Identity secret").input_value()
    assert len(secret) >= 32
    await dialog.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("heading", name="Front desk")).to_be_visible()
    changed = await dashboard.tenant.call("GET", f"/v1/bot-profiles/{bot['id']}", 200)
    assert (changed["model"], changed["has_credentials"]) == ("minirag/extractive", False)
    assert changed["has_identity_secret"] and changed["suggested_questions"] == bot["suggested_questions"]

    await go(page, dashboard, f"bots/{bot['id']}")
    await expect(page.locator(f"#bot-{bot['id']}")).to_be_focused()
    await page.get_by_role("button", name="Deactivate Front desk").click()
    await page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    await page.get_by_role("button", name="Deactivate Front desk").click()
    await page.get_by_role("dialog").get_by_role("button", name="Deactivate").click()
    await page.get_by_role("button", name="Reactivate Front desk").click()
    await expect(page.get_by_role("button", name="Deactivate Front desk")).to_be_visible()


@pytest.mark.parametrize("screen", [{}, {**DARK, **PHONE}], ids=["light", "dark-phone"])
async def test_a_bot_is_tried_and_says_where_it_has_it_from(
    page: Page, dashboard: Dashboard, screen: Screen
) -> None:
    tenant = dashboard.tenant
    bot = await tenant.bot(
        name="Desk", greeting="Hello there!", suggested_questions=["When does the museum open?"]
    )
    await tenant.ready(await tenant.text_source(bot, TEXT, "Visitor information"))
    await go(page, dashboard, "bots")
    await expect(page.get_by_text("1 source")).to_be_visible()
    assert await violations(page) == []
    await page.get_by_role("link", name="Try it: Desk").click()
    await expect(page.get_by_role("heading", level=1, name="Try Desk")).to_be_visible()
    await expect(page.get_by_text("Hello there!")).to_be_visible()
    assert await violations(page) == []

    await page.get_by_role("button", name="When does the museum open?").click()
    log = page.get_by_role("log", name="Conversation")
    await expect(log).to_contain_text("opens at nine")
    await log.get_by_text(re.compile(r"^\d+ sources?$")).click()
    await expect(log.get_by_text("Visitor information").first).to_be_visible()
    await expect(log.get_by_text(re.compile("fits \\d+%")).first).to_be_visible()
    thumb = log.get_by_role("button", name="Good answer")
    await thumb.click()
    await expect(thumb).to_have_attribute("aria-pressed", "true")
    assert await violations(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    await page.get_by_label("Your question").fill("And on Mondays?")
    await page.get_by_label("Your question").press("Enter")
    await expect(log.get_by_role("group", name="Judge this answer").nth(1)).to_be_visible()
    (chat,) = await tenant.call("GET", "/v1/chat", 200)
    messages = await tenant.call("GET", f"/v1/chat/{chat['id']}/messages", 200)
    assert [message["feedback"] for message in messages] == [None, "positive", None, None]

    await page.reload()
    await expect(log.get_by_text("And on Mondays?", exact=True)).to_be_visible()
    await expect(log.get_by_role("button", name="Good answer").first).to_have_attribute(
        "aria-pressed", "true"
    )
    await page.get_by_role("button", name="New conversation").click()
    await expect(page.get_by_text("Hello there!")).to_be_visible()
    await page.go_back()
    await expect(log.get_by_text("And on Mondays?", exact=True)).to_be_visible()


async def test_an_answer_survives_a_reload_and_can_be_stopped(
    page: Page, dashboard: Dashboard, says: Says
) -> None:
    await says(tokens=40, first=300, hold=8)
    bot = await dashboard.tenant.bot(name="Slow", model="openai/fake")
    await go(page, dashboard, f"bots/{bot}/try")
    await page.get_by_label("Your question").fill("Tell me about the fox")
    await page.get_by_label("Your question").press("Enter")
    log = page.get_by_role("log", name="Conversation")
    await expect(log).to_contain_text("The quick brown")
    await page.reload()
    await expect(log).to_contain_text("Tell me about the fox")
    await expect(log).to_contain_text("The quick brown fox")
    await page.get_by_role("button", name="Stop").click()
    await expect(log.get_by_text("Stopped here.")).to_be_visible()
    await expect(page.get_by_role("button", name="Send")).to_be_visible()
    (chat,) = await dashboard.tenant.call("GET", "/v1/chat", 200)
    messages = await dashboard.tenant.call("GET", f"/v1/chat/{chat['id']}/messages", 200)
    assert [message["role"] for message in messages] == ["user", "assistant"]
    assert 0 < len(messages[1]["content"].split()) < 40


async def test_a_conversation_keeps_its_address_whatever_comes_first(
    page: Page, dashboard: Dashboard
) -> None:
    bot = await dashboard.tenant.bot(name="Desk")
    reply = await dashboard.tenant.ask(bot, "Anybody?")
    place = f"bots/{bot}/try/{reply['chat_id']}"
    bots = await held_back(page, "/v1/bot-profiles/*")
    await go(page, dashboard, f"{place}/{reply['message']['id']}")
    log = page.get_by_role("log", name="Conversation")
    await expect(log).to_contain_text("Anybody?")
    await expect(page).to_have_url(f"{dashboard.url}#/{place}")
    bots.set()
    await expect(page.get_by_role("heading", level=1, name="Try Desk")).to_be_visible()


async def test_what_is_asked_while_a_conversation_comes_waits_for_it(
    page: Page, dashboard: Dashboard
) -> None:
    bot = await dashboard.tenant.bot(name="Desk")
    reply = await dashboard.tenant.ask(bot, "Anybody?")
    messages = await held_back(page, "/messages?*")
    await go(page, dashboard, f"bots/{bot}/try/{reply['chat_id']}")
    question = page.get_by_label("Your question")
    await question.fill("And now?")
    await question.press("Enter")
    await expect(page.get_by_role("button", name="Send")).to_be_disabled()
    messages.set()
    log = page.get_by_role("log", name="Conversation")
    await expect(log).to_contain_text("Anybody?")
    await expect(question).to_have_value("And now?")
    await question.press("Enter")
    await expect(log.get_by_role("group", name="Judge this answer")).to_have_count(2)
    (chat,) = await dashboard.tenant.call("GET", "/v1/chat", 200)
    assert chat["message_count"] == 4


async def test_who_has_gone_elsewhere_is_not_brought_back(page: Page, dashboard: Dashboard) -> None:
    bot = await dashboard.tenant.bot(name="Desk")
    reply = await dashboard.tenant.ask(bot, "Anybody?")
    messages = await held_back(page, "/messages?*")
    async with page.expect_request("**/messages?*"):
        await go(page, dashboard, f"bots/{bot}/try/{reply['chat_id']}/{reply['message']['id']}")
    for name in ("Users", "Account"):
        await go(page, dashboard, name.lower())
        await expect(page.get_by_role("heading", level=1)).to_have_text(name)
        await come(page)
    async with page.expect_event("requestfinished", lambda one: "/messages?" in one.url):
        messages.set()
    await page.go_back()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Users")
    await page.go_forward()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Account")


async def test_a_failure_is_said_and_the_question_can_be_asked_again(
    page: Page, dashboard: Dashboard
) -> None:
    bot = await dashboard.tenant.bot(name="Broken", model="openai/fake--status-401")
    await go(page, dashboard, f"bots/{bot}/try")
    await page.get_by_label("Your question").fill("Anybody?")
    await page.get_by_role("button", name="Send").click()
    again = page.get_by_role("log").get_by_role("button", name="Try again")
    await expect(again).to_be_visible()
    assert await violations(page) == []
    await dashboard.tenant.call(
        "PATCH", f"/v1/bot-profiles/{bot}", 200, json={"model": "openai/fake--tokens-3"}
    )
    await again.click()
    await expect(page.get_by_role("log")).to_contain_text("The quick brown")


async def test_a_bot_is_put_on_a_site(page: Page, dashboard: Dashboard, complaints: Complaints) -> None:
    bot = await dashboard.tenant.bot(name='Desk "one"')
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await go(page, dashboard, "bots")
    await page.get_by_role("link", name='Embed Desk "one"').click()
    dialog = page.get_by_role("dialog")
    complaints.allow("422")
    origins = dialog.get_by_label("Origins of your pages")
    await origins.fill("www.example.com")
    await dialog.get_by_role("button", name="Make the key").click()
    await expect(origins).to_have_attribute("aria-invalid", "true")
    assert await violations(page) == []
    await origins.fill("https://www.example.com\nhttps://example.com")
    await dialog.get_by_label("Messages a day, all visitors").fill("300")
    await dialog.get_by_role("button", name="Make the key").click()
    tab = dialog.get_by_role("tab", name="Script")
    await expect(tab).to_be_visible()
    assert await violations(page) == []
    (key,) = await dashboard.tenant.call("GET", "/v1/embed-keys", 200)
    assert (key["bot_profile_id"], key["daily_messages"]) == (bot, 300)
    assert key["origins"] == ["https://example.com", "https://www.example.com"]

    await dialog.get_by_role("button", name="Copy").click()
    copied = await page.evaluate("navigator.clipboard.readText()")
    assert f'src="{dashboard.url}widget/minirag-widget.js"' in copied
    assert f'data-embed-key="{key["key"]}"' in copied and 'data-title="Desk &#34;one&#34;"' in copied
    await tab.focus()
    await page.keyboard.press("ArrowRight")
    await expect(dialog.get_by_role("tab", name="Element")).to_be_focused()
    await expect(dialog.get_by_role("tabpanel", name="Element")).to_contain_text(
        "<minirag-widget data-embed-key="
    )
    await page.keyboard.press("End")
    await dialog.get_by_label("Position").select_option("left")
    await expect(dialog.get_by_role("tabpanel", name="Styling")).to_contain_text('data-position="left"')
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await expect(page.get_by_role("link", name='Embed Desk "one"')).to_be_focused()


async def test_a_member_talks_and_changes_nothing(
    page: Page, signed_up: Dashboard, open_page: OpenPage
) -> None:
    await signed_up.tenant.bot(name="Desk")
    member = await open_page(PHONE)
    await (await member_of(signed_up)).log_in(member.context)
    await go(member, signed_up, "bots")
    await expect(member.get_by_role("link", name="Try it: Desk")).to_be_visible()
    await expect(member.get_by_role("link", name="Edit Desk")).to_be_hidden()
    await expect(member.get_by_role("link", name="Embed Desk")).to_be_hidden()
    await expect(member.get_by_role("button", name="Deactivate Desk")).to_be_hidden()
    await expect(member.get_by_role("link", name="Create a bot")).to_be_hidden()
    assert await violations(member) == []
