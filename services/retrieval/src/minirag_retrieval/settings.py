"""What retrieval is told by its environment."""

from pathlib import Path
from typing import ClassVar, Literal, Self

from minirag_service import ServiceSettings
from pydantic import AliasChoices, Field, SecretStr, model_validator


class Settings(ServiceSettings):
    """Settings of retrieval: where the vectors and the embedding model are."""

    service: ClassVar[str] = "retrieval"

    vectors_socket: Path | None = Field(
        default=None, description="Unix socket of the embedded vector engine; not used with QDRANT_URL."
    )
    qdrant_url: str | None = Field(
        default=None,
        validation_alias=AliasChoices("QDRANT_URL", "qdrant_url"),
        description="A Qdrant server in place of the embedded engine.",
    )
    qdrant_api_key: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("QDRANT_API_KEY", "qdrant_api_key"),
        description="Its API key, if it wants one.",
    )
    qdrant_replication: int = Field(
        default=1,
        ge=1,
        le=16,
        description="On how many nodes of a Qdrant cluster each vector is kept, as of the collection's creation:"
        " of 3, one may be away.",
    )
    model_dir: Path | None = Field(
        default=None,
        description="Folder of the embedding model's generated files; made there if it is empty."
        " The default lies in the environment that the package is installed in.",
    )
    retrieval_embedder: Literal["minilm", "hash"] = Field(
        default="minilm",
        description="`hash` is for measuring only: vectors that cost nothing and mean nothing; searches then find by words.",
    )
    retrieval_bulk_threads: int | None = Field(
        default=None,
        ge=1,
        description="Threads that embed chunks, at a low priority; one for each core by default.",
    )

    @model_validator(mode="after")
    def _has_an_engine(self) -> Self:
        if self.vectors_socket is None and not self.qdrant_url:
            raise ValueError("either MINIRAG_VECTORS_SOCKET or QDRANT_URL must be set")
        return self
