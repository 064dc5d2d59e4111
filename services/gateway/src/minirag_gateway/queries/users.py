"""Reads of users: facts from the projection, address and name from content."""

import base64
import binascii
import json
from typing import Any
from uuid import UUID

from minirag_contracts.context import TenantScope
from minirag_contracts.errors import InvalidRequest
from minirag_contracts.events.gateway import Role
from minirag_contracts.requests import Reply
from minirag_eventstore import Connection
from pydantic import Field

from minirag_gateway.errors import UserNotFound
from minirag_gateway.ports import Store

_SELECT = """
SELECT users.user_id AS id, users.tenant_id, content.email, content.display_name, users.role, users.is_active,
       lower(content.email) AS place
FROM users JOIN user_content AS content USING (user_id)
"""


class UserRead(Reply):
    """A user as clients see it (spec §6)."""

    id: UUID
    tenant_id: UUID
    email: str = Field(repr=False)
    display_name: str = Field(repr=False)
    role: Role
    is_active: bool


class UserQueries:
    """Users as clients see them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, scope: TenantScope, user_id: UUID) -> UserRead:
        """One user, active or not; raises UserNotFound."""
        async with self._store.reading(scope) as connection:
            return await read_user(connection, user_id)

    async def id_of(self, scope: TenantScope, email: str) -> UUID:
        """The user with this address; raises UserNotFound."""
        async with self._store.reading(scope) as connection:
            found: UUID | None = await connection.fetchval(
                "SELECT user_id FROM user_content WHERE lower(email) = lower($1)", email
            )
        if found is None:
            raise UserNotFound
        return found

    async def list(
        self, scope: TenantScope, limit: int, cursor: str | None
    ) -> tuple[list[UserRead], str | None]:
        """By address, inactive ones included; and the cursor of the rest."""
        email, user_id = _decode(cursor)
        async with self._store.reading(scope) as connection:
            rows = await connection.fetch(
                _SELECT + "WHERE $1::text IS NULL OR (lower(content.email), users.user_id) > ($1, $2::uuid) "
                "ORDER BY lower(content.email), users.user_id LIMIT $3",
                email,
                user_id,
                limit + 1,
            )
        more = _encode(rows[limit - 1]) if len(rows) > limit else None
        return [_user(row) for row in rows[:limit]], more


async def read_user(connection: Connection, user_id: UUID) -> UserRead:
    """One user of the transaction's tenant; raises UserNotFound."""
    row = await connection.fetchrow(_SELECT + "WHERE users.user_id = $1", user_id)
    if row is None:
        raise UserNotFound
    return _user(row)


def _user(row: Any) -> UserRead:
    return UserRead.model_validate(dict(row))


def _encode(row: Any) -> str:
    """By what Postgres orders by: its lower case is not always Python's."""
    raw = json.dumps([row["place"], str(row["id"])]).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _decode(cursor: str | None) -> tuple[str | None, UUID | None]:
    if cursor is None:
        return None, None
    try:
        email, user_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(email, str) or "\x00" in email.encode().decode():
            raise ValueError("no address")
        email.encode()
        return email, UUID(user_id)
    except (ValueError, TypeError, AttributeError, RecursionError, binascii.Error) as error:
        raise InvalidRequest("The cursor is not one that this list has given.") from error
