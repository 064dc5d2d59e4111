"""The widget where something comes between: a broken line, full storage, another tab or visitor, a page that changes its mind."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

from pages import Complaints, held_back
from playwright.async_api import Page, expect
from widgets import QUESTION, Embedded, Says, Visitor, requests_of, signed

END = "as well as it can"
"""What the last of the fake provider's sixty words follow."""

LINE = "ERR_|CORS policy"
"""The console tells every request that finds nobody."""

SECRET = "a-secret-that-only-the-site-and-its-bot-know"


@asynccontextmanager
async def out_of_reach(page: Page, *ends: str) -> AsyncIterator[None]:
    """Addresses that end so are not reached meanwhile."""
    for end in ends:
        await page.route(f"**{end}", lambda route: route.abort())
    yield
    for end in ends:
        await page.unroute(f"**{end}")


async def vouching(embedded: Embedded) -> None:
    """The bot believes the site who its visitors are."""
    path = f"/v1/bot-profiles/{embedded.bot_id}"
    await embedded.tenant.call("PATCH", path, 200, json={"identity_secret": SECRET})


async def test_what_was_asked_after_a_failed_start_is_there_when_the_chat_is_opened_again(
    embedded: Embedded, page: Page, visitor: Visitor, complaints: Complaints
) -> None:
    complaints.allow(LINE)
    async with out_of_reach(page, "/sessions", "/health"):
        await page.goto(embedded.put())
        await visitor.open()
        await expect(visitor.widget.get_by_role("alert")).to_contain_text("The chat cannot be reached.")
    await visitor.ask("Hello")
    await visitor.answered()
    await page.keyboard.press("Escape")
    await visitor.open()
    await expect(visitor.answers).to_have_count(1)


async def test_who_tries_again_keeps_the_focus_in_the_chat(
    embedded: Embedded, page: Page, visitor: Visitor, complaints: Complaints
) -> None:
    complaints.allow(LINE)
    again = visitor.widget.get_by_role("button", name="Try again")
    async with out_of_reach(page, "/sessions", "/health"):
        await page.goto(embedded.put())
        await visitor.open()
        await expect(again).to_be_visible()
    await again.press("Enter")
    await expect(visitor.widget.get_by_role("button", name=QUESTION)).to_be_visible()
    await expect(visitor.field).to_be_focused()


async def test_a_conversation_that_is_gone_ends_no_chat(
    embedded: Embedded, page: Page, visitor: Visitor, complaints: Complaints
) -> None:
    complaints.allow("status of 404")
    await page.goto(embedded.put())
    await visitor.open()
    await visitor.ask("One")
    await visitor.answered()
    gone = f"/v1/chat/{uuid4()}/messages/{uuid4()}/feedback"
    await page.route("**/feedback", lambda route: route.continue_(url=embedded.api + gone))
    good = visitor.widget.get_by_role("button", name="Good answer")
    await good.click()
    await expect(visitor.widget.get_by_role("alert")).to_be_visible()
    await expect(good).to_have_attribute("aria-pressed", "false")
    await visitor.ask("Two")
    await expect(visitor.answers).to_have_count(2)
    await visitor.answered()
    assert [chat["message_count"] for chat in await embedded.chats()] == [4]


async def test_where_storage_is_full_the_chat_works_for_as_long_as_the_page(
    embedded: Embedded, page: Page, visitor: Visitor
) -> None:
    await page.add_init_script(
        "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); }"
    )
    await page.goto(embedded.put())
    await visitor.open()
    for number, text in enumerate(("One", "Two"), 1):
        await visitor.ask(text)
        await expect(visitor.answers).to_have_count(number)
        await visitor.answered()
    assert [chat["message_count"] for chat in await embedded.chats()] == [4]


async def test_each_of_two_tabs_keeps_its_own_conversation_and_question(
    embedded: Embedded, page: Page, visitor: Visitor, says: Says
) -> None:
    other = Visitor(await page.context.new_page())
    for each in (visitor, other):
        await each.page.goto(embedded.put())
        await each.open()
    await says(tokens=20, gap=60)
    await visitor.ask("In the first tab")
    await expect(visitor.answer).to_contain_text("quick")
    await says(tokens=60, gap=100)
    await other.ask("In the second tab")
    await expect(other.answer).to_contain_text("quick")
    await visitor.answered()
    await other.page.reload()
    await expect(other.answer).to_contain_text("quick")
    await visitor.ask("Once more in the first tab")
    await other.answered(END)
    await expect(visitor.answers).to_have_count(2)
    await visitor.answered(END)
    chats = {chat["title"]: chat["message_count"] for chat in await embedded.chats()}
    assert chats == {"In the first tab": 4, "In the second tab": 2}


async def test_a_question_that_no_line_could_carry_is_asked_by_the_next_page(
    embedded: Embedded, page: Page, visitor: Visitor, complaints: Complaints
) -> None:
    complaints.allow(LINE)
    await page.goto(embedded.put())
    await visitor.open()
    async with out_of_reach(page, "/v1/chat"):
        await visitor.ask("Anybody there?")
        failure = visitor.widget.locator(".failure")
        while not await failure.is_visible():  # “online” spares the widget's waiting
            await page.evaluate("dispatchEvent(new Event('online'))")
            await page.wait_for_timeout(50)
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("button", name="Open chat", exact=True)).to_be_visible()
    await page.reload()
    await page.get_by_role("button", name="Open chat").click()
    await visitor.answered()
    await expect(visitor.widget.locator(".message.user")).to_have_text("You: Anybody there?")
    assert [chat["message_count"] for chat in await embedded.chats()] == [2]


async def test_whoever_logs_in_meanwhile_sees_nothing_of_the_one_before(
    embedded: Embedded, page: Page, visitor: Visitor, complaints: Complaints
) -> None:
    complaints.allow("status of 401")
    await vouching(embedded)
    who = f"window.who = {signed('ada', SECRET)!r}; document.querySelector('minirag-widget').identity = () => who;"
    script = f"<script>addEventListener('DOMContentLoaded', () => {{ {who} }})</script>"
    await page.goto(embedded.put(more=script))
    await visitor.open()
    await visitor.ask("From Ada")
    await visitor.answered()

    await page.evaluate("(other) => { window.who = other; }", signed("bea", SECRET))
    ended = {
        "status": 401,
        "json": {"code": "not_authenticated"},
        "headers": {"Access-Control-Allow-Origin": "*"},
    }
    await page.route("**/v1/chat", lambda route: route.fulfill(**ended), times=1)
    await visitor.ask("Still from Ada")
    await expect(visitor.widget.locator(".message.user")).to_have_count(0)
    await visitor.ask("From Bea")
    await visitor.answered()
    await expect(visitor.widget.locator(".message.user")).to_have_text("You: From Bea")
    assert [chat["title"] for chat in await embedded.chats()] == ["From Bea", "From Ada"]


async def test_what_waits_for_a_known_visitor_is_counted_for_them(
    embedded: Embedded, page: Page, visitor: Visitor, says: Says
) -> None:
    await vouching(embedded)
    await says(tokens=20, hold=10)
    await page.goto(embedded.put(identity=signed("ada", SECRET)))
    await visitor.open()
    await visitor.ask("Tell me")
    await expect(visitor.answer).to_contain_text("quick")
    await page.keyboard.press("Escape")
    await expect(visitor.panel).to_be_hidden()
    await says(hold=None)
    unread = page.get_by_role("button", name="Open chat, 1 new message")
    await expect(unread).to_be_visible()
    await page.reload()
    await unread.click()
    await visitor.answered("quick")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("button", name="Open chat", exact=True)).to_be_visible()


HOW = "() => { window.how = (sent) => sent.then(() => 'answered', (problem) => problem.message); }"


async def test_what_a_script_asks_is_refused_where_it_is_not_answered_whole(
    embedded: Embedded, page: Page, visitor: Visitor, says: Says
) -> None:
    await says(tokens=400, gap=50)
    await page.goto(embedded.put())
    await visitor.open()
    await page.evaluate(HOW)
    second = await page.evaluate("""() => {
      window.widget = document.querySelector('minirag-widget'), window.asked = [];
      widget.addEventListener('minirag:message', ({detail}) => asked.push(detail.text));
      window.first = how(widget.send('One'));
      return how(widget.send('Two'));
    }""")
    assert second == "An answer is being written"
    await expect(visitor.answer).to_contain_text("quick")
    assert await page.evaluate("widget.newConversation(), first") == "The conversation was left"
    await visitor.ask("Three")
    await expect(visitor.answer).to_contain_text("quick")
    assert await page.evaluate("how(widget.send('Four'))") == "An answer is being written"
    assert await page.evaluate("asked") == ["One", "Three"]


async def test_a_new_conversation_is_one_also_while_the_old_one_is_loaded(
    embedded: Embedded, page: Page, visitor: Visitor
) -> None:
    await page.goto(embedded.put())
    await visitor.open()
    await visitor.ask("First")
    await visitor.answered()
    released = await held_back(page, "/messages")
    async with page.expect_request("**/messages"):
        await page.reload()
    await visitor.widget.get_by_role("button", name="New conversation").click()
    released.set()
    await visitor.ask("Second")
    await visitor.answered()
    await expect(visitor.widget.locator(".message.user")).to_have_text("You: Second")
    assert [chat["title"] for chat in await embedded.chats()] == ["Second", "First"]


async def test_a_conversation_that_is_loaded_is_not_mixed_with_the_one_of_another_tab(
    embedded: Embedded, page: Page, visitor: Visitor, says: Says
) -> None:
    other = Visitor(await page.context.new_page())
    await page.goto(embedded.put())
    await visitor.open()
    await visitor.ask("First")
    await visitor.answered()
    await other.page.goto(embedded.put())
    await other.open()
    released = await held_back(page, "/messages")
    async with page.expect_request("**/messages"):
        await page.reload()
    await says(hold=4)
    await other.widget.get_by_role("button", name="New conversation").click()
    await other.ask("Second")
    await expect(other.answer).to_contain_text("quick")
    released.set()
    await expect(visitor.widget.locator(".message.user")).to_have_text("You: First")
    await says(hold=None)
    await visitor.ask("Third")
    await expect(visitor.answers).to_have_count(2)
    await visitor.answered()
    await other.answered()
    chats = {chat["title"]: chat["message_count"] for chat in await embedded.chats()}
    assert chats == {"First": 4, "Second": 2}


async def test_a_widget_that_is_taken_out_while_it_loads_follows_nothing(
    embedded: Embedded, page: Page, visitor: Visitor, says: Says
) -> None:
    await says(tokens=60, hold=20)
    await page.goto(embedded.put())
    await visitor.open()
    await visitor.ask("Tell me everything")
    await expect(visitor.answer).to_contain_text("quick")
    asked = requests_of(page)
    released = await held_back(page, "/messages")
    async with page.expect_request("**/messages"):
        await page.reload()
    await page.evaluate("window.kept = document.querySelector('minirag-widget'); kept.remove()")
    released.set()
    async with page.expect_request("**/stream"):
        await page.evaluate("document.body.append(kept)")
    await says(hold=None)
    await visitor.answered(END)
    assert len([one for one in asked if one.url.endswith("/stream")]) == 1


async def test_a_widget_that_is_taken_out_while_it_fails_says_nothing(
    embedded: Embedded, page: Page, visitor: Visitor, complaints: Complaints
) -> None:
    complaints.allow(LINE)
    async with out_of_reach(page, "/sessions", "/health"):
        released = await held_back(page, "/sessions")
        await page.goto(embedded.put())
        await page.get_by_role("button", name="Open chat").click()
        await page.evaluate("window.kept = document.querySelector('minirag-widget'); kept.remove()")
        async with page.expect_event("requestfailed", lambda one: one.url.endswith("/health")):
            released.set()
    await page.evaluate("document.body.append(kept)")
    await visitor.ask("Hello")
    await visitor.answered()


async def test_a_widget_that_is_taken_out_while_its_styles_come_is_dressed_when_it_is_brought_back(
    embedded: Embedded, page: Page, visitor: Visitor
) -> None:
    await page.goto(embedded.put())
    await expect(page.get_by_role("button", name="Open chat")).to_be_visible()
    await page.evaluate("""async () => {
      window.kept = document.querySelector('minirag-widget');
      const styles = kept.shadowRoot.querySelector('link');
      kept.remove();
      await Promise.resolve();
      styles.dispatchEvent(new Event('load'));  // as the browser says it that had them already in that moment
    }""")
    await page.evaluate("document.body.append(kept)")
    await visitor.open()
    await visitor.ask("Hello")
    await visitor.answered()
