"""Limits, as clients read them."""

from pydantic import BaseModel, Field


class LimitRead(BaseModel):
    """One limit. ``token-requests`` is about the credential that asks, all others are about its tenant."""

    name: str = Field(examples=["tenant-requests", "sources"])
    limit: int | None = Field(description="So many are possible; 0: unlimited. Null: not known now.")
    used: int | None = Field(
        default=None,
        description="So many of them are used. Null: not counted, since unlimited, or not known now.",
    )
    window_seconds: int | None = Field(
        default=None, description="Within so many seconds. Null: at a time, however long."
    )
    reset_seconds: int | None = Field(default=None, description="Seconds until the window ends.")
