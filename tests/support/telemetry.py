"""A stack that is looked at: with operations ports and traces that a collector of ours takes."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from api import Tenant
from minirag_contracts.topology import SERVICES
from minirag_local.settings import operations_port_of
from minirag_local.testing import Stack, running_stack
from otlp import Collector, Span, collecting
from receiver import Received, Receiver

TEXT = "The lighthouse of Borkum was built in 1576. It burned down in 1879 and was rebuilt the same year."
QUESTION = "When was the lighthouse of Borkum built, zebrafinch?"


@dataclass(frozen=True, slots=True)
class Looked:
    """The stack, where its spans arrive, and where its operations ports begin."""

    stack: Stack
    collector: Collector
    first_port: int

    async def get(self, service: str, path: str) -> httpx.Response:
        """Asks one operations port."""
        port = operations_port_of(service, self.first_port)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
            return await http.get(path)

    async def metrics(self) -> dict[str, str]:
        """The text of every service."""
        return {service: (await self.get(service, "/metrics")).text for service in SERVICES}


def free_ports() -> int:
    """A first port of which those of all services are free at this moment."""
    for _ in range(100):
        with socket.create_server(("127.0.0.1", 0)) as found:
            first = int(found.getsockname()[1])
        if first < 65000 and all(_free(operations_port_of(service, first)) for service in SERVICES):
            return first
    raise RuntimeError("no ports")


def _free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


@contextlib.contextmanager
def looked_at(folder: Path, **env: str) -> Iterator[Looked]:
    """Started and in the end stopped. Spans are sent every half second."""
    with collecting() as collector:
        first = free_ports()
        settings = {
            "MINIRAG_EGRESS_ALLOW": "127.0.0.1",
            "MINIRAG_OPERATIONS_PORT": str(first),
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_BSP_SCHEDULE_DELAY": "300",
            **env,
        }
        with running_stack(folder, env=settings) as stack:
            yield Looked(stack, collector, first)


@dataclass(frozen=True, slots=True)
class Turn:
    """One streamed chat turn with a webhook, and all spans of its trace."""

    tenant: Tenant
    answer: str
    trace_id: str
    secret: str
    call: Received
    spans: list[Span]


async def one_turn(looked: Looked, http: httpx.AsyncClient, receiver: Receiver) -> Turn:
    """Makes a tenant with a bot that knows something and a webhook, asks, and waits for what follows from it."""
    tenant = await Tenant.sign_up(http)
    bot_id = await tenant.bot()
    await tenant.ready(await tenant.text_source(bot_id, TEXT))
    body = {"url": receiver.url("/traced"), "events": ["chat.message"]}
    secret = (await tenant.call("POST", "/v1/webhooks", 201, json=body))["secret"]
    await tenant.ask(bot_id, "Warm up, please.")
    await receiver.wait(1, "/traced")
    ask: dict[str, Any] = {"bot_profile_id": bot_id, "message": QUESTION, "stream": True}
    answer = await http.post("/v1/chat", json=ask, headers=tenant.headers)
    assert answer.status_code == 200, answer.text
    trace_id = answer.headers["x-request-id"]
    call = (await receiver.wait(2, "/traced"))[1]
    spans = await asyncio.to_thread(looked.collector.wait, trace_id, is_whole)
    return Turn(tenant, answer.text, trace_id, secret, call, spans)


def is_whole(spans: list[Span]) -> bool:
    """Whether the last things that follow from a turn are there: the delivery is recorded and counted."""
    names = {(span.service, span.name) for span in spans}
    return {
        ("minirag-gateway", "POST /v1/chat"),
        ("minirag-webhooks", "work delivery"),
        ("minirag-webhooks", "publish webhook.delivery.succeeded"),
        ("minirag-analytics", "process chat.message.completed"),
    } <= names
