"""What the visitors of a web page may know of a bot, and who they are where their site vouches for them."""

from uuid import UUID

from minirag_contracts.context import Context
from minirag_contracts.ids import derived_id
from minirag_contracts.requests.bots import BotFace, GetBotFace, IdentifyVisitor, VisitorIdentified
from minirag_eventstore import Connection, Database

from minirag_chat.errors import BotNotUsable, InvalidIdentity
from minirag_chat.ports import Identities, Secrets


class VisitorQueries:
    """Asked by the gateway for pages that hold an embed key."""

    def __init__(self, database: Database, secrets: Secrets, identities: Identities) -> None:
        self._database = database
        self._secrets = secrets
        self._identities = identities

    async def face(self, request: GetBotFace, context: Context) -> BotFace:
        """What everybody may see; raises BotNotUsable."""
        async with self._database.tenant(context.scope) as connection:
            return await _face(connection, request.bot_id)

    async def identify(self, request: IdentifyVisitor, context: Context) -> VisitorIdentified:
        """The visitor's id, derived from the site's name for them; raises BotNotUsable or InvalidIdentity."""
        async with self._database.tenant(context.scope) as connection:
            await _face(connection, request.bot_id)
            secret = await self._secrets.identity_secret(connection, request.bot_id)
        if secret is None:
            raise InvalidIdentity(
                "This bot has no identity secret, so it believes no site about its visitors."
            )
        subject = self._identities.subject(request.identity, secret)
        tenant_id = context.scope.tenant_id
        return VisitorIdentified(visitor_id=derived_id("visitor", tenant_id, request.bot_id, subject))


async def _face(connection: Connection, bot_id: UUID) -> BotFace:
    row = await connection.fetchrow(
        """SELECT name, greeting, suggested_questions, has_identity_secret FROM bots
           WHERE bot_id = $1 AND is_active""",
        bot_id,
    )
    if row is None:
        raise BotNotUsable
    return BotFace(**dict(row))
