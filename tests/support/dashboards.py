"""Somebody who uses the dashboard in a browser."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from api import Tenant
from playwright.async_api import BrowserContext, Page

# A browser in which nobody ever logged in does not ask who it is.
VISITED = """if (location.origin === '%s' && localStorage.getItem('minirag.visited') === null)
    localStorage.setItem('minirag.visited', 'yes')"""

OpenPage = Callable[..., Awaitable[Page]]
"""Opens a page for one more person; options of the context may be given."""


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A dashboard and its owner, whom nobody has logged in yet."""

    url: str
    tenant: Tenant
    slug: str
    email: str
    password: str

    async def log_in(self, context: BrowserContext) -> None:
        """Give the browser the owner's cookies."""
        credentials = {"email": self.email, "password": self.password}
        answer = await context.request.post(f"{self.origin}/v1/auth/browser", data=credentials)
        assert answer.ok, await answer.text()
        await context.add_init_script(VISITED % self.origin)

    @property
    def origin(self) -> str:
        """The address of the API."""
        return self.url.removesuffix("/dashboard/")
