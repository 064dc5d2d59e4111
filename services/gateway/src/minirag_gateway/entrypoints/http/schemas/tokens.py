"""API tokens, as clients send them (spec §5)."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from minirag_contracts.events.gateway import Scope
from pydantic import AfterValidator, AwareDatetime, Field

from minirag_gateway.commands.tokens import CreateToken
from minirag_gateway.entrypoints.http.bodies import Body


def _future(value: datetime) -> datetime:
    if value <= datetime.now(UTC):
        raise ValueError("expires_at must lie in the future")
    return value


class TokenCreate(Body):
    """A token of the caller. Without ``scopes`` it may do what the caller may, without ``expires_at`` until it is revoked."""

    name: str = Field(min_length=1, max_length=255, examples=["CI"])
    scopes: list[Scope] | None = Field(default=None, min_length=1, max_length=4, examples=[["chat"]])
    expires_at: Annotated[AwareDatetime, AfterValidator(_future)] | None = Field(
        default=None, examples=["2099-01-01T00:00:00Z"]
    )

    def request(self, user_id: UUID) -> CreateToken:
        """What the owner is asked."""
        scopes = sorted(set(self.scopes)) if self.scopes is not None else None
        return CreateToken(user_id=user_id, name=self.name, scopes=scopes, expires_at=self.expires_at)
