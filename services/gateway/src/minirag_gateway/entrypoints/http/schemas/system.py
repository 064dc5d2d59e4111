"""How the system is, as clients read it (spec §16). Keys that told of the operator's machines are kept and are null."""

from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

_OPERATORS = "Concerns the operator alone: always null. Kept for old clients."


class Alive(BaseModel):
    """The gateway answers."""

    status: Literal["ok", "degraded"]
    detail: str | None = None


class Part(BaseModel):
    """One part of the system. ``version`` is kept for old clients and says nothing."""

    status: Literal["ok", "error"]
    detail: str | None = None
    version: str | None = None
    latency_ms: float | None = None


class SystemHealth(BaseModel):
    """All parts. ``redis`` is kept for old clients and stands for the bus; ``qdrant`` for the vector index."""

    status: Literal["ok", "degraded"]
    postgres: Part
    qdrant: Part
    redis: Part
    disk: Part
    services: dict[str, Part]


class DbStats(BaseModel):
    """The tenant's figures. Null: the service that knows them does not answer."""

    sources_by_status: dict[str, int] | None = None
    total_chunks: int | None = None
    total_messages: int | None = None
    total_chats: int | None = None
    total_usage_events: int | None = None
    total_prompt_tokens: int | None = None
    total_completion_tokens: int | None = None


class QdrantStats(BaseModel):
    """The tenant's part of the vector index."""

    collection: str | None = Field(default=None, description=_OPERATORS)
    vectors_count: int | None = Field(default=None, description=_OPERATORS)
    points_count: int | None = Field(default=None, description="Chunks that answer now. Null: not known now.")
    segments_count: int | None = Field(default=None, description=_OPERATORS)
    status: str | None = Field(default=None, description=_OPERATORS)
    disk_data_size_mb: float | None = Field(default=None, description=_OPERATORS)
    ram_data_size_mb: float | None = Field(default=None, description=_OPERATORS)


class RedisStats(BaseModel):
    """There is no Redis; the keys are kept for old clients."""

    used_memory_human: str | None = Field(default=None, description=_OPERATORS)
    used_memory_peak_human: str | None = Field(default=None, description=_OPERATORS)
    connected_clients: int | None = Field(default=None, description=_OPERATORS)
    uptime_seconds: int | None = Field(default=None, description=_OPERATORS)
    db_keys: int | None = Field(default=None, description=_OPERATORS)


class BotSourcesRead(BaseModel):
    """A bot and what it was given."""

    bot_profile_id: UUID
    bot_name: str
    model: str
    is_active: bool
    source_count: int
    ready_sources: int
    total_chunks: int


class SystemConfig(BaseModel):
    """How the installation is set up, as far as a tenant may know."""

    database_url: str | None = Field(default=None, description=_OPERATORS)
    redis_url: str | None = Field(default=None, description=_OPERATORS)
    qdrant_url: str | None = Field(default=None, description=_OPERATORS)
    encryption_configured: bool = Field(default=True, description="It does not start without.")
    jwt_configured: bool = Field(default=True, description="It does not start without.")
    jwt_expire_minutes: int | None = None
    default_llm_model: str | None = None
    default_embedding_model: str | None = None
    cors_origins: list[str] | None = Field(default=None, description=_OPERATORS)


class SystemDetails(SystemHealth):
    """All parts, and the tenant's own figures. A part whose service does not answer is null, and ``status`` is degraded."""

    uptime_seconds: float | None = Field(default=None, description=_OPERATORS)
    python_version: str | None = Field(default=None, description=_OPERATORS)
    platform: str | None = Field(default=None, description=_OPERATORS)
    db_stats: DbStats
    qdrant_stats: QdrantStats
    redis_stats: RedisStats
    bot_sources: list[BotSourcesRead] | None = Field(
        description="The newest 1,000 bots, inactive ones included."
    )
    config: SystemConfig
