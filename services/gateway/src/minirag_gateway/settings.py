"""What the gateway is told by its environment."""

from datetime import timedelta
from ipaddress import ip_network
from typing import ClassVar, Literal

from minirag_service import ServiceSettings
from minirag_service.settings import Duration
from pydantic import AliasChoices, Field, field_validator

from minirag_gateway.domain.tenant import SignupMode


def listed(value: str) -> list[str]:
    """The parts of a comma list."""
    return [part.strip() for part in value.split(",") if part.strip()]


class Settings(ServiceSettings):
    """Settings of the gateway. Times are durations (seconds or ISO 8601), sizes are bytes."""

    service: ClassVar[str] = "gateway"

    host: str = Field(
        default="127.0.0.1",
        description="Address to listen on, unless a socket is handed over; `::` is every one, of IPv4 and IPv6.",
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
    signup: SignupMode | None = Field(
        default=None,
        description="Who may sign up: anybody, whoever brings an invite (`minirag invite`), or nobody. "
        "Unless it is set: `open` in the one-command stack, `closed` elsewhere.",
    )
    trusted_proxies: str = Field(
        default="",
        description="Comma list of the networks of reverse proxies. The client's address is read from their header, and from "
        "X-Forwarded-Proto (or Forwarded) whether it came by https; from anybody else it is the address that connects.",
    )
    proxy_header: Literal["x-forwarded-for", "forwarded"] = Field(
        default="x-forwarded-for",
        description="The header in which trusted proxies name the client; the other one is not read.",
    )
    limit_connections: int = Field(
        default=5000,
        ge=0,
        description="Connections that one gateway has at a time, idle ones and streams among them; beyond it the answer "
        "is 503; 0 is unlimited.",
    )
    limit_token_requests: int = Field(
        default=600, ge=0, description="Requests a minute with one token, session or visitor; 0 is unlimited."
    )
    limit_tenant_requests: int = Field(
        default=3000, ge=0, description="Requests a minute of one tenant; 0 is unlimited."
    )
    limit_streams: int = Field(
        default=50,
        ge=0,
        description="Streams and awaited answers that one tenant has open at a time; 0 is unlimited.",
    )
    limit_upload_bytes: int = Field(
        default=2 * 1024**3, ge=0, description="Bytes an hour that one tenant uploads; 0 is unlimited."
    )
    limit_crawl_previews: int = Field(
        default=20,
        ge=0,
        description="Looks at sites (POST /v1/sources/crawl-preview) of one tenant a minute; 0 is unlimited.",
    )
    limit_passwords: int = Field(
        default=60,
        ge=0,
        description="Passwords that administrators of one tenant may set a minute; 0 is unlimited.",
    )
    limit_key_requests: int = Field(
        default=1500, ge=0, description="Requests a minute of all visitors of one embed key; 0 is unlimited."
    )
    limit_logins: int = Field(
        default=20, ge=0, description="Logins a minute from one address; 0 is unlimited."
    )
    limit_account_logins: int = Field(
        default=10,
        ge=0,
        description="Logins a minute to one account from one address; 0 is unlimited.",
    )
    limit_signups: int = Field(
        default=20, ge=0, description="Sign-ups an hour from one address (IPv6: one /64); 0 is unlimited."
    )
    limit_public_posts: int = Field(
        default=60,
        ge=0,
        description="Other unauthenticated POSTs a minute from one address, each route for itself; 0 is unlimited.",
    )
    limit_public_gets: int = Field(
        default=120,
        ge=0,
        description="Looks at the public health of the whole system a minute from one address; 0 is unlimited.",
    )
    limit_failed_authentications: int = Field(
        default=60, ge=0, description="Refused credentials a minute from one address; 0 is unlimited."
    )
    password_waiting: int = Field(
        default=64,
        ge=0,
        description="How many passwords may wait to be hashed; beyond it the answer is 503.",
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
    keep_alive: Duration = Field(
        default=timedelta(seconds=75),
        description="How long a connection without a request is kept. It has to be longer than whoever asks keeps it, a proxy "
        "(60 s) or a program's library (5 to 15 s), which else sends a request on one that is just being closed.",
    )
    body_timeout: Duration = Field(
        default=timedelta(seconds=60), description="How long a JSON body may take to arrive."
    )
    archive_limit: int = Field(
        default=100 * 1024 * 1024,
        ge=1024 * 1024,
        le=512 * 1024 * 1024,
        description="Bytes of an uploaded archive (.zip), at most. The gateway and ingest have to agree on it.",
    )
    resumable_uploads: int = Field(
        default=50, ge=1, description="Unfinished resumable uploads that one tenant may have."
    )
    resumable_lifetime: Duration = Field(
        default=timedelta(days=1), description="How long a resumable upload is kept after its last byte came."
    )
    upload_body_timeout: Duration = Field(
        default=timedelta(minutes=10), description="How long an uploaded file may take to arrive."
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

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: str) -> str:
        for network in listed(value):
            try:
                ip_network(network)
            except ValueError:
                raise ValueError(f"MINIRAG_TRUSTED_PROXIES: {network!r} is no network") from None
        return value

    @property
    def signup_mode(self) -> SignupMode:
        """Who may sign up."""
        return self.signup or ("open" if self.mode == "embedded" else "closed")

    @property
    def idle_seconds(self) -> int:
        """How long a connection without a request is kept."""
        return max(1, round(self.keep_alive.total_seconds()))

    @property
    def origins(self) -> list[str]:
        """The allowed web origins; ``*`` for any."""
        return listed(self.allowed_origins)
