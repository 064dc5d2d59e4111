"""What every event model has in common, and the registry of all of them."""

from collections.abc import Callable
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]

REGISTRY: dict[str, type["EventPayload"]] = {}
"""Event type → today's model of it."""

UPCASTERS: dict[tuple[str, int], Upcaster] = {}
"""(type, old schema version) → pure function to the data of the next version."""


class UnknownEventError(LookupError):
    """An event of a type or schema version that this build does not know: a newer writer, or a missing upcaster."""


class Value(BaseModel):
    """A part of an event's data that is no event itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class EventPayload(BaseModel):
    """The data of one event: ids, figures, states and hashes; never text of people, never secrets."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: ClassVar[str]
    owner: ClassVar[str]
    schema_version: ClassVar[int] = 1
    internal: ClassVar[frozenset[str]] = frozenset()
    """Fields that are for the owner alone: hashes of credentials. No tenant is shown them."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "type" in cls.__dict__:
            if cls.type in REGISTRY:
                raise ValueError(f"two models for the event type {cls.type}")
            REGISTRY[cls.type] = cls


def upcaster(event_type: str, from_version: int) -> Callable[[Upcaster], Upcaster]:
    """Declares the pure step from one published schema version to the next."""

    def declare(step: Upcaster) -> Upcaster:
        UPCASTERS[event_type, from_version] = step
        return step

    return declare


def upcast(event_type: str, schema_version: int, data: dict[str, Any], current: int) -> dict[str, Any]:
    """Data of an old schema version, step by step in today's shape; raises UnknownEventError where a step is missing."""
    for version in range(schema_version, current):
        step = UPCASTERS.get((event_type, version))
        if step is None:
            raise UnknownEventError(f"{event_type} has no upcaster from version {version}")
        data = step(data)
    return data


def parse_payload(event_type: str, schema_version: int, data: dict[str, Any]) -> EventPayload:
    """Recorded data as today's model. Fields that this build does not know are a newer version's, and are left aside."""
    model = REGISTRY.get(event_type)
    if model is None or schema_version > model.schema_version:
        raise UnknownEventError(f"{event_type} version {schema_version} is not known to this build")
    current = upcast(event_type, schema_version, data, model.schema_version)
    return model.model_validate(current, extra="ignore")
