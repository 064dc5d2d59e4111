"""One Chromium and one real stack for the session; a context, a tenant and a login of one's own for each test.

The tests and these fixtures share one event loop, because the browser's connection lives in it.
A page that complains fails its test: see ``Complaints``.
"""

import inspect
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import chromium
import httpx
import pytest
import pytest_asyncio
from api import Tenant
from dashboards import Dashboard, OpenPage
from minirag_local.testing import Stack
from pages import DEFAULTS, PHONE, Complaints, Screen
from playwright.async_api import Browser, Page, async_playwright, expect
from widgets import Embedded, Says, Visitor, embedding, scripted

HERE = Path(__file__).parent
PATIENCE = 15_000
"""Milliseconds that a page may take for anything; the machine of a test run is busy."""

expect.set_options(timeout=PATIENCE)


def _of_here(items: list[pytest.Item]) -> list[pytest.Function]:
    return [item for item in items if isinstance(item, pytest.Function) and item.path.is_relative_to(HERE)]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All in one loop, and time enough for the stack's start."""
    for item in _of_here(items):
        item.add_marker(pytest.mark.timeout(240))
        if inspect.iscoroutinefunction(item.function):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Here, because no test's time is running."""
    if _of_here(session.items) and not session.config.option.collectonly:
        chromium.install()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium, headless."""
    if chromium.find() is None:
        if chromium.must_be_there():
            pytest.fail(f"There is no Chromium for the tests of the dashboard: {chromium.MISSING}.")
        pytest.skip(f"Skipped the tests of the dashboard in a real browser: {chromium.MISSING}.")
    async with async_playwright() as playwright:
        yield await playwright.chromium.launch(**chromium.options())


@pytest.fixture
def screen() -> Screen:
    """The options of this test's contexts; ``parametrize("screen", …)`` gives others."""
    return {}


@pytest_asyncio.fixture(loop_scope="session")
async def complaints() -> AsyncIterator[Complaints]:
    """What the test's pages complain of; anything that it does not allow fails it."""
    complaints = Complaints()
    yield complaints
    assert not complaints.left(), "\n".join(["The page complained:", *complaints.left()])


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(browser: Browser, screen: Screen, complaints: Complaints) -> AsyncIterator[OpenPage]:
    """Opens a page in a fresh context: another person, who shares no cookie with the others."""
    async with AsyncExitStack() as contexts:

        async def open_page(options: Screen | None = None) -> Page:
            context = await browser.new_context(**{**DEFAULTS, **screen, **(options or {})})
            contexts.push_async_callback(context.close)
            context.set_default_timeout(PATIENCE)
            await complaints.listen(context)
            return await context.new_page()

        yield open_page


@pytest_asyncio.fixture(loop_scope="session")
async def page(open_page: OpenPage) -> Page:
    """The test's page."""
    return await open_page()


@pytest_asyncio.fixture(loop_scope="session")
async def phone(open_page: OpenPage) -> Page:
    """A page on a phone."""
    return await open_page(PHONE)


@pytest_asyncio.fixture(loop_scope="session")
async def signed_up(stack: Stack) -> AsyncIterator[Dashboard]:
    """The dashboard of a new tenant, whose owner still has to log in."""
    slug, password = f"acme-{secrets.token_hex(4)}", secrets.token_urlsafe(16)
    email = f"owner@{slug}.example"
    owner = {"owner_email": email, "owner_password": password}
    async with httpx.AsyncClient(base_url=stack.url, timeout=60) as http:
        answer = await http.post("/v1/tenants", json={"tenant_name": "Acme", "tenant_slug": slug, **owner})
        assert answer.status_code == 201, answer.text
        reply = answer.json()
        bearer = {"Authorization": f"Bearer {reply['api_token']}"}
        tenant = Tenant(http, reply["tenant"]["id"], reply["api_token"], bearer)
        yield Dashboard(f"{stack.url}/dashboard/", tenant, slug, email, password)


@pytest_asyncio.fixture(loop_scope="session")
async def dashboard(signed_up: Dashboard, page: Page) -> Dashboard:
    """The same, with the owner logged in on ``page``."""
    await signed_up.log_in(page.context)
    return signed_up


@pytest_asyncio.fixture(loop_scope="session")
async def embedded(stack: Stack, signed_up: Dashboard) -> AsyncIterator[Embedded]:
    """A bot of the new tenant, on a page of another origin."""
    async with embedding(stack.url, signed_up.tenant) as embedded:
        yield embedded


@pytest_asyncio.fixture(loop_scope="session")
async def says(stack: Stack) -> AsyncIterator[Says]:
    """Directs the provider's answers during this test."""
    async with scripted(stack.environment["OPENAI_BASE_URL"]) as says:
        yield says


@pytest.fixture
def visitor(page: Page) -> Visitor:
    """Whoever sits before the test's page."""
    return Visitor(page)
