"""What a bearer token proves by itself, read once for each request: whose record to ask for, and until when it holds."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from minirag_gateway.domain.token import hashed
from minirag_gateway.errors import InvalidApiToken, MalformedJwt
from minirag_gateway.ports import Lookup, Signer

SESSION = "minirag"
"""Audience of the JWTs of logins."""

VISITOR = "minirag-visitor"
"""Audience of the JWTs of visitors' sessions."""

_API_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}\Z")


@dataclass(frozen=True, slots=True)
class Proof:
    """A token that is one of ours. ``ends``, ``subject``, ``tenant_id`` and ``origin`` are what a JWT says; an API token
    says nothing, and a visitor's names no tenant.
    """

    lookup: Lookup
    ends: datetime | None = None
    subject: UUID | None = None
    tenant_id: UUID | None = None
    origin: str = ""


def proof_of(token: str, signer: Signer) -> Proof:
    """Reads a bearer token: a JWT if it has a dot, else an API token. Raises what spec §2 says for one that is neither."""
    if "." not in token:
        if not _API_TOKEN.match(token):
            raise InvalidApiToken
        return Proof(Lookup("token", hashed(token)))
    claims = signer.read(token, (SESSION, VISITOR))
    ends = datetime.fromtimestamp(claims["exp"], UTC)
    try:
        subject = UUID(claims["sub"])
        if claims["aud"] == VISITOR:
            return Proof(
                Lookup("embed_key", str(UUID(claims["key"]))), ends, subject, origin=str(claims["org"])
            )
        return Proof(Lookup("session", str(UUID(claims["sid"]))), ends, subject, UUID(claims["tid"]))
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise MalformedJwt from error
