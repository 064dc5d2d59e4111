"""Passwords and keys of the embedded stack, generated on its first start and kept in the data folder."""

import json
from dataclasses import asdict
from typing import Any, Self

from minirag_admin import credentials
from minirag_admin.credentials import ADMIN, new_key
from minirag_contracts.grants import SYSTEM_USER

from minirag_local.errors import StackError
from minirag_local.folder import DataFolder, read_json, write_private

__all__ = ["ADMIN", "SYSTEM", "Credentials", "new_key"]

SYSTEM = SYSTEM_USER
"""The bus user that applies the topology and asks for health."""


class Credentials(credentials.Credentials):
    """Those of one data folder."""

    __slots__ = ()

    def write(self, folder: DataFolder) -> None:
        """Replace the file in one step."""
        write_private(folder.secrets, json.dumps(asdict(self), indent=2))

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
