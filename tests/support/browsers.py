"""A browser on a page of the gateway's own, as far as requests show one."""

from dataclasses import dataclass
from typing import Any

import httpx
from gateway_world import PASSWORD

BROWSER = "/v1/auth/browser"
REFRESH = f"{BROWSER}/refresh"
LOGIN = {"email": "owner@example.com", "password": PASSWORD}


@dataclass
class Browser:
    """Keeps cookies, says where a request comes from, and knows the page's token."""

    http: httpx.AsyncClient
    origin: str
    csrf: str = ""

    async def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        own = {"Sec-Fetch-Site": "same-origin"}
        if method not in ("GET", "HEAD"):
            own |= {"Origin": self.origin, "X-CSRF-Token": self.csrf}
        headers = own | options.pop("headers", {})
        return await self.http.request(method, path, headers=headers, **options)

    async def log_in(self, **body: str) -> dict[str, Any]:
        response = await self.send("POST", BROWSER, json=LOGIN | body)
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()
        self.csrf = found["csrf_token"]
        return found

    @property
    def jar(self) -> dict[str, str]:
        return {cookie.name: cookie.value or "" for cookie in self.http.cookies.jar}
