"""What the ingest service is told by its environment."""

from datetime import timedelta
from typing import ClassVar

from minirag_service import ServiceSettings
from pydantic import Field


class Settings(ServiceSettings):
    """Settings of ingest. With the default delays a page that does not answer is asked four times within a minute."""

    service: ClassVar[str] = "ingest"

    egress_allow: str = Field(
        default="",
        description="Hosts, host:port or networks, comma-separated, that may be fetched from although they are private.",
    )
    ingest_concurrency: int = Field(
        default=8, ge=1, le=64, description="Sources that one process ingests at a time."
    )
    ingest_tenant_share: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="The part of them that may be one tenant's. The rest is kept for others, so that a bulk load does not make"
        " them wait for the end of a long document.",
    )
    ingest_max_sources: int = Field(
        default=100_000, ge=1, description="Active sources that one tenant may have; children count too."
    )
    ingest_max_queued: int = Field(
        default=50_000, ge=1, description="Ingestions of one tenant that may wait or run at a time."
    )
    ingest_crawls: int = Field(
        default=8, ge=1, le=64, description="Sites that one process looks through at a time."
    )
    ingest_retry_delays: tuple[timedelta, ...] = Field(
        default=(timedelta(seconds=2), timedelta(seconds=8), timedelta(seconds=30)),
        description="The waits before the second, third, … attempt at a version; after the last it has failed.",
    )
    ingest_lease: timedelta = Field(
        default=timedelta(seconds=10),
        description="After so long without a sign of life another process takes up an ingestion.",
    )
    ingest_fetch_timeout: timedelta = Field(
        default=timedelta(seconds=30), description="How long a URL may take, redirects included."
    )
    ingest_stage_deadline: timedelta = Field(
        default=timedelta(seconds=60), description="How long retrieval may take for one batch of chunks."
    )
    ingest_extraction_workers: int = Field(
        default=3,
        ge=1,
        le=16,
        description="Processes that read files and pages; they end when idle. One tenant's documents leave one of them free.",
    )
    ingest_extraction_timeout: timedelta = Field(
        default=timedelta(seconds=60),
        description="How long reading one file or page may go without any work being done on it.",
    )
    ingest_extraction_cpu: timedelta = Field(
        default=timedelta(seconds=5),
        ge=timedelta(seconds=1),
        description="How much processor time reading one file or page may take.",
    )
    ingest_extraction_memory: int = Field(
        default=512, ge=256, description="Megabytes of address space that reading one file or page may take."
    )
    archive_limit: int = Field(
        default=100 * 1024 * 1024,
        ge=1024 * 1024,
        le=512 * 1024 * 1024,
        description="Bytes of an uploaded archive (.zip), at most. The gateway and ingest have to agree on it.",
    )
