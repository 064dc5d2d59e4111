"""Who may do what: the one matrix. Every route names its permission; a route without one cannot be declared."""

from enum import StrEnum

from minirag_contracts.events.gateway import Role

from minirag_gateway.errors import Forbidden


class Permission(StrEnum):
    """What a route lets somebody do."""

    PUBLIC = "public"
    """Nobody is asked who they are."""
    IDENTIFY = "identify"
    """Anybody with a valid credential, about themselves."""
    CHAT = "chat"
    READ_CHATS = "read_chats"
    """A member's own, everybody's for the others."""
    GIVE_FEEDBACK = "give_feedback"
    READ_BOTS = "read_bots"
    MANAGE_BOTS = "manage_bots"
    READ_SOURCES = "read_sources"
    MANAGE_SOURCES = "manage_sources"
    MANAGE_WEBHOOKS = "manage_webhooks"
    READ_STATS = "read_stats"


MEMBER = frozenset(
    {
        Permission.IDENTIFY,
        Permission.CHAT,
        Permission.READ_CHATS,
        Permission.GIVE_FEEDBACK,
        Permission.READ_BOTS,
        Permission.READ_SOURCES,
    }
)

MATRIX: dict[Role, frozenset[Permission]] = {
    "member": MEMBER,
    "admin": frozenset(Permission),
    "owner": frozenset(Permission),
}
"""Role → what it may do."""


def demand(role: Role, permission: Permission) -> None:
    """Raises Forbidden unless the role has the permission."""
    if permission not in MATRIX[role]:
        raise Forbidden
