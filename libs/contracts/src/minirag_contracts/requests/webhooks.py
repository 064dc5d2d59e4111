"""What may be asked of webhooks: endpoints and the log of their deliveries."""

from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from minirag_contracts.events.webhooks import WebhookEvent
from minirag_contracts.requests.base import Done, Page, Reply, Request


class WebhooksRequest(Request):
    """Anything asked of webhooks."""

    service: ClassVar[str] = "webhooks"


class WebhookRead(Reply):
    """An endpoint as clients see it (spec §13)."""

    id: UUID
    tenant_id: UUID
    url: str
    events: list[WebhookEvent]
    is_active: bool
    description: str
    has_secret: bool
    created_at: datetime
    updated_at: datetime


class WebhookCreatedReply(WebhookRead):
    """The endpoint, with its secret for the one time that it is shown."""

    holds_secret: ClassVar[bool] = True

    secret: str = Field(repr=False)


class CreateWebhook(WebhooksRequest):
    """Tell ``url`` of the named events; a secret is made if none is given."""

    verb: ClassVar[str] = "endpoints.create"
    Returns: ClassVar[type[Reply]] = WebhookCreatedReply

    url: str
    events: list[WebhookEvent]
    description: str = ""
    secret: str | None = Field(default=None, repr=False)


class WebhookLimits(Reply):
    """How many endpoints the tenant has and may have."""

    endpoints: int
    max_endpoints: int


class GetWebhookLimits(WebhooksRequest):
    """The limit of webhooks that is about a tenant, and how far it has come."""

    verb: ClassVar[str] = "endpoints.limits"
    Returns: ClassVar[type[Reply]] = WebhookLimits


class GetWebhook(WebhooksRequest):
    """One endpoint."""

    verb: ClassVar[str] = "endpoints.get"
    Returns: ClassVar[type[Reply]] = WebhookRead

    webhook_id: UUID


class WebhookList(Reply):
    """Newest first."""

    items: list[WebhookRead]
    next: str | None = None


class ListWebhooks(WebhooksRequest, Page):
    """The tenant's endpoints."""

    verb: ClassVar[str] = "endpoints.list"
    Returns: ClassVar[type[Reply]] = WebhookList


class DeleteWebhook(WebhooksRequest):
    """Tell this endpoint nothing more."""

    verb: ClassVar[str] = "endpoints.delete"
    Returns: ClassVar[type[Reply]] = Done

    webhook_id: UUID


class WebhookUpdatedReply(WebhookRead):
    """The endpoint; its secret only if this request changed it, for the one time that it is shown."""

    holds_secret: ClassVar[bool] = True

    secret: str | None = Field(default=None, repr=False)


class UpdateWebhook(WebhooksRequest):
    """Changes what is given. ``secret`` is signed with from now on; ``rotate_secret`` makes one."""

    verb: ClassVar[str] = "endpoints.update"
    Returns: ClassVar[type[Reply]] = WebhookUpdatedReply

    webhook_id: UUID
    url: str | None = None
    events: list[WebhookEvent] | None = None
    description: str | None = None
    is_active: bool | None = None
    secret: str | None = Field(default=None, repr=False)
    rotate_secret: bool = False


class WebhookTested(Reply):
    """Whether the endpoint took the test call; no ``status_code`` when it did not answer."""

    success: bool
    status_code: int | None


class PingWebhook(WebhooksRequest):
    """One call of the event ``test.ping``, now."""

    verb: ClassVar[str] = "endpoints.test"
    Returns: ClassVar[type[Reply]] = WebhookTested

    webhook_id: UUID


class DeliveryRead(Reply):
    """One event told to one endpoint, as clients see it."""

    id: UUID = Field(description="Sent as `webhook-id`, the same at every attempt.")
    webhook_id: UUID
    event: str
    cause_id: UUID = Field(description="The event that is told, or the request for a test.")
    state: Literal["scheduled", "succeeded", "failed"]
    attempts: int = Field(description="Calls so far, those before a redelivery included.")
    status_code: int | None = Field(description="Of the last answer.")
    reason: str | None = Field(description="Why it failed, as a sentence.")
    scheduled_at: datetime
    next_attempt_at: datetime | None = Field(description="Null once it is settled.")
    settled_at: datetime | None
    expired: bool = Field(description="Body and attempts are no longer kept: it cannot be delivered again.")


class AttemptRead(Reply):
    """One call. Without status and error: it runs, or the process died during it."""

    attempt: int
    started_at: datetime
    status_code: int | None
    error: str | None
    duration_ms: int | None


class DeliveryDetail(DeliveryRead):
    """A delivery with its calls, the first first."""

    attempt_log: list[AttemptRead]


class DeliveryList(Reply):
    """Newest first."""

    items: list[DeliveryRead]
    next: str | None = None


class ListDeliveries(WebhooksRequest, Page):
    """An endpoint's deliveries."""

    verb: ClassVar[str] = "deliveries.list"
    Returns: ClassVar[type[Reply]] = DeliveryList

    webhook_id: UUID


class GetDelivery(WebhooksRequest):
    """One delivery of an endpoint."""

    verb: ClassVar[str] = "deliveries.get"
    Returns: ClassVar[type[Reply]] = DeliveryDetail

    webhook_id: UUID
    delivery_id: UUID


class Redeliver(WebhooksRequest):
    """The same delivery with the same body in a new run of attempts."""

    verb: ClassVar[str] = "deliveries.redeliver"
    Returns: ClassVar[type[Reply]] = DeliveryRead

    webhook_id: UUID
    delivery_id: UUID
