"""Passwords and keys of a deployment."""

import base64
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from minirag_contracts.grants import SYSTEM_USER
from minirag_contracts.topology import SERVICES

ADMIN = "minirag_admin"
"""The Postgres superuser: set-up and backup only."""


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """``nats`` and ``postgres`` map a user or role to its password; ``secret_key`` are Fernet keys, comma-separated, the
    one that seals first.
    """

    secret_key: str
    nats: dict[str, str]
    postgres: dict[str, str]

    @property
    def keys(self) -> list[str]:
        """The Fernet keys, the one that seals first."""
        return [key for key in self.secret_key.split(",") if key]

    @property
    def roles(self) -> dict[str, str]:
        """The services' roles in the database, with their passwords."""
        return {role: password for role, password in self.postgres.items() if role != ADMIN}

    def with_keys(self, keys: Sequence[str]) -> Self:
        """The same with other Fernet keys."""
        return replace(self, secret_key=",".join(keys))

    @classmethod
    def generate(cls) -> Self:
        """Fresh random secrets, 256 bits each."""
        return cls(
            secret_key=new_key(),
            nats={user: secrets.token_hex(32) for user in (SYSTEM_USER, *SERVICES)},
            postgres={role: secrets.token_hex(32) for role in (ADMIN, *service_roles())},
        )


def service_roles() -> tuple[str, ...]:
    """The two roles of each service in the database."""
    return tuple(role for service in SERVICES for role in (service, f"{service}_system"))


def new_key() -> str:
    """A fresh Fernet key."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
