"""Nothing that an answer, a document or a name contains asks for anything or runs: in the widget and on the dashboard's pages.

All texts come through the real stack: a model says them, visitors ask them, documents and web pages have them, names are made
of them. The canary counts every connection; what the server might ask for while it reads documents would be heard as well.
"""

import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from dashboards import Dashboard
from hostile_ears import Canary, Ears, listening_canary
from hostile_shown import STRANGE, TOUCH, problems, unsaid
from hostile_tenant import SIZE, face, furnish
from hostile_texts import CASES, Case, answers, joined
from minirag_local.testing import Stack
from pages import come, shown_tab
from playwright.async_api import Locator, Page, expect
from web_site import Site, a_site
from widgets import Embedded, Says, Visitor, embedding

pytestmark = pytest.mark.chaos

SHOWN = CASES if os.environ.get("MINIRAG_CHAOS") else CASES[::4]
"""A quarter of them where time is short: each by itself is rendered by test_hostile_renderers.py in any case."""

GROUPS = answers(SHOWN, SIZE)


@pytest_asyncio.fixture(loop_scope="session")
async def canary() -> AsyncIterator[Canary]:
    """Nobody may have asked it for anything when the test has ended."""
    async with listening_canary() as canary:
        yield canary
        assert (canary.connections, canary.asked) == (0, [])


@pytest_asyncio.fixture(loop_scope="session")
async def site() -> AsyncIterator[Site]:
    async with a_site() as site:
        yield site


@pytest_asyncio.fixture(loop_scope="session")
async def hostile(stack: Stack, signed_up: Dashboard, canary: Canary) -> AsyncIterator[Embedded]:
    """A bot that is hostile itself, on a page of another origin that has no policy."""
    async with embedding(stack.url, signed_up.tenant, **face(canary.host)) as embedded:
        yield embedded


def told(text: str, group: list[Case]) -> list[str]:
    """The cases that a shown answer lacks."""
    return [case.name for case in group if f"Case {case.number}:" not in text]


def question(text: str) -> str:
    """The same as somebody may ask it: not too long, and without what no question may have."""
    return text.replace("\x00", "")[:30_000]


async def touched(page: Page, within: Locator) -> None:
    """Everything pointed at and focussed; some of the links by a real mouse, for which browsers may fetch in advance."""
    await within.evaluate(TOUCH)
    links = within.locator("a[target]")
    for place in range(min(5, await links.count())):
        if await links.nth(place).is_visible():
            await links.nth(place).hover(force=True)


async def test_in_the_widget(
    hostile: Embedded, page: Page, visitor: Visitor, says: Says, canary: Canary, site: Site
) -> None:
    ears = Ears({hostile.site.origin, hostile.api})
    await ears.listen(page.context)
    await furnish(hostile.tenant, hostile.bot_id, canary.host, site)
    await page.goto(hostile.put())
    await visitor.open()
    for number, group in enumerate(GROUPS, 1):
        text = joined(group, canary.host)
        await says(answer=text)
        await visitor.ask(question(text))
        await expect(visitor.answers).to_have_count(number)
        await visitor.answered()
        assert told(await visitor.answer.inner_text(), group) == []
    for _ in ("as it was written", "as it is stored"):
        shown = visitor.widget.locator(".message.bot .text")
        assert await problems(shown) == []
        for source in await visitor.widget.locator("summary").all():
            await source.click()
        assert await visitor.widget.evaluate(f"(widget) => ({STRANGE})(widget.shadowRoot)") == []
        assert await unsaid(visitor.widget.locator(".sources li")) == []
        await touched(page, visitor.widget.locator(".panel"))
        await page.reload()
        await expect(visitor.answers).to_have_count(len(GROUPS))
        await visitor.answered()
    assert ears.achieved() == []


NAMED = ["bots", "sources", "chats", "webhooks", "tokens", "tokens/embed", "users"]
"""Pages on which the names themselves are to be seen, as text."""

PAGES = [
    *("overview", "events", "analytics", "settings", "settings/audit", *NAMED),
    *("bots/{bot}/edit", "bots/{bot}/embed", "webhooks/{hook}", "sources/{site}", "sources/{files}"),
    *("sources/{text}", "sources/{text}/settings", "sources/{text}/versions", "sources/{text}/ingestions"),
]

TABBED = ("sources/", "settings/", "tokens/")
"""What addresses of tabs begin with: to go from one to another brings no new page."""


async def asked_in_the_dashboard(page: Page, says: Says, canary: Canary) -> None:
    """All groups, one after the other, on the page where a bot is tried."""
    log = page.get_by_role("log", name="Conversation")
    answers = log.get_by_role("group", name="Judge this answer")
    for number, group in enumerate(GROUPS, 1):
        text = joined(group, canary.host)
        await says(answer=text)
        await page.get_by_label("Your question").fill(question(text))
        await page.get_by_label("Your question").press("Enter")
        await expect(answers).to_have_count(number)
        assert told(await log.locator(".prose-answer").last.inner_text(), group) == []


async def looked_at(page: Page) -> None:
    """What is on a page of the dashboard now, with everything that can be opened there."""
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    await come(page)
    await expect(page.locator(".busy-bar")).to_be_hidden()
    assert await problems(page.locator(".prose-answer")) == []
    main = page.locator("main")
    await main.locator("summary").evaluate_all(
        "(all) => all.forEach((one) => { one.parentElement.open = true; })"
    )
    assert await page.locator("body").evaluate(STRANGE) == []
    assert await unsaid(main.locator(".sources li")) == []
    await touched(page, main)


async def test_in_the_dashboard(
    hostile: Embedded, dashboard: Dashboard, page: Page, says: Says, canary: Canary, site: Site
) -> None:
    ears = Ears({dashboard.origin})
    await ears.listen(page.context)
    [text, *_], [found, files] = split(await furnish(dashboard.tenant, hostile.bot_id, canary.host, site))
    [hook] = await dashboard.tenant.call("GET", "/v1/webhooks", 200)
    await page.goto(f"{dashboard.url}#/bots/{hostile.bot_id}/try")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("onerror")  # its name
    await asked_in_the_dashboard(page, says, canary)
    await looked_at(page)
    [chat] = await hostile.chats()
    await page.goto(f"{dashboard.url}#/chats/{chat['id']}")
    await expect(page.locator(".prose-answer")).to_have_count(len(GROUPS))
    await looked_at(page)
    ids = {"bot": hostile.bot_id, "text": text, "site": found, "files": files, "hook": hook["id"]}
    for address in PAGES:
        await page.goto(f"{dashboard.url}#/{address.format(**ids)}")
        if address.startswith(TABBED):
            await expect(shown_tab(page, address.format(**ids))).to_be_visible()
        if address in NAMED:
            await expect(page.locator("main")).to_contain_text("onerror=top.__owned")
        await looked_at(page)
        assert ears.achieved() == [], address


def split(sources: list[str]) -> tuple[list[str], list[str]]:
    """The texts, and the site and the files."""
    return sources[:-2], sources[-2:]
