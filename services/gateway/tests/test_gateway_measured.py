"""Requests are counted by the pattern of their route and the class of their status, and by nothing that a caller makes up."""

import httpx
import pytest
from fastapi import FastAPI, Response
from minirag_gateway.entrypoints.http import sse
from minirag_gateway.entrypoints.http.tracing import Tracing
from prometheus_client import REGISTRY, generate_latest

ROUTE = "/measured/{name}"


def counted(method: str, route: str, status: str) -> float:
    labels = {"method": method, "route": route, "status": status}
    return REGISTRY.get_sample_value("minirag_http_request_seconds_count", labels) or 0.0


@pytest.fixture
def http() -> httpx.AsyncClient:
    app = FastAPI()

    @app.get(ROUTE)
    async def measured(name: str, status: int = 200) -> Response:
        return Response(status_code=status)

    return httpx.AsyncClient(transport=httpx.ASGITransport(Tracing(app)), base_url="http://test")


@pytest.mark.parametrize(("status", "told"), [(200, "2xx"), (404, "4xx"), (503, "5xx")])
async def test_a_route_is_told_by_its_pattern(http: httpx.AsyncClient, status: int, told: str) -> None:
    before = counted("GET", ROUTE, told)
    await http.get(f"/measured/jane-doe?status={status}")
    assert counted("GET", ROUTE, told) == before + 1


async def test_what_callers_make_up_makes_no_series(http: httpx.AsyncClient) -> None:
    before = counted("OTHER", "unmatched", "4xx")
    for number in range(20):
        await http.request(f"BREW{number}", f"/jane-doe-{number}")
    assert counted("OTHER", "unmatched", "4xx") == before + 20
    assert b"jane-doe" not in generate_latest() and b"BREW" not in generate_latest()


async def test_the_first_piece_of_an_answer_is_timed_once() -> None:
    async def frames():  # type: ignore[no-untyped-def]
        for number, event in enumerate(("sources", "delta", "delta", "done")):
            yield sse.Frame(n=number, attempt=1, event=event, data={})

    def seen() -> float:
        return REGISTRY.get_sample_value("minirag_stream_first_token_seconds_count") or 0.0

    before = seen()
    message_id = sse.UUID(int=1)
    assert len([piece async for piece in sse.events(message_id, frames(), 60, began=0.0)]) == 4
    assert seen() == before + 1
    assert len([piece async for piece in sse.events(message_id, frames(), 60)]) == 4
    assert seen() == before + 1
