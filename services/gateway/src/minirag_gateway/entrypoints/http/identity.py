"""The use cases of identity, as the routes find them."""

from dataclasses import dataclass

from minirag_gateway.commands.embed_keys import EmbedKeyCommands
from minirag_gateway.commands.passwords import PasswordCommands
from minirag_gateway.commands.sessions import SessionCommands
from minirag_gateway.commands.tenants import TenantCommands
from minirag_gateway.commands.tokens import TokenCommands
from minirag_gateway.commands.users import UserCommands
from minirag_gateway.commands.visitors import VisitorCommands
from minirag_gateway.queries.embed_keys import EmbedKeyQueries
from minirag_gateway.queries.tenants import TenantQueries
from minirag_gateway.queries.tokens import TokenQueries
from minirag_gateway.queries.users import UserQueries


@dataclass(frozen=True, slots=True)
class Identity:
    """Everything that can be asked about who may do what; made once, in bootstrap."""

    tenants: TenantCommands
    users: UserCommands
    passwords: PasswordCommands
    sessions: SessionCommands
    tokens: TokenCommands
    embed_keys: EmbedKeyCommands
    visitors: VisitorCommands
    tenant_queries: TenantQueries
    user_queries: UserQueries
    token_queries: TokenQueries
    embed_key_queries: EmbedKeyQueries
