"""Passwords and keys of the embedded stack, generated on its first start."""

import base64
import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from minirag_contracts.grants import SYSTEM_USER
from minirag_contracts.topology import SERVICES

from minirag_local.errors import StackError
from minirag_local.folder import DataFolder, read_json, write_private

SYSTEM = SYSTEM_USER
"""The bus user that applies the topology and asks for health."""

ADMIN = "minirag_admin"
"""The Postgres superuser: set-up and backup only."""


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """``nats`` and ``postgres`` map a user or role to its password; ``secret_key`` are Fernet keys, comma-separated, newest
    first.
    """

    secret_key: str
    nats: dict[str, str]
    postgres: dict[str, str]

    @property
    def keys(self) -> list[str]:
        """The Fernet keys, newest first."""
        return [key for key in self.secret_key.split(",") if key]

    def with_keys(self, keys: Sequence[str]) -> Self:
        """The same with other Fernet keys."""
        return replace(self, secret_key=",".join(keys))

    def write(self, folder: DataFolder) -> None:
        """Replace the file in one step."""
        write_private(folder.secrets, json.dumps(asdict(self), indent=2))

    @classmethod
    def generate(cls) -> Self:
        """Fresh random secrets, 256 bits each."""
        roles = [ADMIN, *(role for service in SERVICES for role in (service, f"{service}_system"))]
        return cls(
            secret_key=new_key(),
            nats={user: secrets.token_hex(32) for user in (SYSTEM, *SERVICES)},
            postgres={role: secrets.token_hex(32) for role in roles},
        )

    @classmethod
    def of(cls, folder: DataFolder) -> Self:
        """The folder's secrets; generated when it has none and no database that others would belong to."""
        if folder.secrets.exists():
            return cls._read(folder)
        if (folder.postgres / "PG_VERSION").exists():
            raise StackError(
                f"{folder.secrets} is missing, and the database needs it. Restore it from a backup."
            )
        created = cls.generate()
        created.write(folder)
        return created

    @classmethod
    def _read(cls, folder: DataFolder) -> Self:
        folder.secrets.chmod(0o600)
        stored: dict[str, Any] = read_json(folder.secrets)
        fresh = cls.generate()
        try:
            known = cls(
                secret_key=str(stored["secret_key"]),
                nats=fresh.nats | dict(stored["nats"]),
                postgres=fresh.postgres | dict(stored["postgres"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise StackError(f"{folder.secrets} is damaged. Restore it from a backup.") from error
        if asdict(known) != stored:  # a newer version brought a service along
            known.write(folder)
        return known


def new_key() -> str:
    """A fresh Fernet key."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
