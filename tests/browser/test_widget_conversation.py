"""Visitors talk to a bot on a page of another origin: answers with sources, stopped, resumed, kept, told apart."""

import asyncio
import re
import time

from dashboards import OpenPage
from minirag_local.testing import Stack
from pages import Complaints
from playwright.async_api import Page, expect
from widgets import GREETING, QUESTION, SCRIPT, Embedded, Says, Visitor, requests_of, signed

SLOW = {"tokens": 60, "gap": 60}
END = "as well as it can"
"""What the last of the fake provider's sixty words follow."""

CITED = "It opens at **nine** [1]. See [our page](https://museum.example/hours)."


async def test_a_suggested_question_is_answered_with_its_source_and_judged(
    embedded: Embedded, visitor: Visitor, says: Says
) -> None:
    await says(answer=CITED)
    await visitor.page.goto(embedded.put())
    await visitor.open()
    await expect(visitor.widget.get_by_role("heading", name="Porter")).to_be_visible()
    await expect(visitor.widget.get_by_text(GREETING)).to_be_visible()
    await visitor.widget.get_by_role("button", name=QUESTION).click()
    await visitor.answered("It opens at nine 1.")
    await expect(visitor.answer.locator("strong")).to_have_text("nine")
    link = visitor.answer.get_by_role("link")
    assert await link.get_attribute("rel") == "noopener noreferrer nofollow"
    await expect(link).to_have_text("our page (museum.example)")

    await visitor.widget.get_by_role("button", name="Source 1: Opening hours").click()
    source = visitor.widget.locator(".sources li")
    await expect(source).to_contain_text("The museum opens at nine on weekdays.")
    good = visitor.widget.get_by_role("button", name="Good answer")
    await good.click()
    await expect(good).to_have_attribute("aria-pressed", "true")
    await embedded_says(embedded, "positive")

    await visitor.page.reload()
    await expect(visitor.answer).to_contain_text("It opens at nine")
    await expect(good).to_have_attribute("aria-pressed", "true")
    await visitor.widget.get_by_role("button", name="Bad answer").click()
    await embedded_says(embedded, "negative")
    await visitor.widget.get_by_role("button", name="Bad answer").click()
    await embedded_says(embedded, None)


async def embedded_says(embedded: Embedded, feedback: str | None) -> None:
    """Waits until the answer is judged so."""
    deadline = time.monotonic() + 15
    while (await embedded.messages())[-1]["feedback"] != feedback:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


async def test_an_answer_is_stopped_and_what_there_is_of_it_is_kept(
    embedded: Embedded, visitor: Visitor, says: Says
) -> None:
    await says(tokens=400, gap=50)
    await visitor.page.goto(embedded.put())
    await visitor.open()
    await visitor.ask("Tell me everything")
    await expect(visitor.answer).to_contain_text("quick brown fox")
    await visitor.stop.click()
    await expect(visitor.widget.get_by_text("Stopped.")).to_be_visible()
    shown = await visitor.answer.inner_text()
    stored = (await embedded.messages())[-1]["content"]
    assert shown == stored and 3 < len(stored.split()) < 400
    await says(**SLOW, answer="Something else.")
    await visitor.ask("And now?")
    await visitor.answered("Something else.")
    assert len(await embedded.chats()) == 1


async def test_a_reload_goes_on_with_the_answer_that_is_being_written(
    embedded: Embedded, visitor: Visitor, says: Says
) -> None:
    asked = requests_of(visitor.page)
    await says(tokens=60, hold=20)
    await visitor.page.goto(embedded.put())
    await visitor.open()
    await visitor.ask("Tell me everything")
    await expect(visitor.answer).to_contain_text("fox jumps")
    await visitor.page.reload()
    await expect(visitor.answer).to_contain_text("fox jumps")
    await expect(visitor.stop).to_be_visible()
    await says(hold=None)
    await visitor.answered(END)
    assert await visitor.answer.inner_text() == (await embedded.messages())[-1]["content"]
    assert len([one for one in asked if one.url.endswith("/v1/chat") and one.method == "POST"]) == 1
    await expect(visitor.answers).to_have_count(1)


async def test_a_dropped_connection_goes_on_where_it_was(
    embedded: Embedded, visitor: Visitor, says: Says, stack: Stack, complaints: Complaints
) -> None:
    complaints.allow("ERR_|Failed to load resource|CORS policy")  # the browser tells of the gateway's absence
    asked = requests_of(visitor.page)
    await says(tokens=100, gap=60)
    await visitor.page.goto(embedded.put())
    await visitor.open()
    await visitor.ask("Tell me everything")
    await expect(visitor.answer).to_contain_text("fox jumps")
    stack.kill("gateway")
    await expect(visitor.answers.last.get_by_role("button", name="Copy answer")).to_be_visible(timeout=40_000)
    assert await visitor.answer.inner_text() == (await embedded.messages())[-1]["content"]
    resumed = [one for one in asked if one.url.endswith("/stream") and one.method == "GET"]
    assert resumed and all("last-event-id" in one.headers for one in resumed)
    assert len([one for one in asked if one.url.endswith("/v1/chat") and one.method == "POST"]) == 1


async def test_an_answer_that_comes_while_the_chat_is_closed_is_counted(
    embedded: Embedded, visitor: Visitor, says: Says
) -> None:
    await says(tokens=20, hold=10)
    await visitor.page.goto(embedded.put())
    await visitor.open()
    await visitor.ask("Tell me")
    await expect(visitor.answer).to_contain_text("quick")
    await visitor.page.keyboard.press("Escape")
    await expect(visitor.panel).to_be_hidden()
    await says(hold=None)
    unread = visitor.page.get_by_role("button", name="Open chat, 1 new message")
    await expect(unread).to_be_visible()
    await visitor.page.reload()
    await unread.click()
    await visitor.answered("quick")
    await visitor.page.keyboard.press("Escape")
    await expect(visitor.page.get_by_role("button", name="Open chat", exact=True)).to_be_visible()


async def test_a_new_conversation_leaves_the_old_one(embedded: Embedded, visitor: Visitor) -> None:
    await visitor.page.goto(embedded.put())
    await visitor.open()
    await visitor.ask("First")
    await visitor.answered()
    await visitor.widget.get_by_role("button", name="New conversation").click()
    await expect(visitor.answers).to_have_count(0)
    await expect(visitor.widget.get_by_role("button", name=QUESTION)).to_be_visible()
    await visitor.ask("Second")
    await visitor.answered()
    assert [chat["title"] for chat in await embedded.chats()] == ["Second", "First"]
    await visitor.page.reload()
    await expect(visitor.widget.locator(".message.user")).to_have_text("You: Second")


async def test_a_failed_answer_is_a_sentence_and_can_be_tried_again(
    embedded: Embedded, visitor: Visitor, says: Says
) -> None:
    await says(status=400)
    await visitor.page.goto(embedded.put(lang="de"))
    await visitor.page.get_by_role("button", name="Chat öffnen").click()
    await visitor.ask("Wann öffnet das Museum?")
    await expect(visitor.widget.locator(".failure p")).to_have_text(
        "Die Antwort konnte nicht geschrieben werden."
    )
    await says(status=200, answer="Um neun.")
    await visitor.widget.get_by_role("button", name="Erneut versuchen").click()
    await expect(visitor.answer).to_have_text("Um neun.")
    await expect(visitor.widget.locator(".message.user")).to_have_count(1)


async def test_too_many_questions_are_told_when_they_may_go_on(
    embedded: Embedded, visitor: Visitor, complaints: Complaints
) -> None:
    complaints.allow("status of 429")
    path = f"/v1/embed-keys/{embedded.key['id']}"
    await embedded.tenant.call("PATCH", path, 200, json={"daily_messages": 1})
    await visitor.page.goto(embedded.put())
    await visitor.open()
    await visitor.ask("One")
    await visitor.answered()
    await visitor.ask("Two")
    told = visitor.widget.locator(".failure p")
    await expect(told).to_have_text(
        re.compile(r"as many messages as it may today.* in \d+ (hour|minute|second)s?\.")
    )
    await embedded.tenant.call("PATCH", path, 200, json={"daily_messages": 5})
    await visitor.widget.get_by_role("button", name="Try again").click()
    await visitor.answered()


async def test_where_storage_is_blocked_the_chat_works_for_as_long_as_the_page(
    embedded: Embedded, page: Page, visitor: Visitor
) -> None:
    await page.add_init_script(
        "for (const name of ['localStorage', 'sessionStorage']) Object.defineProperty(window, name,"
        " {get() { throw new DOMException('blocked', 'SecurityError'); }})"
    )
    await page.goto(embedded.put())
    await visitor.open()
    for text in ("One", "Two"):
        await visitor.ask(text)
        await visitor.answered()
    assert [chat["message_count"] for chat in await embedded.chats()] == [4]


async def test_a_visitor_whom_the_site_vouches_for_finds_their_conversation_on_every_device(
    embedded: Embedded, visitor: Visitor, open_page: OpenPage
) -> None:
    secret = "a-secret-that-only-the-site-and-its-bot-know"
    path = f"/v1/bot-profiles/{embedded.bot_id}"
    await embedded.tenant.call("PATCH", path, 200, json={"identity_secret": secret})
    address = embedded.put(identity=signed("ada", secret))
    await visitor.page.goto(address)
    await visitor.open()
    await visitor.ask("From my desk")
    await visitor.answered()

    telephone = Visitor(await open_page())
    script = f'document.querySelector("minirag-widget").identity = async () => "{signed("ada", secret)}"'
    await telephone.page.goto(
        embedded.put("/later", more=f"<script>addEventListener('load', () => {{ {script} }})</script>")
    )
    await telephone.open()
    await expect(telephone.widget.locator(".message.user")).to_have_text("You: From my desk")

    await visitor.page.goto(embedded.put("/bea", identity=signed("bea", secret)))
    await expect(visitor.widget.get_by_text(GREETING)).to_be_visible()
    await expect(visitor.widget.locator(".message.user")).to_have_count(0)


async def test_the_old_tags_with_an_api_token_go_on_working(embedded: Embedded, visitor: Visitor) -> None:
    api = embedded.api
    tag = (
        f'<script src="{api}{SCRIPT}" data-bot-id="{embedded.bot_id}" data-api-url="{api}" '
        f'data-api-token="{embedded.tenant.token}" data-title="Help"></script>'
    )
    element = (
        f'<script src="{api}{SCRIPT}"></script><minirag-widget bot-id="{embedded.bot_id}" api-url="{api}" '
        f'api-token="{embedded.tenant.token}" title="Help"></minirag-widget>'
    )
    for path, script in (("/tag", tag), ("/element", element)):
        await visitor.page.goto(embedded.write(path, script))
        await expect(visitor.widget).to_have_count(1)
        if await visitor.panel.is_hidden():
            await visitor.open()
        await expect(visitor.widget.get_by_role("heading", name="Help")).to_be_visible()
        await expect(visitor.field).to_have_attribute("placeholder", "Type a message...")
        await visitor.ask(f"Hello from {path}")
        await visitor.answered()
    await visitor.page.goto(embedded.write("/none", f'<script src="{api}{SCRIPT}" data-bot-id="x"></script>'))
    await expect(visitor.widget).to_have_count(0)
