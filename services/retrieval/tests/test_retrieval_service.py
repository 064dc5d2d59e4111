"""The whole service on a real bus: stage, activate, search, and its health."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from minirag_contracts.context import Context
from minirag_contracts.errors import RemoteRefusal
from minirag_contracts.ids import new_id
from minirag_contracts.requests.common import HealthCheck, HealthReply
from minirag_contracts.requests.retrieval import (
    Activated,
    ActivateVersion,
    Chunk,
    ChunksStaged,
    Search,
    SearchReply,
    StageChunks,
)
from minirag_messaging import Bus
from minirag_messaging.testing import NatsServer
from minirag_retrieval.bootstrap import assemble
from minirag_retrieval.projections import PROJECTIONS
from minirag_retrieval.settings import Settings
from minirag_service.testing import running, settings_for
from pydantic import ValidationError
from retrieval_engine import EngineProcess

Urls = Callable[..., Awaitable[tuple[str, str]]]

TEXTS = (
    "The lighthouse was built in 1871. It guided ships past the cliffs until 1988.",
    "Tickets cost seven euros. Children under six enter for free.",
    "The keeper's garden grows roses and lavender behind a stone wall.",
)


async def test_a_question_is_answered_from_what_was_staged_and_activated(
    nats: NatsServer, bus: Bus, database_urls: Urls, engine: EngineProcess, model_folder: Path
) -> None:
    urls = await database_urls("retrieval")
    settings = settings_for(Settings, nats.url, urls, vectors_socket=engine.socket, model_dir=model_folder)
    context = Context(actor="system:test", tenant_id=new_id(), correlation_id=new_id())
    bot, source = new_id(), new_id()
    chunks = [Chunk(ordinal=n, header="Visitor guide", text=text) for n, text in enumerate(TEXTS)]
    async with running(settings, assemble, PROJECTIONS):
        staged = await bus.request(
            StageChunks(bot_id=bot, source_id=source, version=1, chunks=chunks), ChunksStaged, context
        )
        assert staged == ChunksStaged(embedded=3, carried=0)
        with pytest.raises(RemoteRefusal) as refusal:
            await bus.request(
                ActivateVersion(bot_id=bot, source_id=source, version=1, chunk_count=4), Activated, context
            )
        assert (refusal.value.code, refusal.value.status) == ("incomplete_version", 409)
        activated = await bus.request(
            ActivateVersion(bot_id=bot, source_id=source, version=1, chunk_count=3), Activated, context
        )
        assert activated == Activated(generation=1, chunk_count=3)
        found = await bus.request(
            Search(bot_id=bot, query="How much does a kid pay to get in?", top_k=2, highlights=2),
            SearchReply,
            context,
        )
        assert found.passages[0].text == TEXTS[1]
        assert {h.sentence for h in found.highlights} & {
            "Children under six enter for free.",
            "Tickets cost seven euros.",
        }
        off_topic = await bus.request(
            Search(bot_id=bot, query="quantum chromodynamics"), SearchReply, context
        )
        assert off_topic.relevance < 0.3 < found.relevance
        health = await bus.ask(
            "retrieval", "health", HealthCheck(), HealthReply, context.within(5), timeout=5
        )
        assert (health.status, health.checks["vectors"], health.checks["model"]) == ("ok", "ok", "ok")
        engine.kill()
        health = await bus.ask(
            "retrieval", "health", HealthCheck(), HealthReply, context.within(5), timeout=5
        )
        assert health.status == "degraded"
        assert health.checks["vectors"] != "ok"


def test_settings_without_an_engine_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("QDRANT_URL", raising=False)
    with pytest.raises(ValidationError, match="MINIRAG_VECTORS_SOCKET"):
        settings_for(Settings, "nats://localhost", ("postgresql://a", "postgresql://b"))
