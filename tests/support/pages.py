"""How the tests look at a page: in which screen, what it complained of, what axe finds."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from minirag_dashboard.assets import MODULES
from playwright.async_api import BrowserContext, ConsoleMessage, Locator, Page, Route, expect

Screen = Mapping[str, Any]
"""Options of a browser context; a test that is parametrized with ``screen`` gets its pages so."""

DESKTOP: Screen = {"viewport": {"width": 1280, "height": 800}}
PHONE: Screen = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
DARK: Screen = {**DESKTOP, "color_scheme": "dark"}
PHONE_DARK: Screen = {**PHONE, "color_scheme": "dark"}
SCREENS = {"desktop": DESKTOP, "phone": PHONE, "dark": DARK, "phone-dark": PHONE_DARK}

DEFAULTS: Screen = {"locale": "en-GB", "timezone_id": "UTC", "service_workers": "block", **DESKTOP}

REPORT = "violated"
# The console tells most violations as well, but not those of a policy that only reports.
LISTEN = f"""document.addEventListener('securitypolicyviolation', (event) => {{
    const where = `${{event.sourceFile}}:${{event.lineNumber}}`;
    window.{REPORT}(`${{event.violatedDirective}} forbids ${{event.blockedURI}} (${{where}})`);
}})"""


@dataclass  # Playwright notes its listeners in the object: no slots
class Complaints:
    """Errors of the console, exceptions nobody caught, and violations of the content security policy."""

    heard: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)

    def allow(self, pattern: str) -> None:
        """What matches the regular expression is part of the test, before and after this call."""
        self.allowed.append(pattern)

    def left(self) -> list[str]:
        """What no test has allowed."""
        return [text for text in self.heard if not any(re.search(each, text) for each in self.allowed)]

    async def listen(self, context: BrowserContext) -> None:
        """Hear every page of the context, also those that it opens itself."""
        await context.expose_binding(REPORT, lambda _, text: self.heard.append(f"policy: {text}"))
        await context.add_init_script(LISTEN)
        context.on("console", self._console)
        context.on("weberror", lambda error: self.heard.append(f"exception: {error.error}"))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            where = message.location
            self.heard.append(f"console: {message.text} ({where.get('url')}:{where.get('lineNumber')})")


async def come(page: Page) -> None:
    """Waits until a page of the dashboard has come, which takes the focus then."""
    await expect(page.locator("main[aria-busy]")).to_have_count(0)


def shown_tab(page: Page, address: str) -> Locator:
    """The tab of an address inside of a page of the dashboard, where it is the one that is shown."""
    return page.locator(f'[role=tab][aria-selected=true][href="#/{address}"]')


async def until(look: Callable[[], bool | Awaitable[bool]], seconds: float = 20) -> None:
    """Waits for what no locator of the page tells."""
    async with asyncio.timeout(seconds):
        while True:
            seen = look()
            if seen if isinstance(seen, bool) else await seen:
                return
            await asyncio.sleep(0.05)


@cache
def _axe() -> str:
    return (MODULES / "axe-core/axe.min.js").read_text(encoding="utf-8")


async def violations(page: Page, within: str | None = None) -> list[str]:
    """What axe-core finds on the page as it is now, or in the part that a selector names: one text for each rule.

    It runs in a world of its own: the page's policy does not stop it, and the page's scripts do not see it.
    """
    session = await page.context.new_cdp_session(page)
    try:
        frames = await session.send("Page.getFrameTree")
        frame = {"frameId": frames["frameTree"]["frame"]["id"], "worldName": "axe"}
        world = (await session.send("Page.createIsolatedWorld", frame))["executionContextId"]
        await _evaluate(session, world, _axe())
        scope = repr(within) if within else "document"
        found = await _evaluate(session, world, f"axe.run({scope}, {{resultTypes: ['violations']}})")
    finally:
        await session.detach()
    return [_readable(each) for each in found["violations"]]


async def _evaluate(session: Any, world: int, expression: str) -> Any:
    options = {"contextId": world, "awaitPromise": True, "returnByValue": expression.startswith("axe.run")}
    answer = await session.send("Runtime.evaluate", {"expression": expression, **options})
    assert "exceptionDetails" not in answer, answer["exceptionDetails"]
    return answer["result"].get("value")


def _readable(violation: Mapping[str, Any]) -> str:
    nodes = [f"  {node['html'][:200]}\n    {node['failureSummary']}" for node in violation["nodes"]]
    return "\n".join([f"{violation['id']} ({violation['impact']}): {violation['help']}", *nodes])


async def held_back(page: Page, end: str) -> asyncio.Event:
    """Requests to addresses that end so wait for the event."""
    released = asyncio.Event()

    async def hold(route: Route) -> None:
        await released.wait()
        await route.fallback()

    await page.route(f"**{end}", hold)
    return released
