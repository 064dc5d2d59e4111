"""Webhooks, as clients send them (spec §13)."""

from typing import Any, get_args
from uuid import UUID

from minirag_contracts.events.webhooks import WebhookEvent
from minirag_contracts.requests.webhooks import CreateWebhook, UpdateWebhook
from pydantic import ConfigDict, Field, SecretStr

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
        _check_events(self.events)
        return CreateWebhook.model_validate(
            {
                "url": self.url,
                "events": self.events,
                "description": self.description,
                "secret": self.secret.get_secret_value() if self.secret else None,
            }
        )


def _without_defaults(schema: dict[str, Any]) -> None:
    """A field that is left out is left as it is, which no default value could say."""
    for described in schema["properties"].values():
        described.pop("default", None)


class WebhookUpdate(Body):
    """What is to change; whatever is left out stays as it is."""

    model_config = ConfigDict(json_schema_extra=_without_defaults)

    url: str = Field(
        default="", min_length=1, max_length=2048, examples=["https://example.com/hooks/minirag"]
    )
    events: list[str] = Field(default=[], max_length=100, examples=[["chat.message"]])
    description: str = Field(default="", max_length=500)
    is_active: bool = Field(default=True, description="Inactive endpoints are told nothing.")
    secret: SecretStr = Field(default=SecretStr(""), description="Signs every call from now on.")
    rotate_secret: bool = Field(default=False, description="Makes a new secret, shown once in the answer.")

    def request(self, webhook_id: UUID) -> UpdateWebhook:
        """What webhooks is asked; raises InvalidEventType in the words of spec §13."""
        _check_events(self.events)
        changes = self.model_dump(include=self.model_fields_set)
        if "secret" in changes:
            changes["secret"] = self.secret.get_secret_value()
        return UpdateWebhook(webhook_id=webhook_id, **changes)


def _check_events(events: list[str]) -> None:
    for event in events:
        if event not in VALID_EVENTS:
            raise InvalidEventType(f"Invalid event type: {event[:100]}. Valid: {VALID_EVENTS}")
