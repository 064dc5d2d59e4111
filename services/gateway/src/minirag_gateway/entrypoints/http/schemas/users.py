"""Users, as clients send them (spec §6)."""

from typing import Self

from minirag_contracts.events.gateway import Role
from pydantic import Field, model_validator

from minirag_gateway.commands.users import Changes
from minirag_gateway.entrypoints.http.bodies import Body
from minirag_gateway.entrypoints.http.schemas.tenants import Email, Password


class UserCreate(Body):
    """Somebody who shall be able to log in."""

    email: Email = Field(repr=False)
    password: Password
    display_name: str = Field(default="", max_length=255, examples=["Ada"])
    role: Role = "member"


class UserUpdate(Body):
    """Only what is present is applied; nothing of it may be null."""

    email: Email | None = Field(default=None, repr=False)
    password: Password | None = None
    display_name: str | None = Field(default=None, max_length=255, examples=["Ada"])
    role: Role | None = None
    is_active: bool | None = None

    @model_validator(mode="after")
    def _not_null(self) -> Self:
        empty = sorted(name for name in self.model_fields_set if getattr(self, name) is None)
        if empty:
            raise ValueError(f"null is no value for {', '.join(empty)}: leave it out instead")
        return self

    def changes(self) -> Changes:
        """What the owner is asked."""
        return Changes(
            email=self.email,
            display_name=self.display_name,
            password=self.password.get_secret_value() if self.password else None,
            role=self.role,
            is_active=self.is_active,
        )
