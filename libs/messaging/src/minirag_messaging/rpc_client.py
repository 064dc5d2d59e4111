"""Typed requests to other services.

A request may be sent more than once. That is safe because a read changes nothing and a command carries a
command id, under which its owner stores the effect and the reply in one transaction; and it is cheap because
every copy names the same reply subject, by which a process recognises a copy of what it is working on and
drops it. So a request is repeated when nobody listens (the owner is being restarted), when our connection
broke, and after some seconds of silence (the owner was killed while it worked), until the deadline.

A copy may come to another process of the owner, which would do the same work once more. So whoever works on a
request for longer says so every other second, and that is no silence. An owner of an older version gives no such
signs, and a client of an older version does not hear them: then a request is repeated as if there were silence.
"""

import asyncio
import time
from dataclasses import replace
from typing import TypeVar

import nats.errors
from minirag_contracts import tracing
from minirag_contracts.context import Context
from minirag_contracts.errors import Refusal, RemoteRefusal, Unavailable
from nats.aio.msg import Msg
from pydantic import BaseModel
from pydantic_core import from_json

from minirag_messaging import metrics
from minirag_messaging.connection import Connection
from minirag_messaging.errors import MessageTooLarge, RpcTimeout
from minirag_messaging.headers import context_headers
from minirag_messaging.replies import Disconnected, NoResponders

R = TypeVar("R", bound=BaseModel)

REPEAT_AFTER = 5.0
"""Seconds of silence, without the reply or a sign, after which a request is sent again."""

NOBODY_PAUSES = (0.02, 0.05, 0.1, 0.2, 0.4)
"""Seconds to wait before each repetition while nobody listens; the last one again and again."""

ERROR_CODE_HEADER = "Nats-Service-Error-Code"
"""The status of an error reply (NATS ADR-32); its body says the rest."""


def _refusal(msg: Msg) -> RemoteRefusal | Unavailable:
    body = from_json(msg.data)
    if body["code"] == Unavailable.code:
        return Unavailable(body["detail"])
    return RemoteRefusal(
        body["code"], int(body["status"]), body["detail"], body.get("trace_id", ""), body.get("retry_after")
    )


async def call(
    connection: Connection,
    subject: str,
    request: BaseModel,
    returns: type[R],
    context: Context,
    timeout: float,
) -> R:
    """The owner's reply.

    ``timeout`` in seconds; the context's own deadline holds if it is earlier. Raises RemoteRefusal for what
    the owner refused, RpcTimeout (an Unavailable) when nobody answered in time, Unavailable when the owner
    has too much to do, MessageTooLarge for a request beyond the server's ``max_payload``.
    """
    context = context.within(timeout)
    service, verb = metrics.names(subject)
    attributes: dict[str, tracing.Value] = {"rpc.system": "nats", "rpc.service": service, "rpc.method": verb}
    began, outcome = time.perf_counter(), "failed"
    with tracing.span(f"{service}.{verb}", attributes, parent=context.traceparent, kind="client") as span:
        try:
            context = replace(context, traceparent=span.traceparent)
            msg = await _exchange(connection, subject, request.model_dump_json().encode(), context)
            if msg.headers and ERROR_CODE_HEADER in msg.headers:
                raise _refusal(msg)
            reply = returns.model_validate_json(msg.data)
            outcome = metrics.OK
        except Refusal as refusal:
            outcome = metrics.outcome_of(refusal)
            raise
        finally:
            metrics.RPC_CLIENT.labels(service, verb, outcome).observe(time.perf_counter() - began)
    return reply


async def _exchange(connection: Connection, subject: str, payload: bytes, context: Context) -> Msg:
    headers = context_headers(context)
    deadline = time.monotonic() + context.remaining(0.0)
    nobody = 0
    with connection.replies.expect() as reply:
        while (left := deadline - time.monotonic()) > 0 and await connection.wait_connected(left):
            try:
                await connection.client.publish(subject, payload, reply=reply.subject, headers=headers)
                return await reply.wait(left, REPEAT_AFTER)
            except (TimeoutError, Disconnected):
                continue
            except NoResponders:
                pause = NOBODY_PAUSES[min(nobody, len(NOBODY_PAUSES) - 1)]
                nobody += 1
                await asyncio.sleep(max(0.0, min(pause, deadline - time.monotonic())))
            except nats.errors.MaxPayloadError as error:
                raise MessageTooLarge from error
            except (nats.errors.OutboundBufferLimitError, nats.errors.ConnectionClosedError) as error:
                raise RpcTimeout from error
    raise RpcTimeout
