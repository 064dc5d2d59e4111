"""Logins, as clients send and get them (spec §4)."""

from typing import Literal

from pydantic import BaseModel, Field, SecretStr

from minirag_gateway.domain.access import Permission
from minirag_gateway.domain.tenant import TenantRead
from minirag_gateway.entrypoints.http.bodies import Body
from minirag_gateway.entrypoints.http.schemas.tenants import Email, Password
from minirag_gateway.queries.users import UserRead


class LoginCreate(Body):
    """Who wants in; ``tenant_slug`` says where, for an address that has accounts in several tenants."""

    email: Email = Field(repr=False)
    password: SecretStr = Field(max_length=1024, examples=["correct horse"])
    tenant_slug: str | None = Field(default=None, max_length=100, examples=["example"])


class RefreshCreate(Body):
    """The refresh token of the pair before."""

    refresh_token: SecretStr = Field(max_length=200)


class PasswordChange(Body):
    """One's own password."""

    current_password: SecretStr = Field(max_length=1024, examples=["correct horse"])
    new_password: Password


class PasswordReset(Body):
    """A password chosen by the link of an administrator."""

    reset_token: SecretStr = Field(max_length=200)
    new_password: Password


class TokenPair(BaseModel):
    """A JWT for ``expires_in`` seconds, and what to exchange for the next one."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105  # the kind of token
    expires_in: int
    refresh_token: str


class LoggedIn(TokenPair):
    """The login, and whose it is."""

    user: UserRead
    tenant: TenantRead


class BrowserSession(BaseModel):
    """A browser's login; the credential itself is in cookies that no script can read."""

    user: UserRead
    tenant: TenantRead
    permissions: list[Permission] = Field(description="What the user's role may do, by name.")
    csrf_token: str = Field(description="For the header X-CSRF-Token of every request but GET and HEAD.")
    expires_in: int = Field(
        description="Seconds until POST /v1/auth/browser/refresh has to be asked for the next cookies."
    )


class Me(BaseModel):
    """Who the caller is."""

    user: UserRead
    tenant: TenantRead
