"""Webhooks, as clients send them (spec §13)."""

from typing import get_args

from minirag_contracts.events.webhooks import WebhookEvent
from minirag_contracts.requests.webhooks import CreateWebhook
from pydantic import Field, SecretStr

from minirag_gateway.entrypoints.http.bodies import Body
from minirag_gateway.errors import InvalidEventType

VALID_EVENTS: list[str] = sorted(get_args(WebhookEvent))


class WebhookCreate(Body):
    """A new endpoint; without ``secret`` one is made and shown once."""

    url: str = Field(min_length=1, max_length=2048, examples=["https://example.com/hooks/minirag"])
    events: list[str] = Field(
        max_length=100,
        examples=[["chat.message"]],
        json_schema_extra={"items": {"type": "string", "enum": [*VALID_EVENTS]}},  # checked by ``request``
    )
    description: str = Field(default="", max_length=500)
    secret: SecretStr | None = None

    def request(self) -> CreateWebhook:
        """What webhooks is asked; raises InvalidEventType in the words of spec §13."""
        for event in self.events:
            if event not in VALID_EVENTS:
                raise InvalidEventType(f"Invalid event type: {event[:100]}. Valid: {VALID_EVENTS}")
        return CreateWebhook.model_validate(
            {
                "url": self.url,
                "events": self.events,
                "description": self.description,
                "secret": self.secret.get_secret_value() if self.secret else None,
            }
        )
