"""What the gateway is told by its environment."""

from datetime import timedelta
from typing import Annotated, Any, ClassVar

from minirag_service import ServiceSettings
from pydantic import AliasChoices, BeforeValidator, Field


def _plain_seconds(value: Any) -> Any:
    """A bare number in the environment means seconds."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


Duration = Annotated[timedelta, BeforeValidator(_plain_seconds)]
"""Seconds as a number, or ISO 8601 (``PT15S``)."""


class Settings(ServiceSettings):
    """Settings of the gateway. Times are durations (seconds or ISO 8601), sizes are bytes."""

    service: ClassVar[str] = "gateway"

    host: str = Field(
        default="127.0.0.1", description="Address to listen on, unless a socket is handed over."
    )
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on; 0 picks a free one.")
    http_fd: int | None = Field(
        default=None, description="A listening socket inherited from the supervisor, which outlives restarts."
    )
    allowed_origins: str = Field(
        default="*",
        validation_alias=AliasChoices("ALLOWED_ORIGINS", "MINIRAG_ALLOWED_ORIGINS", "allowed_origins"),
        description="Comma list of the web origins that may call the API from a page; never with cookies.",
    )
    identity_patience: Duration = Field(
        default=timedelta(milliseconds=750),
        description="How long identities are believed without a beat of the identity feed; then Postgres is asked.",
    )
    identity_beat: Duration = Field(
        default=timedelta(milliseconds=250), description="How often the leading gateway sends that beat."
    )
    jwt_expire_minutes: int = Field(
        default=60,
        ge=1,
        le=1440,
        validation_alias=AliasChoices(
            "JWT_EXPIRE_MINUTES", "MINIRAG_JWT_EXPIRE_MINUTES", "jwt_expire_minutes"
        ),
        description="Minutes that the JWT of a login is good for; it is exchanged for the next by the refresh token.",
    )
    session_lifetime: Duration = Field(
        default=timedelta(days=14),
        description="How long a login can be refreshed before the password is asked again.",
    )
    reset_lifetime: Duration = Field(
        default=timedelta(hours=24), description="How long an administrator's password reset is good for."
    )
    visitor_lifetime: Duration = Field(
        default=timedelta(days=30),
        description="How long a web page's visitor who comes back is the same visitor.",
    )
    principal_cache_size: int = Field(
        default=10_000, ge=1, description="How many tokens, known or unknown, are remembered at a time."
    )
    token_use_interval: Duration = Field(
        default=timedelta(seconds=30), description="How often `last_used_at` of the used tokens is written."
    )
    password_concurrency: int = Field(
        default=2, ge=1, description="How many passwords are hashed at a time (19 MiB each); the others wait."
    )
    request_timeout: Duration = Field(
        default=timedelta(seconds=10), description="How long a service may take to answer a request."
    )
    upload_timeout: Duration = Field(
        default=timedelta(seconds=30), description="How long ingest may take to take over an upload."
    )
    turn_wait: Duration = Field(
        default=timedelta(minutes=10),
        description="How long a client may wait for an answer on one connection.",
    )
    turn_quiet: Duration = Field(
        default=timedelta(seconds=3), description="After how much silence the state of a turn is asked for."
    )
    heartbeat: Duration = Field(
        default=timedelta(seconds=15), description="After how much silence a stream carries a comment."
    )
    drain: Duration = Field(
        default=timedelta(seconds=5),
        description="How long running responses may take when the process stops.",
    )
    json_body_limit: int = Field(default=1024 * 1024, ge=1024, description="Largest JSON body.")
    source_body_limit: int = Field(
        default=10 * 1024 * 1024,
        ge=1024,
        description="Largest JSON body of a source, whose text may be long.",
    )
    access_log: bool = Field(
        default=True, description="Log one line per request: route and figures, no texts."
    )

    @property
    def origins(self) -> list[str]:
        """The allowed web origins; ``*`` for any."""
        return [origin.strip() for origin in self.allowed_origins.split(",") if origin.strip()]
