"""What every request model has in common."""

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

REQUESTS: dict[str, type["Request"]] = {}
"""``<service>.<verb>`` → the model of that request."""


class Reply(BaseModel):
    """An answer to a request. Unknown fields are ignored, so that a newer service may say more."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        json_schema_serialization_defaults_required=True,  # a reply is always sent whole
    )

    holds_secret: ClassVar[bool] = False
    """Whether it holds a one-time secret: then it is stored encrypted, for repeated commands, a day at most."""


class Request(BaseModel):
    """A question or command to the service ``service``, sent on ``rpc.<service>.<verb>``.

    ``Returns`` is the model of the answer. Tenant, actor, deadline and command id travel in headers, never in here.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    service: ClassVar[str]
    verb: ClassVar[str]
    Returns: ClassVar[type[Reply]]
    transport_fields: ClassVar[frozenset[str]] = frozenset()
    """Fields that may differ when the same command is sent again."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "verb" in cls.__dict__ and hasattr(cls, "service"):
            key = f"{cls.service}.{cls.verb}"
            if key in REQUESTS:
                raise ValueError(f"two models for the request {key}")
            REQUESTS[key] = cls

    @classmethod
    def subject(cls) -> str:
        """Where the owner listens."""
        return f"rpc.{cls.service}.{cls.verb}"


class Done(Reply):
    """The command was carried out; there is nothing more to say."""


class Page(BaseModel):
    """The part of a list that is asked for: at most ``limit`` rows after ``cursor`` (opaque, from the reply before)."""

    limit: int = 1000
    cursor: str | None = None
