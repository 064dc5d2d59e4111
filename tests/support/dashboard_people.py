"""Others than the owner at a dashboard."""

from typing import Any

from playwright.async_api import BrowserContext, Page

PASSWORD = "correct horse battery"


async def join(dashboard: Any, context: BrowserContext, role: str) -> str:
    """Log in somebody new of the dashboard's tenant in this context; answers their address."""
    email = f"{role}@{dashboard.slug}.example"
    body = {"email": email, "password": PASSWORD, "role": role}
    await dashboard.tenant.call("POST", "/v1/users", 201, json=body)
    credentials = {"email": email, "password": PASSWORD}
    answer = await context.request.post(f"{dashboard.origin}/v1/auth/browser", data=credentials)
    assert answer.ok, await answer.text()
    return email


async def visit(page: Page, dashboard: Any, path: str) -> None:
    """A page of the dashboard, loaded anew; whoever is logged in by cookie is known."""
    await page.goto(dashboard.url)
    await page.evaluate("localStorage.setItem('minirag.visited', 'yes')")
    await page.goto(f"{dashboard.url}#/{path}")
    await page.reload()
