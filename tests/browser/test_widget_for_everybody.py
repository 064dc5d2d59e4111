"""The widget without a mouse, without sight, in either theme."""

import pytest
from pages import DARK, DESKTOP, PHONE, PHONE_DARK, Complaints, Screen, until, violations
from playwright.async_api import Page, expect
from widgets import QUESTION, Embedded, Says, Visitor

RICH = """## Hours

The museum opens at **nine** [1], see [our page](https://museum.example/hours).

| Day | Opens |
|---|--:|
| Monday | 9:00 |

```
a line of code that is too long for the narrow window of the chat, so that it has to be scrolled sideways
```

> Free on Sundays.

1. Come
2. `See`
"""

FOCUSED = """() => {
  let one = document.activeElement;
  while (one?.shadowRoot?.activeElement) one = one.shadowRoot.activeElement;
  return one.getAttribute('aria-label') || one.textContent.trim().slice(0, 40) || one.tagName;
}"""


async def focused(page: Page) -> str:
    """What has the focus, by its name."""
    return str(await page.evaluate(FOCUSED))


async def tab_to(page: Page, name: str, key: str = "Tab") -> None:
    """Presses Tab until something of this name has the focus."""
    for _ in range(40):
        if name in await focused(page):
            return
        await page.keyboard.press(key)
    raise AssertionError(f"{name} cannot be reached: the focus is on {await focused(page)}")


async def test_everything_is_done_by_keyboard(
    embedded: Embedded, page: Page, visitor: Visitor, says: Says
) -> None:
    await says(answer=RICH)
    await page.goto(embedded.put())
    await expect(page.get_by_role("button", name="Open chat")).to_be_visible()
    await tab_to(page, "Open chat")
    await page.keyboard.press("Enter")
    await expect(visitor.widget.get_by_role("button", name=QUESTION)).to_be_visible()
    assert await focused(page) == "Type a message..."
    await tab_to(page, QUESTION, "Shift+Tab")
    await page.keyboard.press("Enter")
    await visitor.answered("opens at nine")
    assert await focused(page) == "Type a message..."

    for name in ("Bad answer", "Good answer"):
        await tab_to(page, name, "Shift+Tab")
        await page.keyboard.press("Space")
        pressed = visitor.widget.get_by_role("button", name=name)
        await expect(pressed).to_have_attribute("aria-pressed", "true")
    await tab_to(page, "1 source used", "Shift+Tab")
    await tab_to(page, "Code", "Shift+Tab")
    await tab_to(page, "Table", "Shift+Tab")
    await tab_to(page, "our page", "Shift+Tab")
    await tab_to(page, "Source 1: Opening hours", "Shift+Tab")
    await page.keyboard.press("Enter")
    await expect(visitor.widget.locator(".sources q")).to_be_visible()

    await tab_to(page, "Type a message...")
    await says(answer=None, tokens=300, gap=50)
    await page.keyboard.type("First line")
    await page.keyboard.press("Shift+Enter")
    await page.keyboard.type("Second line")
    await page.keyboard.press("Enter")
    await expect(visitor.widget.locator(".message.user").last).to_have_text("You: First line\nSecond line")
    await expect(visitor.answer).to_contain_text("quick")
    await tab_to(page, "Stop writing")
    await page.keyboard.press("Enter")
    await expect(visitor.widget.get_by_text("Stopped.")).to_be_visible()
    await tab_to(page, "New conversation", "Shift+Tab")
    await page.keyboard.press("Enter")
    await expect(visitor.answers).to_have_count(0)
    await page.keyboard.press("Escape")
    await expect(visitor.panel).to_be_hidden()
    assert await focused(page) == "Open chat"


async def test_focus_goes_back_to_where_it_was(embedded: Embedded, page: Page, visitor: Visitor) -> None:
    more = "<button onclick=\"document.querySelector('minirag-widget').open()\">Ask us</button>"
    await page.goto(embedded.put(more=more))
    await expect(page.get_by_role("button", name="Open chat")).to_be_visible()
    await page.get_by_role("button", name="Ask us").press("Enter")
    await expect(visitor.field).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("button", name="Ask us")).to_be_focused()


@pytest.mark.parametrize("screen", [PHONE], ids=["phone"])
async def test_on_a_phone_focus_stays_within(
    embedded: Embedded, page: Page, visitor: Visitor, screen: Screen
) -> None:
    await page.goto(embedded.put())
    await visitor.open()
    for key in ("Tab", "Shift+Tab"):
        for _ in range(12):
            await page.keyboard.press(key)
            assert await page.evaluate("document.activeElement.tagName") == "MINIRAG-WIDGET"


async def test_an_answer_is_announced_once_and_whole(
    embedded: Embedded, page: Page, visitor: Visitor, says: Says
) -> None:
    await says(tokens=30, gap=40)
    await page.goto(embedded.put())
    await visitor.open()
    await page.evaluate("""() => {
      window.heard = [];
      const live = document.querySelector('minirag-widget').shadowRoot.querySelector('[role=status]');
      const all = {childList: true, characterData: true, subtree: true};
      new MutationObserver(() => heard.push(live.textContent)).observe(live, all);
    }""")
    await visitor.ask("Hello")
    await visitor.answered()
    text = await visitor.answer.inner_text()
    assert await page.evaluate("heard.filter(Boolean)") == ["Writing an answer", text]
    assert await visitor.widget.get_by_role("log").get_attribute("aria-live") == "off"


@pytest.mark.parametrize(
    "screen", [DESKTOP, DARK, PHONE, PHONE_DARK], ids=["light", "dark", "phone", "phone-dark"]
)
async def test_axe_finds_nothing(
    embedded: Embedded, page: Page, visitor: Visitor, says: Says, complaints: Complaints, screen: Screen
) -> None:
    await page.emulate_media(reduced_motion="reduce", color_scheme=screen.get("color_scheme", "light"))
    await page.goto(embedded.put())
    await expect(page.get_by_role("button", name="Open chat")).to_be_visible()
    assert await violations(page) == []
    await visitor.open()
    assert await violations(page) == []
    await says(answer=RICH)
    await visitor.ask("When?")
    await visitor.answered()
    await visitor.widget.get_by_role("button", name="Source 1").click()
    await visitor.widget.get_by_role("button", name="Good answer").click()
    assert await violations(page) == []
    await says(answer=None, tokens=300, gap=50)
    await visitor.ask("Tell me everything")
    await expect(visitor.answer).to_contain_text("quick")
    assert await violations(page) == []
    await visitor.stop.click()
    await expect(visitor.widget.get_by_text("Stopped.")).to_be_visible()
    await says(status=400)
    await visitor.ask("And now?")
    await expect(visitor.widget.locator(".failure")).to_be_visible()
    assert await violations(page) == []
    complaints.allow("status of 40[14]")
    await says(status=200, hold=1)  # who is let in a moment before is cut off, and not answered
    await embedded.tenant.call("DELETE", f"/v1/embed-keys/{embedded.key['id']}", 204)
    await visitor.ask("Anybody there?")
    await expect(visitor.widget.get_by_role("alert")).to_be_visible()
    assert await violations(page) == []


async def test_the_reader_stays_where_they_are_while_more_is_written(
    embedded: Embedded, page: Page, visitor: Visitor, says: Says
) -> None:
    await says(tokens=500, gap=20)
    await page.goto(embedded.put())
    await visitor.open()
    await visitor.ask("Tell me everything")
    log = visitor.widget.get_by_role("log")
    away = "(log) => log.scrollHeight - log.clientHeight - log.scrollTop"
    await page.wait_for_function(
        "document.querySelector('minirag-widget').shadowRoot.querySelector('.list').scrollTop > 100"
    )
    assert await log.evaluate(away) < 60
    await log.hover()
    await page.mouse.wheel(0, -1000)
    await until(lambda: log.evaluate("(log) => log.scrollTop === 0"))
    latest = visitor.widget.get_by_role("button", name="Go to the latest message")
    await expect(latest).to_be_visible()
    before = len(await visitor.answer.inner_text())

    async def more() -> bool:
        return len(await visitor.answer.inner_text()) > before

    await until(more)
    assert await log.evaluate("(log) => log.scrollTop") == 0
    await latest.click()
    await until(lambda: log.evaluate(f"(log) => ({away})(log) < 60"))
