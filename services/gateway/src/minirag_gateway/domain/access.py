"""Who may do what: the one matrix. Every route names its permission; a route without one cannot be declared."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Literal

from minirag_contracts.context import Context, Reach
from minirag_contracts.events.gateway import Role, Scope

from minirag_gateway.errors import NotTheOperator

OPERATOR = "system:operator"

UserKind = Literal["token", "session"]
"""The credentials of people with an account."""


class Permission(StrEnum):
    """What a route lets somebody do."""

    PUBLIC = "public"
    """Nobody is asked who they are."""
    IDENTIFY = "identify"
    """Anybody with an account, about themselves."""
    CHAT = "chat"
    READ_CHATS = "read_chats"
    """One's own for members and visitors, everybody's for the others."""
    GIVE_FEEDBACK = "give_feedback"
    READ_BOTS = "read_bots"
    READ_SOURCES = "read_sources"
    READ_STATS = "read_stats"
    READ_USERS = "read_users"
    READ_TOKENS = "read_tokens"
    READ_WEBHOOKS = "read_webhooks"
    READ_EMBED_KEYS = "read_embed_keys"
    READ_EVENTS = "read_events"
    READ_SYSTEM = "read_system"
    EXPORT_CHATS = "export_chats"
    READ_AUDIT = "read_audit"
    MANAGE_BOTS = "manage_bots"
    MANAGE_SOURCES = "manage_sources"
    MANAGE_WEBHOOKS = "manage_webhooks"
    MANAGE_EMBED_KEYS = "manage_embed_keys"
    MANAGE_TOKENS = "manage_tokens"
    MANAGE_USERS = "manage_users"
    MANAGE_TENANT = "manage_tenant"


_CHAT = frozenset(
    {
        Permission.IDENTIFY,
        Permission.CHAT,
        Permission.READ_CHATS,
        Permission.GIVE_FEEDBACK,
        Permission.READ_BOTS,
    }
)

_READ = frozenset(
    {
        Permission.IDENTIFY,
        Permission.READ_CHATS,
        Permission.READ_BOTS,
        Permission.READ_SOURCES,
        Permission.READ_STATS,
        Permission.READ_USERS,
        Permission.READ_TOKENS,
        Permission.READ_WEBHOOKS,
        Permission.READ_EMBED_KEYS,
        Permission.READ_EVENTS,
        Permission.READ_SYSTEM,
        Permission.EXPORT_CHATS,
        Permission.READ_AUDIT,
    }
)

_WRITE = frozenset(
    {
        Permission.IDENTIFY,
        Permission.READ_BOTS,
        Permission.READ_SOURCES,
        Permission.READ_WEBHOOKS,
        Permission.MANAGE_BOTS,
        Permission.MANAGE_SOURCES,
        Permission.MANAGE_WEBHOOKS,
    }
)

_ALL = frozenset(Permission) - {Permission.PUBLIC}

MEMBER = _CHAT | {Permission.READ_SOURCES}

VISITOR = frozenset({Permission.CHAT, Permission.READ_CHATS, Permission.GIVE_FEEDBACK})
"""What a visitor of a web page may do, with one bot and about their own conversations."""

MATRIX: dict[Role, frozenset[Permission]] = {
    "member": MEMBER,
    "admin": _ALL - {Permission.READ_AUDIT, Permission.MANAGE_TENANT},
    "owner": _ALL,
}
"""Role → what it may do."""

SCOPES: dict[Scope, frozenset[Permission]] = {"chat": _CHAT, "read": _READ, "write": _WRITE, "admin": _ALL}
"""Scope of a token → what it lets through of what the token's user may do."""


def permitted(role: Role, scopes: Sequence[Scope] | None) -> frozenset[Permission]:
    """What a user may do with a token; one without scopes may do what its user may."""
    if scopes is None:
        return MATRIX[role]
    return MATRIX[role] & frozenset[Permission]().union(*(SCOPES[scope] for scope in scopes))


def reach(role: Role) -> Reach:
    """How far a role sees: members only see conversations of their own."""
    return "own" if role == "member" else "tenant"


def require_operator(context: Context) -> None:
    """Raises NotTheOperator unless the operator asks, for no tenant; the bus lets nobody else ask at all."""
    if context.actor != OPERATOR or context.tenant_id is not None:
        raise NotTheOperator
