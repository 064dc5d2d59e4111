"""The problems that routes answer, as the document describes them: one component for each status."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Self

from minirag_contracts.errors import Internal, Refusal

from minirag_gateway.entrypoints.http import limits
from minirag_gateway.entrypoints.http.examples import ID
from minirag_gateway.entrypoints.http.problems import MEDIA_TYPE, Problem
from minirag_gateway.errors import (
    BodyTooLarge,
    BodyTooSlow,
    Forbidden,
    NotAuthenticated,
    StorageLow,
    TurnStillRunning,
    TusVersionUnsupported,
    WrongMediaType,
)

REQUEST_ID = {"$ref": "#/components/headers/X-Request-Id"}

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"

SCHEMA = {"$ref": f"#/components/schemas/{Problem.__name__}"}

DECLARED: dict[str, Any] = {"description": "Problem", "content": {MEDIA_TYPE: {"schema": SCHEMA}}}
"""What a route says about a status that it refuses with; the document says the rest."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A status with an example of its problem."""

    about: str
    code: str
    detail: str
    headers: tuple[str, ...] = ()

    @classmethod
    def by(cls, refusal: type[Refusal], about: str, *headers: str) -> Self:
        """With the code and the sentence of the class that refuses."""
        return cls(about, refusal.code, refusal.default_detail(), headers)


REFUSED: dict[int, Refused] = {
    401: Refused.by(
        NotAuthenticated,
        "The credential is missing, malformed, unknown, expired or revoked.",
        "WWW-Authenticate",
    ),
    403: Refused.by(Forbidden, "The credential is good and not enough for this."),
    404: Refused("There is no such thing, or it is not yours.", "not_found", "Source not found"),
    408: Refused.by(BodyTooSlow, "The body came too slowly."),
    409: Refused(
        "It does not go together with what is there.", "conflict", "Source is already being processed"
    ),
    412: Refused.by(TusVersionUnsupported, "Another version of the protocol is spoken here."),
    413: Refused.by(BodyTooLarge, "The body is larger than this route accepts."),
    415: Refused.by(WrongMediaType, "The body is of another kind."),
    422: Refused(
        "Something in the request is wrong: `detail` says what, `errors` where.",
        "validation_error",
        "body.name: Field required",
    ),
    429: Refused(
        "Too much of something in too short a time.",
        "rate_limited",
        "Too many requests with this token or session: at most 600 a minute are possible. Please try again in 3 s.",
        ("Retry-After",),
    ),
    500: Refused.by(Internal, "A fault of ours; the trace id finds it in the logs."),
    502: Refused(
        "Somebody whom we asked has failed.",
        "llm_unavailable",
        "The language model's provider is not available.",
    ),
    503: Refused(
        "A part of the system does not answer at the moment: the same request may be repeated.",
        "unavailable",
        "The service is not available at the moment.",
        ("Retry-After",),
    ),
    504: Refused.by(TurnStillRunning, "It takes longer than this request may wait."),
    507: Refused.by(StorageLow, "There is no room for more at the moment."),
}

HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-Id": {
        "description": "The trace id of this request.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
        "example": TRACE_ID,
    },
    "WWW-Authenticate": {
        "description": "How to authenticate.",
        "required": True,
        "schema": {"type": "string"},
        "example": "Bearer",
    },
    "Retry-After": {
        "description": "Seconds after which to try again.",
        "required": True,
        "schema": {"type": "integer", "minimum": 0},
        "example": 1,
    },
    "Link": {
        "description": 'The next page, `rel="next"`, relative to this one; absent on the last (RFC 8288).',
        "required": False,
        "schema": {"type": "string"},
        "example": '</v1/sources?limit=50&cursor=b2xkZXI>; rel="next"',
    },
    "RateLimit-Limit": {
        "description": "How much the tightest limit allows in its window; absent where nothing is limited.",
        "required": False,
        "schema": {"type": "integer", "minimum": 0},
        "example": 600,
    },
    "RateLimit-Remaining": {
        "description": "How much of it is left.",
        "required": False,
        "schema": {"type": "integer", "minimum": 0},
        "example": 599,
    },
    "RateLimit-Reset": {
        "description": "Seconds until its window ends.",
        "required": False,
        "schema": {"type": "integer", "minimum": 0},
        "example": 42,
    },
}
"""Headers of answers that more than one route has."""

LEFT = {name: {"$ref": f"#/components/headers/{name}"} for name in limits.HEADERS}
"""What is left of a limit, on every answer of a route that is limited."""


def name_of(status: int) -> str:
    """The component's name: ``NotFound``."""
    return HTTPStatus(status).phrase.title().replace(" ", "").replace("-", "")


def component(status: int) -> dict[str, Any]:
    """The description of a status, with its headers and an example."""
    refused = REFUSED.get(status) or Refused(HTTPStatus(status).phrase, "refused", HTTPStatus(status).phrase)
    headers = {name: {"$ref": f"#/components/headers/{name}"} for name in refused.headers}
    headers |= LEFT
    return {
        "description": refused.about,
        "headers": {"X-Request-Id": REQUEST_ID, **headers},
        "content": {MEDIA_TYPE: {"schema": SCHEMA, "example": _example(status, refused)}},
    }


def _example(status: int, refused: Refused) -> dict[str, Any]:
    problem: dict[str, Any] = {
        "type": f"urn:minirag:problem:{refused.code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": refused.detail,
        "code": refused.code,
        "trace_id": TRACE_ID,
    }
    if status == HTTPStatus.UNPROCESSABLE_ENTITY:
        problem["errors"] = [{"loc": ["body", "name"], "msg": "Field required", "type": "missing"}]
    if status == HTTPStatus.GATEWAY_TIMEOUT:
        problem |= {"chat_id": ID, "message_id": ID}
    return problem
