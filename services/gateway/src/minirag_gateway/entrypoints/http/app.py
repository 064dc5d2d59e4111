"""The ASGI application: every resource, behind tracing, CORS and armour."""

import json
from functools import cache
from typing import Any

from fastapi import FastAPI, Request, Response
from minirag_contracts import asyncapi
from starlette.responses import HTMLResponse

from minirag_gateway.entrypoints.http import (
    audit,
    auth,
    bots,
    browser,
    chat,
    dashboard,
    docs,
    embed,
    embed_keys,
    events,
    exports,
    ingestions,
    limits_in_force,
    openapi,
    problems,
    resumable,
    sources,
    stats,
    system,
    tenants,
    tokens,
    tus,
    users,
    webhooks,
)
from minirag_gateway.entrypoints.http.armour import Armour
from minirag_gateway.entrypoints.http.calls import Services
from minirag_gateway.entrypoints.http.cors import Cors, OriginAllowed, nobody_else
from minirag_gateway.entrypoints.http.limits import HEADERS, RateLimitHeaders
from minirag_gateway.entrypoints.http.paths import Paths
from minirag_gateway.entrypoints.http.tracing import Tracing

MODULES = (
    tenants,
    auth,
    browser,
    tokens,
    users,
    bots,
    sources,
    ingestions,
    resumable,
    exports,
    chat,
    embed_keys,
    embed,
    webhooks,
    stats,
    events,
    audit,
    limits_in_force,
    system,
)

RESOURCES = [module.resource for module in MODULES]

EXPOSED = [
    "X-MiniRAG-Chat-Id",
    "X-MiniRAG-Message-Id",
    "X-Request-Id",
    "Link",
    "Retry-After",
    "Content-Disposition",
    *HEADERS,
    *tus.EXPOSED,
]
"""Headers that a script on another origin may read."""


def build(services: Services, origin_allowed: OriginAllowed = nobody_else) -> FastAPI:
    """The application over these services; ``origin_allowed`` knows web origins beyond those of the settings."""
    app = _routed()
    app.state.services = services
    app.state.health = system.Health(services)
    _document(app)
    dashboard.install(app, services.settings, app.version)
    problems.install(app)
    app.add_middleware(Armour)  # the last added is the outermost
    app.add_middleware(RateLimitHeaders)
    app.add_middleware(
        Cors, origins=services.settings.origins, exposed=EXPOSED, origin_allowed=origin_allowed
    )
    app.add_middleware(Tracing, access_log=services.settings.access_log)
    return app


def described() -> dict[str, Any]:
    """The OpenAPI document, without services: what `make docs` writes."""
    return openapi.document(_routed(), RESOURCES)


def _routed() -> FastAPI:
    app = FastAPI(title="MiniRAG", version="1.0.0", docs_url=None, redoc_url=None, openapi_url=None)
    for resource in (
        RESOURCES
    ):  # not include_router, which makes each route anew at first, and matches it twice at each request
        app.router.routes.extend(resource.router.routes)
    app.state.paths = Paths(route for resource in RESOURCES for route in resource.router.routes)
    return app


@cache
def _descriptions() -> tuple[bytes, bytes, str]:
    """OpenAPI and AsyncAPI as JSON, and the page for people. They are the same for every application of the process."""
    spec = described()
    messages = asyncapi.document()
    return (
        json.dumps(spec, ensure_ascii=False).encode(),
        json.dumps(messages, ensure_ascii=False).encode(),
        docs.page(spec),
    )


def _document(app: FastAPI) -> None:
    """The API's description for programs and for people."""
    spec_json, messages_json, html = _descriptions()

    async def openapi_json(_: Request) -> Response:
        return Response(spec_json, media_type="application/json")

    async def asyncapi_json(_: Request) -> Response:
        return Response(messages_json, media_type="application/json")

    async def docs_html(_: Request) -> Response:
        return HTMLResponse(html)

    app.add_route("/openapi.json", openapi_json, include_in_schema=False)
    app.add_route("/asyncapi.json", asyncapi_json, include_in_schema=False)
    for path in ("/docs", "/redoc"):  # one page under both names of the earlier product
        app.add_route(path, docs_html, include_in_schema=False)
