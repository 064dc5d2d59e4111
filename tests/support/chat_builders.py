"""Bots, questions and passages with good defaults, and the bus's side of a chat service under test."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from contexts import a_context
from cryptography.fernet import Fernet
from minirag_chat.domain.prompt import Exchange, Prompt
from minirag_chat.settings import Settings
from minirag_contracts.context import Context, Reach, TenantScope
from minirag_contracts.errors import Refusal
from minirag_contracts.frames import Frame
from minirag_contracts.ids import new_id
from minirag_contracts.requests.chat import BotRead, CreateBot, GetTurn, StartTurn, TurnRead, TurnStarted
from minirag_contracts.requests.retrieval import Highlight, Passage, Search, SearchReply
from minirag_messaging import Bus, RpcServer
from minirag_messaging.testing import NatsServer
from minirag_service import Runtime
from minirag_service.testing import settings_for
from pydantic import SecretStr

SECRET_KEY = Fernet.generate_key().decode()


def a_passage(text: str = "The refund window is 30 days.", **fields: Any) -> Passage:
    """A found chunk."""
    defaults: dict[str, Any] = {
        "chunk_id": uuid4(),
        "source_id": uuid4(),
        "ordinal": 0,
        "score": 0.876543,
        "header": "",
        "title": "Refunds",
    }
    return Passage(text=text, **{**defaults, **fields})


def a_finding(
    *texts: str, relevance: float = 0.8, sentences: tuple[tuple[int, str], ...] = ()
) -> SearchReply:
    """What a search found; ``sentences`` are (passage, sentence) and default to each passage's text."""
    passages = [a_passage(text) for text in texts or ("The refund window is 30 days.", "Shipping is free.")]
    chosen = sentences or tuple((index, passage.text) for index, passage in enumerate(passages[:2]))
    highlights = [Highlight(passage=index, sentence=sentence, score=0.8) for index, sentence in chosen]
    return SearchReply(passages=passages, highlights=highlights, relevance=relevance)


def nothing_found() -> SearchReply:
    """A search in a bot that knows nothing."""
    return SearchReply(passages=[], relevance=0.0)


def a_prompt(question: str = "How long may I return it?", **fields: Any) -> Prompt:
    """All that a model may use."""
    defaults: dict[str, Any] = {
        "system_prompt": "You help customers.",
        "history": (Exchange("Hello", "Hi there"),),
        "found": a_finding(),
        "message_id": UUID("019f0000-0000-7000-8000-0123456789ab"),
    }
    return Prompt(question=question, **{**defaults, **fields})


@dataclass
class FakeRetrieval:
    """Answers ``rpc.retrieval.search`` as told: ``reply``, after ``delay`` seconds, or with ``refusal``."""

    reply: SearchReply = field(default_factory=a_finding)
    delay: float = 0.0
    refusal: Refusal | None = None
    asked: list[Search] = field(default_factory=list)

    async def search(self, request: Search, context: Context) -> SearchReply:
        """One search."""
        self.asked.append(request)
        until = time.monotonic() + self.delay
        while self.delay and time.monotonic() < until:  # a delay that is set to 0 meanwhile is over
            await asyncio.sleep(0.02)
        if self.refusal is not None:
            raise self.refusal
        return self.reply

    @asynccontextmanager
    async def serving(self, bus: Bus) -> AsyncIterator["FakeRetrieval"]:
        """On the bus, from the start to the end of the block."""
        server = RpcServer(bus, "retrieval")
        server.on(Search, self.search)
        await server.start()
        try:
            yield self
        finally:
            await server.drain()


@dataclass
class ChatClient:
    """A gateway's view of chat: for one tenant, over the bus, for somebody who sees all of it or only their own."""

    bus: Bus
    tenant_id: UUID = field(default_factory=uuid4)
    actor: str = "user:test"
    reach: Reach = "tenant"

    @property
    def scope(self) -> TenantScope:
        """The tenant's door."""
        return TenantScope(self.tenant_id)

    async def ask(self, request: Any, *, context: Context | None = None) -> Any:
        """One request, answered with its own reply model."""
        context = context or a_context(
            self.tenant_id, actor=self.actor, reach=self.reach, command_id=new_id()
        )
        return await self.bus.request(request, type(request).Returns, context, timeout=15)

    def as_actor(self, actor: str) -> "ChatClient":
        """Somebody of the same tenant who sees only what they began."""
        return ChatClient(self.bus, self.tenant_id, actor, "own")

    async def create_bot(self, **fields: Any) -> BotRead:
        """A bot with defaults."""
        bot: BotRead = await self.ask(CreateBot(**{"name": "Support", **fields}))
        return bot

    async def start(
        self, bot_id: UUID, content: str = "How long may I return it?", **fields: Any
    ) -> TurnStarted:
        """Accepts a question without waiting for its answer."""
        fields = {"message_id": new_id(), **fields}
        started: TurnStarted = await self.ask(StartTurn(bot_id=bot_id, content=content, **fields))
        return started

    async def converse(
        self, bot_id: UUID, content: str = "How long may I return it?", **fields: Any
    ) -> list[Frame]:
        """Asks, and gives all frames of the answer."""
        message_id = fields.setdefault("message_id", new_id())
        async with self.bus.frames(self.scope, message_id) as stream:
            await self.start(bot_id, content, **fields)
            return await frames_until(stream, lambda frame: frame.event in ("done", "error"))

    async def turn(self, started: TurnStarted) -> TurnRead:
        """How a turn stands."""
        turn: TurnRead = await self.ask(GetTurn(chat_id=started.chat_id, message_id=started.message_id))
        return turn

    async def ended(self, started: TurnStarted, timeout: float = 20.0) -> TurnRead:
        """The turn, once it has ended."""
        async with asyncio.timeout(timeout):
            while (turn := await self.turn(started)).state == "running":
                await asyncio.sleep(0.05)
        return turn

    async def stored(self, turn: TurnRead) -> list[Frame]:
        """The frames of an ended turn, once as many as it says are kept: the last is sent after the commit."""
        async with asyncio.timeout(10):
            while len(frames := await self.bus.stored_frames(self.scope, turn.message_id)) < turn.frames:
                await asyncio.sleep(0.02)
        return frames


async def frames_until(stream: Any, last: Callable[[Frame], bool], timeout: float = 30.0) -> list[Frame]:
    """Frames up to and with the first for which ``last`` holds."""
    frames: list[Frame] = []
    async with asyncio.timeout(timeout):
        async for frame in stream:
            frames.append(frame)
            if last(frame):
                break
    return frames


def text_of(frames: list[Frame]) -> str:
    """What the delta frames say."""
    return "".join(frame.data["content"] for frame in frames if frame.event == "delta")


@asynccontextmanager
async def chat_process(
    nats_url: str, database_urls: tuple[str, str], **environment: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """The chat service as a process of its own, to be killed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "minirag_chat",
        env={
            **{name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")},
            "MINIRAG_MODE": "embedded",
            "MINIRAG_NATS_URL": nats_url,
            "MINIRAG_DATABASE_URL": database_urls[0],
            "MINIRAG_DATABASE_SYSTEM_URL": database_urls[1],
            "MINIRAG_SECRET_KEY": SECRET_KEY,
            **environment,
        },
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@dataclass
class Stage:
    """All that a test of the running service needs."""

    runtime: Runtime
    client: ChatClient
    retrieval: FakeRetrieval


def chat_settings(nats: NatsServer, urls: tuple[str, str], **fields: object) -> Settings:
    """The service's settings over the test's servers, with the secret that ``chat_process`` has too."""
    fields = {"drain": timedelta(seconds=3), **fields}
    settings = settings_for(Settings, nats.url, urls, **fields)
    return settings.model_copy(update={"secret_key": SecretStr(SECRET_KEY)})
