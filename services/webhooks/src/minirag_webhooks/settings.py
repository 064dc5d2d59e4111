"""What the webhooks service is told by its environment."""

from datetime import timedelta
from typing import ClassVar

from minirag_service import ServiceSettings
from pydantic import Field


class Settings(ServiceSettings):
    """Settings of webhooks. With the default delays a delivery is tried nine times within about 25 hours."""

    service: ClassVar[str] = "webhooks"

    webhooks_timeout: timedelta = Field(
        default=timedelta(seconds=10), description="How long an endpoint may take to answer one call."
    )
    webhooks_retry_delays: tuple[timedelta, ...] = Field(
        default=(
            timedelta(seconds=5),
            timedelta(seconds=30),
            timedelta(minutes=2),
            timedelta(minutes=10),
            timedelta(hours=1),
            timedelta(hours=4),
            timedelta(hours=8),
            timedelta(hours=12),
        ),
        description="The waits before the second, third, … call of a delivery; after the last it has failed.",
    )
    webhooks_concurrency: int = Field(
        default=64,
        ge=1,
        description="Calls that may run at once in one process; one tenant's at most a quarter.",
    )
    webhooks_concurrency_per_endpoint: int = Field(
        default=4, ge=1, description="Of these, at one endpoint; one that has just failed gets one at a time."
    )
    webhooks_per_tenant: int = Field(default=50, ge=1, description="Endpoints that one tenant may have.")
    webhooks_keep: timedelta = Field(
        default=timedelta(days=30),
        description="How long bodies and attempts of settled deliveries are kept; without its body none can be repeated.",
    )
    egress_allow: str = Field(
        default="",
        description="Hosts, host:port or networks, comma-separated, that may be called although they are private.",
    )
