"""A bot on somebody's page: the site, its embed key, and a visitor who uses the widget as people do."""

import json
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from hmac import digest
from typing import Any

import httpx
from api import Tenant
from host_site import HostSite, host_site
from playwright.async_api import Locator, Page, Request, expect

SCRIPT = "/dashboard/widget/minirag-widget.js"

GREETING, QUESTION = "Good day! Ask me about the museum.", "When does the museum open?"

HEAD = '<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><title>Museum</title><link rel="icon" href="data:,">'
PHONE_META = '<meta name="viewport" content="width=device-width, initial-scale=1">'
BODY = '</head><body><main><h1>Museum</h1><p>Come and <a href="#tickets">see</a> us.</p>{more}</main>{script}</body></html>'

Says = Callable[..., Awaitable[None]]
"""Tells the fake provider how to answer: ``answer``, ``gap``, ``status`` and the other fields of its script."""


@dataclass(slots=True)
class Embedded:
    """A bot of a tenant, and a page of a site on another origin that has its widget."""

    api: str
    tenant: Tenant
    bot_id: str
    key: dict[str, Any]
    site: HostSite

    def put(self, path: str = "/", *, lang: str = "en", more: str = "", head: str = "", **data: str) -> str:
        """Puts a page with the script there; ``data`` are data-attributes beside the key. Gives its address."""
        attributes = {"embed-key": self.key["key"], **{name.replace("_", "-"): data[name] for name in data}}
        written = " ".join(f'data-{name}="{value}"' for name, value in attributes.items() if value)
        return self.write(
            path, f'<script src="{self.api}{SCRIPT}" {written}></script>', lang=lang, more=more, head=head
        )

    def write(self, path: str, script: str, *, lang: str = "en", more: str = "", head: str = "") -> str:
        """Puts a page with any markup for the widget there."""
        self.site.pages[path] = (
            HEAD.format(lang=lang) + PHONE_META + head + BODY.format(more=more, script=script)
        )
        return f"{self.site.origin}{path}"

    async def chats(self) -> list[dict[str, Any]]:
        """The tenant's conversations, newest first."""
        found: list[dict[str, Any]] = await self.tenant.call("GET", "/v1/chat", 200)
        return found

    async def messages(self) -> list[dict[str, Any]]:
        """What was said in the newest conversation."""
        [newest, *_] = await self.chats()
        found: list[dict[str, Any]] = await self.tenant.call("GET", f"/v1/chat/{newest['id']}/messages", 200)
        return found


@asynccontextmanager
async def embedding(api: str, tenant: Tenant, **bot: Any) -> AsyncIterator[Embedded]:
    """Makes a bot with a source, a site, and a key for the site's pages."""
    with host_site() as site:
        wanted = {"name": "Porter", "model": "openai/fake", "greeting": GREETING} | bot
        bot_id = await tenant.bot(**{"suggested_questions": [QUESTION], **wanted})
        await tenant.ready(
            await tenant.text_source(bot_id, "The museum opens at nine on weekdays.", "Opening hours")
        )
        body = {"bot_profile_id": bot_id, "origins": [site.origin], "visitor_rate": 1000}
        key = await tenant.call("POST", "/v1/embed-keys", 201, json=body)
        yield Embedded(api, tenant, bot_id, key, site)


@asynccontextmanager
async def scripted(provider: str) -> AsyncIterator[Says]:
    """Directs the fake provider, and leaves it as it was."""
    async with httpx.AsyncClient() as http:

        async def says(**script: Any) -> None:
            (await http.post(f"{provider}/control", json=script)).raise_for_status()

        try:
            yield says
        finally:
            await says(answer=None, gap=0, first=0, status=200, tokens=24, stall=None, hold=None)


def requests_of(page: Page) -> list[Request]:
    """What the page asks from now on, as it comes."""
    asked: list[Request] = []

    def note(request: Request) -> None:
        asked.append(request)

    page.on("request", note)
    return asked


def signed(subject: str, secret: str) -> str:
    """The site's word for its visitor, as its server would sign it (RFC 7515, HS256)."""
    parts = [{"alg": "HS256", "typ": "JWT"}, {"sub": subject, "exp": int(time.time()) + 600}]
    text = b".".join(urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts)
    return (text + b"." + urlsafe_b64encode(digest(secret.encode(), text, sha256)).rstrip(b"=")).decode()


class Visitor:
    """Somebody before a page with a widget."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.widget = page.locator("minirag-widget")
        self.panel = page.get_by_role("dialog")
        self.field = self.widget.locator("textarea")
        self.answers = self.widget.locator(".message.bot:has(.below)")
        self.stop = self.widget.get_by_role("button", name="Stop writing")

    @property
    def answer(self) -> Locator:
        """The newest answer's text."""
        return self.answers.last.locator(".text")

    async def open(self) -> None:
        """Presses the round button and waits for the conversation."""
        await self.page.get_by_role("button", name="Open chat").click()
        await expect(self.widget.get_by_role("log")).not_to_contain_text("Loading")
        await expect(self.widget.locator(".message").first).to_be_visible()

    async def ask(self, text: str) -> None:
        """Types a question and sends it."""
        await self.field.fill(text)
        await self.field.press("Enter")

    async def answered(self, text: str | None = None) -> None:
        """Waits until the newest answer is complete."""
        if text is not None:
            await expect(self.answer).to_contain_text(text)
        await expect(self.answers.last.get_by_role("button", name="Copy answer")).to_be_visible()
