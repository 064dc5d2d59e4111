"""Envelopes as CloudEvents 1.0 in binary mode (attributes in headers, data as JSON); contexts as request
headers.
"""

from collections.abc import Mapping
from datetime import datetime
from urllib.parse import quote, unquote
from uuid import UUID

from minirag_contracts.cloud_events import SOURCE_PREFIX
from minirag_contracts.context import Context, Reach
from minirag_contracts.envelope import Envelope, Metadata
from nats.aio.msg import Msg
from pydantic_core import from_json, to_json

EVENT_ID = "ce-id"

POSITION = "ce-position"
"""Extension attribute: the event's position among all events of its owner."""


TRACEPARENT = "traceparent"
"""Of the span that sent a message; an event's own, in ``ce-traceparent``, is that of what recorded it."""


class MalformedMessage(ValueError):
    """A message without the headers that it must have, or with nonsense in them."""


def event_headers(event: Envelope) -> dict[str, str]:
    """The CloudEvents attributes of an event. Extension names are lower case without separators (CloudEvents
    1.0 §3).
    """
    headers = {
        "ce-specversion": "1.0",
        EVENT_ID: str(event.event_id),
        "ce-source": SOURCE_PREFIX + event.service,
        "ce-type": event.type,
        "ce-subject": event.stream,
        "ce-time": event.recorded_at.isoformat(),
        "ce-datacontenttype": "application/json",
        "ce-tenantid": str(event.tenant_id),
        "ce-streamversion": str(event.version),
        "ce-schemaversion": str(event.schema_version),
        "ce-actor": event.metadata.actor,
        "ce-correlationid": str(event.metadata.correlation_id),
    }
    if event.metadata.causation_id is not None:
        headers["ce-causationid"] = str(event.metadata.causation_id)
    if event.metadata.via:
        headers["ce-via"] = event.metadata.via
    if event.metadata.traceparent:
        headers["ce-traceparent"] = event.metadata.traceparent
    if event.position is not None:
        headers[POSITION] = str(event.position)
    return headers


def event_data(event: Envelope) -> bytes:
    """The body of the message."""
    return to_json(event.data)


def read_event(msg: Msg) -> Envelope:
    """The event in a message; raises MalformedMessage for what no relay of ours has published."""
    headers: Mapping[str, str] = msg.headers or {}
    try:
        causation = headers.get("ce-causationid")
        position = headers.get(POSITION)
        return Envelope(
            event_id=UUID(headers[EVENT_ID]),
            tenant_id=UUID(headers["ce-tenantid"]),
            service=headers["ce-source"].removeprefix(SOURCE_PREFIX),
            stream=headers["ce-subject"],
            version=int(headers["ce-streamversion"]),
            type=headers["ce-type"],
            schema_version=int(headers["ce-schemaversion"]),
            data=from_json(msg.data),
            metadata=Metadata(
                actor=headers["ce-actor"],
                correlation_id=UUID(headers["ce-correlationid"]),
                causation_id=UUID(causation) if causation else None,
                traceparent=headers.get("ce-traceparent", ""),
                via=headers.get("ce-via", ""),
            ),
            recorded_at=datetime.fromisoformat(headers["ce-time"]),
            position=int(position) if position else None,
        )
    except (KeyError, ValueError) as error:
        raise MalformedMessage(f"not an event: {type(error).__name__} {error}") from error


def context_headers(context: Context) -> dict[str, str]:
    """The circumstances of a request as headers; what is empty has none."""
    headers = {
        "Minirag-Actor": context.actor,
        "Minirag-Via": context.via,
        "Minirag-Reach": "" if context.reach == "tenant" else context.reach,
        "Minirag-Address": context.address,
        "Minirag-Agent": quote(context.agent, safe=" /;:.,()+-_"),
        "Minirag-Tenant": str(context.tenant_id or ""),
        "Minirag-Correlation": str(context.correlation_id or ""),
        "Minirag-Causation": str(context.causation_id or ""),
        "Minirag-Command": str(context.command_id or ""),
        "Minirag-Deadline": "" if context.deadline is None else f"{context.deadline:.3f}",
        "traceparent": context.traceparent,
    }
    return {name: value for name, value in headers.items() if value}


def _uuid(headers: Mapping[str, str], name: str) -> UUID | None:
    value = headers.get(name)
    return UUID(value) if value else None


def _reach(headers: Mapping[str, str]) -> Reach:
    """The least that is asked for: a value that this build does not know confines as well."""
    return "tenant" if "Minirag-Reach" not in headers else "own"


def read_context(headers: Mapping[str, str] | None) -> Context:
    """The circumstances of a request that arrived; raises MalformedMessage."""
    headers = headers or {}
    try:
        deadline = headers.get("Minirag-Deadline")
        return Context(
            actor=headers["Minirag-Actor"],
            via=headers.get("Minirag-Via", ""),
            reach=_reach(headers),
            address=headers.get("Minirag-Address", ""),
            agent=unquote(headers.get("Minirag-Agent", "")),
            tenant_id=_uuid(headers, "Minirag-Tenant"),
            correlation_id=_uuid(headers, "Minirag-Correlation"),
            causation_id=_uuid(headers, "Minirag-Causation"),
            command_id=_uuid(headers, "Minirag-Command"),
            traceparent=headers.get("traceparent", ""),
            deadline=float(deadline) if deadline else None,
        )
    except (KeyError, ValueError) as error:
        raise MalformedMessage(f"not a request of ours: {type(error).__name__} {error}") from error
