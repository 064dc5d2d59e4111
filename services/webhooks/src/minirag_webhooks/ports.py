"""What the use cases need from outside."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from minirag_contracts.requests.webhooks import DeliveryDetail, DeliveryList, WebhookList, WebhookRead
from minirag_eventstore import Connection, Transaction

WORK_KIND = "delivery"
"""Kind of the work whose key is a delivery's id."""


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP call to an endpoint."""

    url: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended: the status of the answer, or a sentence why there was none.

    ``final`` means that no later attempt could end otherwise (an address that may not be called).
    """

    status_code: int | None
    error: str | None
    duration_ms: int
    final: bool = False

    @property
    def taken(self) -> bool:
        """Whether the endpoint has it."""
        return self.status_code is not None and 200 <= self.status_code < 300


@dataclass(frozen=True, slots=True)
class Dispatch:
    """A delivery that is due, with all that its call needs."""

    delivery_id: UUID
    webhook_id: UUID
    event: str
    url: str
    secret: str = field(repr=False)
    body: str = field(repr=False)


class Obstacle(StrEnum):
    """Why there is nothing to send; each is the sentence that the tenant reads."""

    GONE = "The webhook was deleted before this could be delivered."
    INACTIVE = "The webhook was deactivated before this could be delivered."
    EXPIRED = "What was to be delivered is no longer kept."
    SETTLED = "The endpoint has it already."


class Sealer(Protocol):
    """Encryption at rest."""

    def seal(self, plain: bytes) -> bytes:
        """Encrypted."""
        ...

    def open(self, sealed: bytes) -> bytes:
        """The inverse of ``seal``."""
        ...


class EndpointRows(Protocol):
    """Rows of endpoints and their secrets, of the transaction's tenant."""

    async def keep_secret(self, tx: Transaction, webhook_id: UUID, secret: str) -> None:
        """Stores the secret, encrypted."""
        ...

    async def replace_secret(self, tx: Transaction, webhook_id: UUID, secret: str) -> None:
        """Signs with another secret from now on."""
        ...

    async def secret(self, tx: Transaction, webhook_id: UUID) -> str | None:
        """What is signed with; None when the endpoint is gone."""
        ...

    async def forget_secret(self, tx: Transaction, webhook_id: UUID) -> None:
        """Deletes the secret."""
        ...

    async def subscribed_to(self, tx: Transaction, event: str) -> list[UUID]:
        """The active endpoints that want to be told of this event."""
        ...

    async def get(self, tx: Transaction, webhook_id: UUID) -> WebhookRead | None:
        """One endpoint, if the tenant has it."""
        ...

    async def lock(self, tx: Transaction) -> None:
        """Until the transaction ends, nobody else makes one."""
        ...

    async def count(self, connection: Connection) -> int:
        """How many there are."""
        ...

    async def page(self, tx: Transaction, limit: int, cursor: str | None) -> WebhookList:
        """Newest first; raises InvalidRequest for a foreign cursor."""
        ...


@dataclass(frozen=True, slots=True)
class Tried:
    """How often a delivery was tried, and how the last call ended."""

    attempts: int
    status_code: int | None
    error: str | None


class DeliveryRows(Protocol):
    """Rows of deliveries: bodies and attempts, of the transaction's tenant."""

    async def keep_body(self, tx: Transaction, delivery_id: UUID, body: str) -> None:
        """Stores what will be sent."""
        ...

    async def renew_body(self, tx: Transaction, delivery_id: UUID) -> bool:
        """Begins the time anew for which the body is kept; False when it is gone."""
        ...

    async def dispatch(
        self, tx: Transaction, delivery_id: UUID, *, even_inactive: bool = False
    ) -> Dispatch | Obstacle:
        """What is to be sent where, or why nothing is."""
        ...

    async def begin_attempt(self, tx: Transaction, delivery_id: UUID) -> int:
        """Notes that a call is about to be made; its number, from 1."""
        ...

    async def end_attempt(self, tx: Transaction, delivery_id: UUID, attempt: int, outcome: Outcome) -> None:
        """Notes how the call ended."""
        ...

    async def tried(self, tx: Transaction, delivery_id: UUID) -> Tried:
        """What was tried so far."""
        ...

    async def hasten(self, tx: Transaction, webhook_id: UUID) -> None:
        """Makes an endpoint's waiting deliveries due now."""
        ...

    async def close_letters(self, tx: Transaction, delivery_id: UUID) -> None:
        """Takes a delivery's dead letters back, since it is at work again."""
        ...


class DeliveryLog(Protocol):
    """What clients read of deliveries, of the transaction's tenant."""

    async def get(self, tx: Transaction, webhook_id: UUID, delivery_id: UUID) -> DeliveryDetail | None:
        """One delivery of an endpoint with its attempts."""
        ...

    async def state(self, tx: Transaction, delivery_id: UUID) -> str | None:
        """Where a delivery stands, for whoever looks often."""
        ...

    async def page(self, tx: Transaction, webhook_id: UUID, limit: int, cursor: str | None) -> DeliveryList:
        """Newest first; raises InvalidRequest for a foreign cursor."""
        ...


class Sender(Protocol):
    """Makes one HTTP call; a failed call is an Outcome, never an exception."""

    def check(self, url: str) -> None:
        """Raises InvalidUrl for what could never be called. Where the name leads to is seen at every call."""
        ...

    async def send(self, call: Call) -> Outcome:
        """Makes the call."""
        ...
