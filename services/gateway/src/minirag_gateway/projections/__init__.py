"""Events of identity → the rows that authentication reads."""

from minirag_eventstore import Projection

from minirag_gateway.projections.embed_keys import EmbedKeys
from minirag_gateway.projections.sessions import Sessions
from minirag_gateway.projections.tenants import Tenants
from minirag_gateway.projections.tokens import Tokens
from minirag_gateway.projections.users import Users

PROJECTIONS: tuple[Projection, ...] = (Tenants(), Users(), Tokens(), Sessions(), EmbedKeys())
"""Every projection of the gateway, applied in the transaction that appends."""
