"""What every service is told by its environment; each service adds its own fields."""

import base64
import binascii
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator

from minirag_service.secret_files import EnvironmentSettings

MIN_PASSWORD = 16
MIN_DISTINCT_BYTES = 10


def _plain_seconds(value: Any) -> Any:
    """A bare number in the environment means seconds."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


Duration = Annotated[timedelta, BeforeValidator(_plain_seconds)]
"""Seconds as a number, or ISO 8601 (``PT15S``)."""


class ServiceSettings(EnvironmentSettings):
    """Common settings. A missing or weak secret refuses to start, with a sentence that names the variable."""

    service: ClassVar[str]

    mode: Literal["embedded", "server"] = Field(
        default="server", description="`embedded` is the one-command stack, which makes its own secrets."
    )
    nats_url: str = Field(default="nats://127.0.0.1:4222", description="Where NATS with JetStream listens.")
    nats_user: str = Field(
        default="",
        description="This service's user on the bus; with a password, the service's name by default.",
    )
    nats_password: SecretStr = Field(default=SecretStr(""), description="Its password.")
    database_url: SecretStr = Field(
        description="Postgres, as the role `<service>`: sees one tenant at a time."
    )
    database_system_url: SecretStr = Field(description="Postgres, as the role `<service>_system`.")
    database_pool: int = Field(default=10, ge=2, description="Most connections of the tenant role.")
    secret_key: SecretStr = Field(
        description="Encrypts secrets at rest: Fernet keys (32 bytes, URL-safe base64) by commas: the first seals, all open."
    )
    data_dir: Path | None = Field(default=None, description="The data folder, watched for free space.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="How much is logged."
    )

    drain: Duration = Field(
        default=timedelta(seconds=8),
        ge=timedelta(seconds=1),
        description="How long what runs may take when the process was asked to stop soon (SIGTERM). Then it is given back, which "
        "takes a moment more: whoever kills the process has to wait for longer.",
    )

    operations_host: str = Field(
        default="127.0.0.1",
        description="On which address the operations port listens; `::` is every one, of IPv4 and IPv6.",
    )
    operations_port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description="Where `/live`, `/ready` and `/metrics` are; without it there are none. `minirag up` gives each service "
        "a port of its own, from this one on in tens.",
    )

    @field_validator("secret_key")
    @classmethod
    def _strong_keys(cls, value: SecretStr) -> SecretStr:
        keys = [key for key in value.get_secret_value().split(",") if key]
        if not keys:
            raise ValueError("MINIRAG_SECRET_KEY is missing")
        for key in keys:
            try:
                raw = base64.urlsafe_b64decode(key)
            except (binascii.Error, ValueError):
                raise ValueError("MINIRAG_SECRET_KEY is not URL-safe base64") from None
            if len(raw) != 32 or len(set(raw)) < MIN_DISTINCT_BYTES:
                raise ValueError("MINIRAG_SECRET_KEY is weak: it must be 32 random bytes")
        return value

    @model_validator(mode="after")
    def _strong_password(self) -> Self:
        if self.mode != "embedded" and len(self.nats_password.get_secret_value()) < MIN_PASSWORD:
            raise ValueError(f"MINIRAG_NATS_PASSWORD must have at least {MIN_PASSWORD} characters")
        return self

    @model_validator(mode="after")
    def _user_of_the_password(self) -> Self:
        if not self.nats_user and self.nats_password.get_secret_value():
            self.nats_user = self.service
        return self

    @property
    def secret_keys(self) -> list[str]:
        """The Fernet keys: the first seals, all open."""
        return [key for key in self.secret_key.get_secret_value().split(",") if key]
