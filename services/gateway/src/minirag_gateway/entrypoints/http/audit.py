"""``/v1/audit``: who did what, when, from where."""

import re
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Query, Request, Response
from minirag_contracts.errors import InvalidRequest
from pydantic import BeforeValidator

from minirag_gateway.domain import event_types
from minirag_gateway.domain.access import Permission
from minirag_gateway.entrypoints.http.answers import Cursor, Limit, page
from minirag_gateway.entrypoints.http.events import Types
from minirag_gateway.entrypoints.http.routing import Resource, call_of
from minirag_gateway.entrypoints.http.schemas.audit import AuditRecord
from minirag_gateway.queries.audit import AuditQuestion

resource = Resource("Audit")

DEFAULT_LIMIT = 100

DATED = re.compile(r"\d{4}-\d{2}-\d{2}")

Actor = Annotated[
    str | None,
    Query(
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="Only what this actor did: `user:<id>`, `visitor:<id>`, `system:<service>`, `anonymous`.",
    ),
]


def _no_number(given: object) -> object:
    """ValueError for a count of seconds: what is documented is RFC 3339."""
    if isinstance(given, str) and not DATED.match(given):
        raise ValueError("must be a date and time as in RFC 3339, for example 2026-11-26T09:00:00Z")
    return given


Moment = Annotated[datetime | None, BeforeValidator(_no_number)]


@resource.route("GET", "/v1/audit", Permission.READ_AUDIT, returns=list[AuditRecord])
async def read_audit_log(
    request: Request,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    actor: Actor = None,
    types: Types = None,
    since: Annotated[Moment, Query(alias="from", description="Not before this.")] = None,
    until: Annotated[Moment, Query(alias="to", description="Before this.")] = None,
) -> Response:
    """Who did what, when and from where, newest first, straight from the events.

    Messages, ingestions, deliveries and the index are left out unless `types` names them: they are work, not acts.
    """
    call = call_of(request)
    question = AuditQuestion(
        actor=actor, types=event_types.chosen(types), since=_moment(since), until=_moment(until)
    )
    entries, following = await call.services.audit.page(call.context, question, cursor, limit)
    return page(request, [AuditRecord.of(entry) for entry in entries], following, limit)


def _moment(given: datetime | None) -> datetime | None:
    """A time of day without a zone is UTC; InvalidRequest for one that no calendar has in UTC."""
    if given is None:
        return None
    try:
        return given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC)
    except OverflowError:
        raise InvalidRequest("`from` and `to` must be moments between the years 1 and 9999.") from None
