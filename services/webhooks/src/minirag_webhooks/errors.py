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


class TooManyWebhooks(WebhooksRefusal):
    """You have as many webhooks as are allowed: delete one first."""

    status: ClassVar[int] = HTTPStatus.CONFLICT
    code: ClassVar[str] = "too_many_webhooks"


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


class TwoSecrets(WebhooksRefusal):
    """Give either a secret or rotate_secret, not both."""

    code: ClassVar[str] = "two_secrets"


class TooManyTests(WebhooksRefusal):
    """Other tests of your webhooks are still running. Please try again when they have ended."""

    status: ClassVar[int] = HTTPStatus.CONFLICT
    code: ClassVar[str] = "tests_running"


class DeliveryNotFound(WebhooksRefusal):
    """Delivery not found"""

    status: ClassVar[int] = HTTPStatus.NOT_FOUND
    code: ClassVar[str] = "not_found"


class DeliveryStillScheduled(WebhooksRefusal):
    """This delivery is still scheduled: it can be repeated once it has succeeded or failed."""

    status: ClassVar[int] = HTTPStatus.CONFLICT
    code: ClassVar[str] = "delivery_scheduled"


class DeliveryExpired(WebhooksRefusal):
    """What this delivery said is no longer kept, so it cannot be delivered again."""

    status: ClassVar[int] = HTTPStatus.CONFLICT
    code: ClassVar[str] = "delivery_expired"


class WebhookInactive(WebhooksRefusal):
    """This webhook is not active: activate it first."""

    status: ClassVar[int] = HTTPStatus.CONFLICT
    code: ClassVar[str] = "webhook_inactive"
