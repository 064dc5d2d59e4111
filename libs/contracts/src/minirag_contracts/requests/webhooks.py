"""What may be asked of webhooks: endpoints."""

from datetime import datetime
from typing import ClassVar
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
