"""What this service refuses. Status and code live in the class, the docstring is the default message."""

from http import HTTPStatus
from typing import ClassVar

from minirag_contracts.errors import Refusal


class WebhooksRefusal(Refusal):
    """The webhook request was refused."""

    code: ClassVar[str] = "webhooks_refused"


class WebhookNotFound(WebhooksRefusal):
    """Webhook not found"""

    status: ClassVar[int] = HTTPStatus.NOT_FOUND
    code: ClassVar[str] = "not_found"


class InvalidUrl(WebhooksRefusal):
    """The URL of a webhook must be http or https, with a host and without credentials."""

    code: ClassVar[str] = "invalid_webhook_url"


class InvalidEventType(WebhooksRefusal):
    """There is no such event to subscribe to."""

    code: ClassVar[str] = "invalid_event_type"


class InvalidSecret(WebhooksRefusal):
    """The secret cannot be used to sign."""

    code: ClassVar[str] = "invalid_webhook_secret"


class InvalidDescription(WebhooksRefusal):
    """The description may have at most 500 characters."""

    code: ClassVar[str] = "invalid_description"


class DeliveryRejected(WebhooksRefusal):
    """The endpoint did not take a delivery this time; it is tried again later."""

    code: ClassVar[str] = "delivery_rejected"
