"""The way of somebody who begins: bot, source, progress, question, answer with citation, feedback, export. Without a mouse."""

import json
import re

from dashboards import Dashboard
from pages import Complaints, come
from playwright.async_api import Locator, Page, expect

TEXT = "The tower clock of 1531 was built by the locksmith Hans Ehemann. It still strikes every quarter of an hour."
HAS_FOCUS = (
    "element => element.closest('a, button, input, select, textarea, summary') === document.activeElement"
)

FARTHEST = 120
"""Presses of Tab within which everything on a page has to be reached."""


async def reach(page: Page, target: Locator) -> None:
    """Tab until the element has the focus, as somebody without a mouse does."""
    await expect(target).to_be_visible()
    await come(page)
    for _ in range(FARTHEST):
        if await target.evaluate(HAS_FOCUS):
            return
        await page.keyboard.press("Tab")
    raise AssertionError(f"{target} cannot be reached by the keyboard")


async def press(page: Page, target: Locator) -> None:
    await reach(page, target)
    await page.keyboard.press("Enter")


async def write(page: Page, target: Locator, text: str) -> None:
    await reach(page, target)
    await page.keyboard.type(text)


async def test_from_nothing_to_an_exported_answer_by_keyboard_alone(
    page: Page, dashboard: Dashboard, complaints: Complaints
) -> None:
    await page.goto(dashboard.url)
    steps = page.get_by_role("main")
    await expect(steps.get_by_role("heading", level=1, name="Overview")).to_be_visible()

    await press(page, page.get_by_role("navigation").get_by_role("link", name="Bots", exact=True))
    await press(page, page.get_by_role("link", name="Create the first bot"))
    making = page.get_by_role("dialog", name="Create a bot")
    await write(page, making.get_by_label("Name", exact=True), "Museum guide")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Museum guide")).to_be_visible()

    await press(page, page.get_by_role("navigation").get_by_role("link", name="Sources", exact=True))
    await press(page, page.get_by_role("main").get_by_role("link", name=re.compile("^Text")))
    await write(page, page.get_by_label("Name", exact=True), "The collection")
    await write(page, page.get_by_role("textbox", name="Text"), TEXT)
    await press(page, page.get_by_role("button", name="Add this text"))
    await expect(page.get_by_role("heading", level=1, name="The collection")).to_be_visible()
    await expect(page.locator(".badge").get_by_text("ready", exact=True).first).to_be_visible()

    await press(page, page.get_by_role("navigation").get_by_role("link", name="Bots", exact=True))
    await press(page, page.get_by_role("link", name="Try it: Museum guide"))
    await write(page, page.get_by_label("Your question"), "Who built the tower clock?")
    await page.keyboard.press("Enter")
    log = page.get_by_role("log", name="Conversation")
    await expect(log).to_contain_text("Hans Ehemann")
    await press(page, log.get_by_text(re.compile(r"^1 source$")))
    await expect(log.get_by_text("The collection").first).to_be_visible()
    thumb = log.get_by_role("button", name="Good answer")
    await press(page, thumb)
    await expect(thumb).to_have_attribute("aria-pressed", "true")

    await press(page, page.get_by_role("navigation").get_by_role("link", name="Chat history"))
    row = page.get_by_role("list", name="Chat history").get_by_role("link", name="Who built the tower clock?")
    await press(page, row)
    await expect(page.get_by_role("heading", level=1, name="Who built the tower clock?")).to_be_visible()
    async with page.expect_download() as download:
        await press(page, page.get_by_role("button", name="Export JSON"))
    exported = json.loads((await (await download.value).path()).read_text(encoding="utf-8"))
    question, answer = exported["messages"]
    assert question["content"] == "Who built the tower clock?"
    assert "Hans Ehemann" in answer["content"]
    assert answer["feedback"] == "positive"

    await press(page, page.get_by_role("navigation").get_by_role("link", name="Overview"))
    await expect(page.get_by_role("main")).to_contain_text(re.compile("Ask it something"))
