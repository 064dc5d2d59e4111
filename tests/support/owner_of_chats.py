"""What chat answers beyond conversations, for a gateway under test: changes of bots, stops, exports, visitors."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

from minirag_contracts.context import Context
from minirag_contracts.errors import Refusal
from minirag_contracts.requests import Done
from minirag_contracts.requests.bots import (
    BotFace,
    DeactivateBot,
    GetBotFace,
    IdentifyVisitor,
    UpdateBot,
    VisitorIdentified,
)
from minirag_contracts.requests.chat import BotRead, CancelTurn, GetBot, GetTurn, TurnRead
from minirag_contracts.requests.exports import ExportChats, ExportPage

if TYPE_CHECKING:
    from gateway_world import Owners


@dataclass
class ChatOwner:
    """The rest of chat. ``export_pages`` are the pages of the next export; a refusal among them is raised in its turn.

    ``stops_after`` is how often a stop must be asked for until the answer has stopped.
    """

    owners: "Owners"
    export_pages: list[ExportPage | Refusal] = field(default_factory=lambda: [ExportPage(parts=[])])
    stops_after: int = 1

    def handlers(self) -> dict[Any, Any]:
        """Request → who answers it."""
        return {
            UpdateBot: self.update_bot,
            DeactivateBot: self.deactivate_bot,
            GetBotFace: self.face,
            IdentifyVisitor: self.identify,
            CancelTurn: self.cancel_turn,
            ExportChats: self.export,
        }

    async def _bot(self, bot_id: UUID, context: Context) -> BotRead:
        return await self.owners.get_bot(GetBot(bot_id=bot_id), context)

    async def update_bot(self, request: UpdateBot, context: Context) -> BotRead:
        """The same bot with what was sent."""
        bot = await self._bot(request.bot_id, context)
        sent = {key: getattr(request.changes, key) for key in request.changes.model_fields_set}
        if "credentials" in sent:
            sent["has_credentials"] = sent.pop("credentials") is not None
        if "identity_secret" in sent:
            sent["has_identity_secret"] = sent.pop("identity_secret") is not None
        self.owners.bots[bot.id] = bot.model_copy(update=sent)
        return self.owners.bots[bot.id]

    async def deactivate_bot(self, request: DeactivateBot, context: Context) -> Done:
        """It can still be read."""
        bot = await self._bot(request.bot_id, context)
        self.owners.bots[bot.id] = bot.model_copy(update={"is_active": False})
        return Done()

    async def face(self, request: GetBotFace, context: Context) -> BotFace:
        """What a page may know."""
        bot = await self._bot(request.bot_id, context)
        return BotFace.model_validate(bot.model_dump())

    async def identify(self, request: IdentifyVisitor, context: Context) -> VisitorIdentified:
        """Whoever the identity names, unsigned."""
        bot = await self._bot(request.bot_id, context)
        return VisitorIdentified(visitor_id=uuid5(bot.id, request.identity))

    async def cancel_turn(self, request: CancelTurn, context: Context) -> TurnRead:
        """Stopped when it was asked for often enough."""
        question = GetTurn(chat_id=request.chat_id, message_id=request.message_id)
        turn = await self.owners.get_turn(question, context)
        self.stops_after -= 1
        if turn.state == "running" and self.stops_after == 0:
            self.owners.complete(request.message_id)
        return turn

    async def export(self, request: ExportChats, context: Context) -> ExportPage:
        """Page by page; the cursor is the number of the next."""
        number = int(request.cursor or 0)
        page = self.export_pages[number]
        if isinstance(page, Refusal):
            raise page
        following = str(number + 1) if number + 1 < len(self.export_pages) else None
        return page.model_copy(update={"next": following})
