"""Others than the owner at a dashboard."""

from dataclasses import replace

from dashboards import Dashboard
from playwright.async_api import BrowserContext

PASSWORD = "correct horse battery"


async def join(dashboard: Dashboard, context: BrowserContext, role: str) -> Dashboard:
    """Give the browser the cookies of somebody new of the dashboard's tenant; the answer is theirs."""
    email = f"{role}@{dashboard.slug}.example"
    body = {"email": email, "password": PASSWORD, "role": role}
    await dashboard.tenant.call("POST", "/v1/users", 201, json=body)
    theirs = replace(dashboard, email=email, password=PASSWORD)
    await theirs.log_in(context)
    return theirs
