"""Users, as clients send them (spec §6)."""

from minirag_contracts.events.gateway import Role
from pydantic import Field

from minirag_gateway.commands.users import Changes
from minirag_gateway.entrypoints.http.bodies import Body
from minirag_gateway.entrypoints.http.schemas.changes import UpdateWithoutNull, absent
from minirag_gateway.entrypoints.http.schemas.tenants import Email, Password


class UserCreate(Body):
    """Somebody who shall be able to log in."""

    email: Email = Field(repr=False)
    password: Password
    display_name: str = Field(default="", max_length=255, examples=["Ada"])
    role: Role = "member"


class UserUpdate(UpdateWithoutNull):
    """Only what is present is applied; nothing of it may be null."""

    email: Email | None = Field(default_factory=absent, repr=False)
    password: Password | None = Field(default_factory=absent)
    display_name: str | None = Field(default_factory=absent, max_length=255, examples=["Ada"])
    role: Role | None = Field(default_factory=absent)
    is_active: bool | None = Field(default_factory=absent)

    def changes(self) -> Changes:
        """What the owner is asked."""
        return Changes(**self.sent())
