"""Projections: rows folded from events, and nothing else."""

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, TypeVar

from minirag_contracts.envelope import Envelope
from minirag_contracts.events import EventPayload

Handler = Callable[..., Awaitable[None]]
H = TypeVar("H", bound=Handler)


def on(model: type[EventPayload]) -> Callable[[H], H]:
    """Marks the method that applies one event type: ``async (self, connection, event, payload)``."""

    def mark(method: H) -> H:
        method.__minirag_event__ = model.type  # type: ignore[attr-defined]
        return method

    return mark


class Projection:
    """Folds the events of one owner into tables.

    A projection of the service's own events is applied in the transaction that appends them; one of another service's
    events is fed by a projector. Either way it may use only the event: ``event.recorded_at`` is its clock. Tables are
    named without their schema, so that a rebuild can put temporary twins in front of them.
    """

    name: ClassVar[str]
    tables: ClassVar[tuple[str, ...]]
    owner: ClassVar[str]
    patterns: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        self._handlers: dict[str, Handler] = {
            attribute.__minirag_event__: getattr(self, name)
            for name, attribute in vars(type(self)).items()
            if hasattr(attribute, "__minirag_event__")
        }

    @property
    def types(self) -> frozenset[str]:
        """The event types that change this projection."""
        return frozenset(self._handlers)

    async def apply(self, connection: Any, event: Envelope) -> None:
        """Applies one event; events of other types change nothing."""
        handler = self._handlers.get(event.type)
        if handler is not None:
            await handler(connection, event, event.payload)
