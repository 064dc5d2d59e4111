"""Tenants, as clients send them (spec §3)."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr, field_validator

from minirag_gateway.entrypoints.http.bodies import Body

_EMAIL = re.compile(
    r"[^@\s\x00-\x1f\x7f,;<>\"()\[\]\\]{1,64}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W_][\w-]{0,61}[^\W_]\Z"
)


def _email(value: str) -> str:
    if not _EMAIL.match(value) or ".." in value or value.startswith(".") or ".@" in value:
        raise ValueError("Input should be a valid e-mail address")
    return value


def _password(value: SecretStr) -> SecretStr:
    if not 8 <= len(value.get_secret_value()) <= 128:
        raise ValueError("A password has 8 to 128 characters")
    return value


Email = Annotated[str, Field(max_length=320, examples=["owner@example.com"]), AfterValidator(_email)]
Password = Annotated[
    SecretStr,
    Field(json_schema_extra={"minLength": 8, "maxLength": 128}, examples=["correct horse"]),
    AfterValidator(_password),
]


class TenantCreate(Body):
    """Sign-up of an organisation and its owner."""

    tenant_name: str = Field(min_length=1, max_length=255, examples=["Example Ltd"])
    tenant_slug: str = Field(min_length=1, max_length=100, pattern=r"^[a-z0-9\-]+$", examples=["example"])
    owner_email: Email = Field(repr=False)
    owner_password: Password
    owner_display_name: str = Field(default="", max_length=255)
    invite: SecretStr | None = Field(
        default=None,
        json_schema_extra={"minLength": 1, "maxLength": 255},
        description="From whoever runs this MiniRAG, where signing up takes one.",
    )

    @field_validator("invite")
    @classmethod
    def _short(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not 1 <= len(value.get_secret_value()) <= 255:
            raise ValueError("An invite has 1 to 255 characters")
        return value


class TenantUpdate(Body):
    """What shall be different about the tenant."""

    tenant_name: str = Field(min_length=1, max_length=255, examples=["Example Group"])
