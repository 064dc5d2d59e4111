"""The gateway behind a real socket, and owners that answer on the real bus as the other services do."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import gateway_stats
import httpx
from minirag_contracts.context import Context
from minirag_contracts.errors import CommandReused, Refusal, Unavailable
from minirag_contracts.frames import Frame
from minirag_contracts.ids import new_id
from minirag_contracts.requests import Done, Request
from minirag_contracts.requests.chat import (
    BotList,
    BotRead,
    ChatList,
    ChatRead,
    CitationRead,
    CreateBot,
    GetBot,
    GetChat,
    GetTurn,
    GiveFeedback,
    ListBots,
    ListChats,
    ListMessages,
    MessageList,
    MessageRead,
    StartTurn,
    TurnRead,
    TurnStarted,
    UsageRead,
)
from minirag_contracts.requests.common import (
    AuditedEvent,
    AuditRead,
    AuditReply,
    EventsTail,
    HealthCheck,
    HealthReply,
    RecordedEvent,
    TailReply,
)
from minirag_contracts.requests.ingest import (
    ChildrenQueued,
    CreateSource,
    CreateSourceBatch,
    DeactivateSource,
    GetSource,
    IngestAccepted,
    IngestChildren,
    IngestSource,
    ListChildren,
    ListSources,
    SourceBatch,
    SourceList,
    SourceRead,
    UpdateSource,
    UploadSource,
    UploadSourceBatch,
)
from minirag_messaging import Bus, RpcServer
from minirag_service import Runtime
from owner_of_chats import ChatOwner
from webhooks_owner import WebhooksOwner

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

PASSWORD = "correct horse battery"


class NotFound(Refusal):
    """Not found"""

    status = 404
    code = "not_found"


class NoChildren(Refusal):
    """At least one child source is required"""

    code = "no_children"


class Busy(Refusal):
    """Source is already being processed"""

    status = 409
    code = "conflict"


@dataclass
class Owners:
    """What the other services know, for one test. ``asked`` is every request in order, with its context."""

    bus: Bus
    asked: list[tuple[Any, Context]] = field(default_factory=list)
    bots: dict[UUID, BotRead] = field(default_factory=dict)
    bots_of_a_page: int = 1000
    turns: dict[UUID, TurnRead] = field(default_factory=dict)
    started: dict[UUID, tuple[StartTurn, TurnStarted]] = field(default_factory=dict)
    uploads: dict[str, bytes] = field(default_factory=dict)
    answers: Sequence[str] = ("From ", "nine ", "to five.")
    frames: bool = True
    recorded: dict[str, list[RecordedEvent]] = field(default_factory=dict)
    away: set[str] = field(default_factory=set)
    servers: list[RpcServer] = field(default_factory=list)
    chats: ChatOwner = field(init=False)

    def __post_init__(self) -> None:
        self.chats = ChatOwner(self)

    async def start(self) -> None:
        """Answers for every service but the gateway."""
        handlers: dict[str, dict[type[Request], Any]] = {
            "chat": {
                CreateBot: self.create_bot,
                GetBot: self.get_bot,
                ListBots: self.list_bots,
                StartTurn: self.start_turn,
                GetTurn: self.get_turn,
                GetChat: self.get_chat,
                ListChats: self.list_chats,
                ListMessages: self.list_messages,
                GiveFeedback: self.give_feedback,
                **self.chats.handlers(),
            },
            "ingest": {
                CreateSource: self.create_source,
                UploadSource: self.upload_source,
                UploadSourceBatch: self.upload_source_batch,
                GetSource: self.get_source,
                ListSources: self.list_sources,
                IngestSource: self.ingest_source,
                UpdateSource: self.update_source,
                DeactivateSource: self.deactivate_source,
                CreateSourceBatch: self.create_source_batch,
                ListChildren: self.list_children,
                IngestChildren: self.ingest_children,
            },
            "webhooks": WebhooksOwner().handlers(),
            "analytics": {},
            "retrieval": {},
        }
        for service, more in gateway_stats.answers(self.bots).items():
            handlers[service] |= more
        for service, models in handlers.items():
            server = RpcServer(self.bus, service)
            for model, handler in models.items():
                server.on(model, self._noting(handler))
            server.on_common("health", self.health)
            server.on_common("events.tail", partial(self.events_tail, service))
            server.on_common("audit.read", partial(self.audit_read, service))
            await server.start()
            self.servers.append(server)

    async def stop(self) -> None:
        """Answers nothing more."""
        for server in self.servers:
            await server.drain(1)
        self.servers.clear()

    def _noting(self, handler: Any) -> Any:
        async def noted(request: Any, context: Context) -> Any:
            self.asked.append((request, context))
            return await handler(request, context)

        return noted

    async def health(self, request: HealthCheck, context: Context) -> HealthReply:
        return HealthReply(status="ok", checks={"database": "ok"})

    def _events(self, service: str, context: Context) -> list[RecordedEvent]:
        if service in self.away:
            raise Unavailable
        return [event for event in self.recorded.get(service, []) if event.tenant_id == context.tenant_id]

    async def events_tail(self, service: str, request: EventsTail, context: Context) -> TailReply:
        events = self._events(service, context)
        head = events[-1].position if events else 0
        if request.after is None:
            older = [
                event.position for event in events if request.since and event.recorded_at < request.since
            ]
            return TailReply(events=[], head=max(older, default=0) if request.since else head, more=True)
        found = [event for event in events if event.position > request.after][: request.limit]
        return TailReply(events=found, head=found[-1].position if found else head, more=False)

    async def audit_read(self, service: str, request: AuditRead, context: Context) -> AuditReply:
        entries = [AuditedEvent(event=e, address="", agent="") for e in self._events(service, context)]
        return AuditReply(entries=entries[::-1], more=False)

    async def create_bot(self, request: CreateBot, context: Context) -> BotRead:
        bot = a_bot(
            context.scope.tenant_id, name=request.name, has_credentials=request.credentials is not None
        )
        self.bots[bot.id] = bot
        return bot

    async def get_bot(self, request: GetBot, context: Context) -> BotRead:
        bot = self.bots.get(request.bot_id)
        if bot is None or bot.tenant_id != context.tenant_id:
            raise NotFound("Bot profile not found")
        return bot

    async def list_bots(self, request: ListBots, context: Context) -> BotList:
        mine = [bot for bot in self.bots.values() if bot.tenant_id == context.tenant_id]
        start = int(request.cursor or 0)
        end = start + min(request.limit, self.bots_of_a_page)
        return BotList(items=mine[start:end], next=str(end) if end < len(mine) else None)

    async def start_turn(self, request: StartTurn, context: Context) -> TurnStarted:
        if request.bot_id not in self.bots:
            raise NotFound("Bot profile not found or inactive")
        if request.message_id in self.started:
            before, reply = self.started[request.message_id]
            if before != request:
                raise CommandReused
            return reply
        reply = TurnStarted(
            chat_id=request.chat_id or uuid4(), message_id=request.message_id, user_message_id=uuid4()
        )
        self.started[request.message_id] = (request, reply)
        self.turns[request.message_id] = TurnRead(
            chat_id=reply.chat_id, message_id=reply.message_id, state="running"
        )
        if self.frames:
            await self.answer(context.scope.tenant_id, reply.message_id)
        return reply

    async def answer(self, tenant_id: UUID, message_id: UUID) -> None:
        """The whole answer: frames as they come, the stored turn before the last of them."""
        frames = self.all_frames(message_id)
        for frame in frames[:-1]:
            await self.bus.publish_frame(tenant_id, message_id, frame)
        self.complete(message_id)
        await self.bus.publish_frame(tenant_id, message_id, frames[-1])

    def all_frames(self, message_id: UUID) -> list[Frame]:
        """Sources, a delta for each piece of the answer, done."""
        turn = an_ended_turn(self.turns[message_id], "".join(self.answers))
        assert turn.message is not None
        assert turn.usage is not None
        done = {
            "chat_id": str(turn.chat_id),
            "message_id": str(message_id),
            "usage": turn.usage.model_dump(mode="json"),
            "message": turn.message.model_dump(mode="json"),
        }
        sources = {"sources": [source.model_dump(mode="json") for source in turn.message.sources]}
        parts: list[tuple[Any, dict[str, Any]]] = [
            ("sources", sources),
            *(("delta", {"content": piece}) for piece in self.answers),
            ("done", done),
        ]
        return [Frame(n=n, attempt=1, event=event, data=data) for n, (event, data) in enumerate(parts)]

    def complete(self, message_id: UUID) -> None:
        """The turn is committed as completed."""
        text = "".join(self.answers)
        self.turns[message_id] = an_ended_turn(self.turns[message_id], text, frames=len(self.answers) + 2)

    def fail(self, message_id: UUID, code: str, detail: str, frames: int) -> None:
        """The turn is committed as failed."""
        turn = self.turns[message_id]
        self.turns[message_id] = turn.model_copy(
            update={"state": "failed", "error_code": code, "error_detail": detail, "frames": frames}
        )

    async def get_turn(self, request: GetTurn, context: Context) -> TurnRead:
        turn = self.turns.get(request.message_id)
        if turn is None or turn.chat_id != request.chat_id:
            raise NotFound("Message not found")
        return turn

    async def get_chat(self, request: GetChat, context: Context) -> ChatRead:
        return a_chat(context.scope.tenant_id, request.chat_id)

    async def list_chats(self, request: ListChats, context: Context) -> ChatList:
        return ChatList(items=[a_chat(context.scope.tenant_id)] * min(request.limit, 2), next=None)

    async def list_messages(self, request: ListMessages, context: Context) -> MessageList:
        return MessageList(items=[a_message(chat_id=request.chat_id)])

    async def give_feedback(self, request: GiveFeedback, context: Context) -> MessageRead:
        message = a_message(request.message_id, chat_id=request.chat_id)
        return message.model_copy(update={"feedback": request.feedback})

    async def create_source(self, request: CreateSource, context: Context) -> SourceRead:
        return a_source(context.scope.tenant_id, name=request.name, source_type=request.source_type)

    async def upload_source(self, request: UploadSource, context: Context) -> SourceRead:
        content = b"".join([piece async for piece in self.bus.get_object(request.object_name)])
        assert hashlib.sha256(content).hexdigest() == request.sha256
        assert len(content) == request.size
        self.uploads[request.filename] = content
        config = {"original_filename": request.filename, "file_size": request.size}
        return a_source(context.scope.tenant_id, name=request.name, source_type="upload", config=config)

    async def upload_source_batch(self, request: UploadSourceBatch, context: Context) -> SourceBatch:
        children = []
        for file, object_name in zip(request.files, request.object_names, strict=True):
            content = b"".join([piece async for piece in self.bus.get_object(object_name)])
            assert (hashlib.sha256(content).hexdigest(), len(content)) == (file.sha256, file.size)
            self.uploads[file.filename] = content
            children.append(
                a_source(context.scope.tenant_id, name=file.filename, parent_id=request.parent_id or new_id())
            )
        parent = a_source(context.scope.tenant_id, name=request.name, children_count=len(children))
        return SourceBatch(parent=parent, children=children)

    async def get_source(self, request: GetSource, context: Context) -> SourceRead:
        raise NotFound("Source not found")

    async def list_sources(self, request: ListSources, context: Context) -> SourceList:
        return SourceList(items=[a_source(context.scope.tenant_id)])

    async def ingest_source(self, request: IngestSource, context: Context) -> IngestAccepted:
        if sum(isinstance(asked, IngestSource) for asked, _ in self.asked) > 1:
            raise Busy
        return IngestAccepted(source_id=request.source_id, version=1)

    async def update_source(self, request: UpdateSource, context: Context) -> SourceRead:
        changed = {key: value for key, value in request.changes.model_dump().items() if key != "content"}
        return a_source(context.scope.tenant_id, id=request.source_id, **changed)

    async def deactivate_source(self, request: DeactivateSource, context: Context) -> Done:
        return Done()

    async def create_source_batch(self, request: CreateSourceBatch, context: Context) -> SourceBatch:
        if not request.children:
            raise NoChildren
        tenant_id = context.scope.tenant_id
        parent = a_source(tenant_id, name=request.name, children_count=len(request.children))
        children = [a_source(tenant_id, name=child.name, parent_id=parent.id) for child in request.children]
        return SourceBatch(parent=parent, children=children)

    async def list_children(self, request: ListChildren, context: Context) -> SourceList:
        return SourceList(items=[a_source(context.scope.tenant_id, parent_id=request.source_id)], next="more")

    async def ingest_children(self, request: IngestChildren, context: Context) -> ChildrenQueued:
        return ChildrenQueued(enqueued=3)


@dataclass
class World:
    """A running gateway with its surroundings."""

    url: str
    client: httpx.AsyncClient
    owners: Owners
    runtime: Runtime

    async def sign_up(self, slug: str | None = None, **fields: str) -> httpx.Response:
        """Creates a tenant."""
        return await self.client.post("/v1/tenants", json=a_sign_up(slug, **fields))

    async def a_client(self) -> httpx.AsyncClient:
        """Somebody with a tenant of their own; the client carries the token."""
        response = await self.sign_up()
        assert response.status_code == 201, response.text
        signed_up = response.json()
        headers = {"Authorization": f"Bearer {signed_up['api_token']}"}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=30)

    async def sign_in(self, email: str, password: str, **fields: str) -> httpx.Response:
        """Logs in."""
        body = {"email": email, "password": password, **fields}
        return await self.client.post("/v1/auth/login", json=body)

    def bearer(self, token: str) -> httpx.AsyncClient:
        """A client that carries this token."""
        return httpx.AsyncClient(base_url=self.url, headers={"Authorization": f"Bearer {token}"}, timeout=30)

    async def a_bot(self, client: httpx.AsyncClient) -> str:
        """A bot of that client's tenant."""
        response = await client.post("/v1/bot-profiles", json={"name": "Helpdesk"})
        assert response.status_code == 201, response.text
        bot_id: str = response.json()["id"]
        return bot_id


def a_sign_up(slug: str | None = None, **fields: str) -> dict[str, str]:
    """The body of a sign-up."""
    return {
        "tenant_name": "Example Ltd",
        "tenant_slug": slug or f"example-{uuid4().hex[:12]}",
        "owner_email": "owner@example.com",
        "owner_password": PASSWORD,
        **fields,
    }


def a_bot(tenant_id: UUID, *, name: str = "Helpdesk", has_credentials: bool = False) -> BotRead:
    """A bot as chat tells of it."""
    return BotRead(
        id=new_id(),
        tenant_id=tenant_id,
        name=name,
        description="",
        model="minirag/extractive",
        embedding_model=None,
        system_prompt="You are a helpful assistant.",
        temperature=0.7,
        max_tokens=1024,
        has_credentials=has_credentials,
        is_active=True,
        created_at=NOON,
        updated_at=NOON,
    )


def a_source(tenant_id: UUID, **fields: Any) -> SourceRead:
    """A source as ingest tells of it."""
    return SourceRead.model_validate(
        {
            "id": new_id(),
            "tenant_id": tenant_id,
            "bot_profile_id": new_id(),
            "parent_id": None,
            "name": "Opening hours",
            "description": "",
            "source_type": "text",
            "status": "pending",
            "config": {},
            "document_count": 0,
            "chunk_count": 0,
            "error_message": None,
            "is_active": True,
            "refresh_schedule": None,
            "last_refreshed_at": None,
            "children_count": 0,
            "created_at": NOON,
            "updated_at": NOON,
        }
        | fields
    )


def a_chat(tenant_id: UUID, chat_id: UUID | None = None) -> ChatRead:
    """A conversation as chat tells of it."""
    return ChatRead(
        id=chat_id or new_id(),
        tenant_id=tenant_id,
        bot_profile_id=new_id(),
        title="When are you open?",
        message_count=2,
        total_prompt_tokens=10,
        total_completion_tokens=5,
        created_at=NOON,
        updated_at=NOON,
    )


def a_message(
    message_id: UUID | None = None, *, chat_id: UUID | None = None, content: str = "From nine."
) -> MessageRead:
    """An answer as stored."""
    citation = CitationRead(n=1, chunk_id=new_id(), source_id=new_id(), content="Open from nine", score=0.9)
    return MessageRead(
        id=message_id or new_id(),
        chat_id=chat_id or new_id(),
        role="assistant",
        content=content,
        prompt_tokens=10,
        completion_tokens=5,
        feedback=None,
        created_at=NOON,
        sources=[citation],
    )


def an_ended_turn(turn: TurnRead, content: str, frames: int = 0) -> TurnRead:
    """The same turn, completed with this text."""
    return turn.model_copy(
        update={
            "state": "completed",
            "message": a_message(turn.message_id, chat_id=turn.chat_id, content=content),
            "usage": UsageRead(
                model="minirag/extractive", prompt_tokens=10, completion_tokens=5, total_tokens=15
            ),
            "frames": frames,
        }
    )
