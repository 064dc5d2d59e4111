"""The retrieval service, asked over the bus."""

import logging
from datetime import timedelta
from uuid import UUID

from minirag_contracts.context import Context
from minirag_contracts.errors import Refusal
from minirag_contracts.requests.retrieval import Search, SearchReply
from minirag_messaging import Bus

from minirag_chat.errors import RetrievalUnavailable

log = logging.getLogger(__name__)


class BusRetrieval:
    """Asks retrieval and waits for it at most ``deadline``, through a restart of it if need be."""

    def __init__(self, bus: Bus, deadline: timedelta) -> None:
        self._bus = bus
        self._deadline = deadline.total_seconds()

    async def search(
        self, context: Context, bot_id: UUID, query: str, *, top_k: int, highlights: int
    ) -> SearchReply:
        """The best passages; raises RetrievalUnavailable when there is no answer, or a refusal for one."""
        request = Search(bot_id=bot_id, query=query, top_k=top_k, highlights=highlights)
        try:
            return await self._bus.request(request, SearchReply, context, timeout=self._deadline)
        except Refusal as refusal:
            log.warning("search failed", extra={"bot_id": str(bot_id), "code": refusal.code})
            raise RetrievalUnavailable from refusal
