"""Answers typed requests: concurrent up to a bound, within deadlines, with codes for exceptions."""

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import nats.errors
from minirag_contracts import tracing
from minirag_contracts.context import Context
from minirag_contracts.errors import Internal, InvalidRequest, Refusal, RemoteRefusal
from minirag_contracts.ids import new_id
from minirag_contracts.requests import Request
from minirag_contracts.requests.common import COMMON, OF_TENANTS, common_subject, health_subject
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from pydantic import BaseModel, ValidationError
from pydantic_core import to_json

from minirag_messaging import metrics
from minirag_messaging.connection import Connection
from minirag_messaging.discovery import Discovery, EndpointCounter
from minirag_messaging.errors import DeadlinePassed, MessageTooLarge, UnknownRequest
from minirag_messaging.headers import MalformedMessage, read_context
from minirag_messaging.replies import sign_subject
from minirag_messaging.rpc_client import ERROR_CODE_HEADER
from minirag_messaging.rpc_lane import Lane

log = logging.getLogger(__name__)

Q = TypeVar("Q", bound=Request)
Handler = Callable[[Any, Context], Awaitable[BaseModel]]

CONCURRENCY = 64
"""Requests that one process works on at once."""

WAITING = 256
"""Requests that wait for their turn; more are refused with ``unavailable``."""

COMMON_CONCURRENCY = 8
"""Health, events and the like have a lane of their own: a busy service must not look dead."""

SIGN_EVERY = 1.5
"""Seconds between two signs that a request is being worked on; the first comes after one to two of these. Several fit into the
silence after which a client repeats its request.
"""

DEFAULT_DEADLINE = 30.0
"""Seconds for a request that comes without a deadline."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One request that this service answers."""

    model: type[Request]
    returns: type[BaseModel]
    handler: Handler
    lane: Lane
    counter: EndpointCounter
    verb: str


def _parse(model: type[Request], data: bytes) -> Request:
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        places = "; ".join(f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in found)
        raise InvalidRequest(places) from None


class RpcServer:
    """``on(Model, handler)`` for each request, then ``start()``; at the end ``drain()``.

    A handler raises a Refusal to refuse; anything else that it raises is logged with the trace id and reaches
    the caller as ``internal_error`` and that id only. At the request's deadline a handler is cancelled; an
    expired request is not run. A copy of a request that runs already (see ``rpc_client``) is dropped: its
    reply serves both. What takes longer gives signs of life, so that no copy is sent to another process.
    """

    def __init__(
        self, bus: Connection, service: str, *, concurrency: int = CONCURRENCY, waiting: int = WAITING
    ) -> None:
        self._bus = bus
        self._service = service
        self._lane = Lane(concurrency, waiting)
        self._common_lane = Lane(COMMON_CONCURRENCY, waiting)
        self._endpoints: dict[str, Endpoint] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._subscription: Subscription | None = None
        self._discovery: Discovery | None = None
        self._leaving: asyncio.Task[None] | None = None
        self._signs: asyncio.Task[None] | None = None
        self.started = asyncio.Event()
        """Set when requests are taken."""

    def on(
        self,
        model: type[Q],
        handler: Callable[[Q, Context], Awaitable[BaseModel]],
        lane: Lane | None = None,
    ) -> None:
        """Answers a request of this service; with a lane of its own, other requests do not wait behind it."""
        if model.service != self._service:
            raise ValueError(f"{model.__name__} is asked of {model.service}, not of {self._service}")
        self._add(model.verb, model, model.Returns, handler, lane or self._lane)

    def on_common(self, verb: str, handler: Callable[[Any, Context], Awaitable[BaseModel]]) -> None:
        """Answers one of the requests that every service answers."""
        model, returns = COMMON[verb]
        lane = self._lane if verb in OF_TENANTS else self._common_lane
        self._add(verb, model, returns, handler, lane)

    def _add(
        self, verb: str, model: type[Request], returns: type[BaseModel], handler: Handler, lane: Lane
    ) -> None:
        subject = common_subject(self._service, verb)
        if subject in self._endpoints:
            raise ValueError(f"two handlers for {subject}")
        counter = EndpointCounter(verb.replace(".", "-"), subject)
        self._endpoints[subject] = Endpoint(model, returns, handler, lane, counter, verb)

    async def start(self) -> None:
        """Takes requests from now on. The processes of one service share them (queue group); how this one is, it tells
        on a subject of its own, while it drains, too.
        """
        client = self._bus.client
        if health := self._endpoints.get(common_subject(self._service, "health")):
            own = health_subject(self._service, str(os.getpid()))
            self._endpoints[own] = health
            await client.subscribe(own, cb=self._on_message)
        self._subscription = await client.subscribe(
            f"rpc.{self._service}.>", queue=self._service, cb=self._on_message
        )
        self._discovery = Discovery(client, self._service, self._counters())
        await self._discovery.start()
        self._signs = self._bus.spawn(self._give_signs())
        self.started.set()

    def _counters(self) -> list[EndpointCounter]:
        return list({id(end.counter): end.counter for end in self._endpoints.values()}.values())

    async def drain(self, timeout: float = 30.0) -> None:
        """Takes no more, finishes what runs or waits; cancels what still runs after ``timeout`` seconds. May be called again
        meanwhile, with less time.
        """
        until = time.monotonic() + timeout
        self._leaving = self._leaving or self._bus.spawn(self._leave())
        await asyncio.wait({self._leaving}, timeout=timeout)
        running = list(self._running.values())
        if running:
            _, late = await asyncio.wait(running, timeout=max(0.0, until - time.monotonic()))
            for task in late:
                task.cancel()
            if late:
                log.warning("requests were cancelled by the shutdown", extra={"count": len(late)})
                await asyncio.wait(late, timeout=1.0)
        if self._signs is not None:
            self._signs.cancel()

    async def _give_signs(self) -> None:
        """For every request that was here already a moment ago, running or in its queue."""
        before: set[str] = set()
        while True:
            await asyncio.sleep(SIGN_EVERY)
            for reply in before.intersection(self._running):
                await self._send(sign_subject(reply), b"")
            before = set(self._running)

    async def _leave(self) -> None:
        """Until everything is here that was sent to us; a server that is away has forgotten our subscriptions anyway."""
        try:
            if self._subscription is not None:
                await self._subscription.drain()  # type: ignore[no-untyped-call]
            if self._discovery is not None:
                await self._discovery.stop()
        except (nats.errors.Error, TimeoutError) as error:
            log.warning("the rpc subscription could not be drained", extra={"reason": repr(error)})

    async def _on_message(self, msg: Msg) -> None:
        if not msg.reply or msg.reply in self._running:
            return
        task = asyncio.get_running_loop().create_task(self._answer(msg))
        self._running[msg.reply] = task
        task.add_done_callback(partial(self._answered, msg.reply))

    def _answered(self, reply: str, task: asyncio.Task[None]) -> None:
        self._running.pop(reply, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a request was not answered", exc_info=error)

    async def _answer(self, msg: Msg) -> None:
        started = time.perf_counter_ns()
        endpoint = self._endpoints.get(msg.subject)
        error, outcome = "", metrics.OK
        try:
            if endpoint is None:
                raise UnknownRequest
            body = await self._run(endpoint, msg)
            await self._send(msg.reply, body)
        except Refusal as refusal:
            error, outcome = refusal.code, metrics.outcome_of(refusal)
            await self._send_refusal(msg.reply, refusal)
        if endpoint is not None:
            spent = time.perf_counter_ns() - started
            endpoint.counter.count(spent, error)
            metrics.RPC_SERVER.labels(endpoint.verb, outcome).observe(spent / 1e9)

    async def _run(self, endpoint: Endpoint, msg: Msg) -> bytes:
        """The reply's JSON; every failure leaves as a Refusal."""
        try:
            context = read_context(msg.headers)
        except MalformedMessage as error:
            raise InvalidRequest(str(error)) from error
        attributes: dict[str, tracing.Value] = {
            "rpc.system": "nats",
            "rpc.service": self._service,
            "rpc.method": endpoint.verb,
        }
        name = f"{self._service}.{endpoint.verb}"
        with tracing.span(name, attributes, parent=context.traceparent, kind="server") as span:
            return await self._handled(endpoint, msg, replace(context, traceparent=span.traceparent))

    async def _handled(self, endpoint: Endpoint, msg: Msg, context: Context) -> bytes:
        endpoint.lane.enter(context.tenant_id)
        try:
            return await self._within_deadline(endpoint, msg.data, context)
        except Refusal:
            raise
        except Exception as error:
            trace_id = context.trace_id or new_id().hex
            log.exception("a request failed", extra={"subject": msg.subject, "trace_id": trace_id})
            raise RemoteRefusal(Internal.code, Internal.status, Internal().detail, trace_id) from error
        finally:
            endpoint.lane.leave(context.tenant_id)

    async def _within_deadline(self, endpoint: Endpoint, data: bytes, context: Context) -> bytes:
        limit = asyncio.timeout(context.remaining(DEFAULT_DEADLINE))
        try:
            async with limit, endpoint.lane.turn_of(context.tenant_id):
                if context.remaining(DEFAULT_DEADLINE) <= 0:
                    raise DeadlinePassed
                reply = await endpoint.handler(_parse(endpoint.model, data), context)
        except TimeoutError as error:
            if limit.expired():
                raise DeadlinePassed from error
            raise
        if not isinstance(reply, endpoint.returns):
            wanted, got = endpoint.returns.__name__, type(reply).__name__
            raise TypeError(f"{endpoint.model.__name__} is answered with {wanted}, not {got}")
        return reply.model_dump_json().encode()

    async def _send(self, subject: str, body: bytes, headers: dict[str, str] | None = None) -> None:
        try:
            await self._bus.client.publish(subject, body, headers=headers)
        except nats.errors.MaxPayloadError as error:
            log.exception("a reply is larger than a message may be", extra={"bytes": len(body)})
            raise MessageTooLarge("The answer is larger than one message may be.") from error
        except nats.errors.Error as error:
            log.warning("a reply was lost", extra={"reason": repr(error)})

    async def _send_refusal(self, subject: str, refusal: Refusal) -> None:
        body = {
            "code": refusal.code,
            "status": int(refusal.status),
            "detail": refusal.detail,
            "trace_id": getattr(refusal, "trace_id", ""),
            "retry_after": refusal.retry_after,
        }
        headers = {"Nats-Service-Error": refusal.code, ERROR_CODE_HEADER: str(int(refusal.status))}
        await self._send(subject, to_json(body), headers)
