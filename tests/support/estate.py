"""A tenant with one of everything that the API can make, each thing carrying a marker that nobody else may ever see.

It is made generically: each collection's POST is sent the document's example, so that a new resource belongs to it
as soon as it has a route. What needs more than one request (an answered question) is made by hand.
"""

import asyncio
import contextlib
import secrets
from dataclasses import dataclass, field
from typing import Any

from api import Tenant
from operations import BY_ROUTE, OPERATIONS, Operation

FACTS = "The oldest piece is a tower clock from 1531 that was built by the locksmith {marker}."


@dataclass(slots=True)
class Estate:
    """``ids`` has an id for each parameter that a path has; ``secrets`` are words and ids of this tenant alone."""

    tenant: Tenant
    marker: str
    ids: dict[str, str] = field(default_factory=dict)
    secrets: set[str] = field(default_factory=set)

    @classmethod
    async def build(cls, http: Any) -> "Estate":
        """Signs a tenant up and fills it."""
        marker = f"Zq{secrets.token_hex(6)}"
        estate = cls(await Tenant.sign_up(http, marker), marker)
        estate.secrets |= {marker.lower(), estate.tenant.id, estate.tenant.token}
        estate.ids["webhook_id"] = str(await estate.make("/v1/webhooks"))  # which is told of the conversation
        await estate._converse()
        for operation in sorted(OPERATIONS, key=lambda operation: operation.path.count("/")):
            if operation.path_ids and operation.path_ids[-1] not in estate.ids:
                await estate._find(operation)
        return estate

    async def make(self, collection: str) -> str | None:
        """A new thing of a collection, None if it cannot be made by a POST of the example."""
        operation = BY_ROUTE.get(("POST", collection))
        if operation is None or operation.permission == "public":
            return None
        options = operation.request(self.ids, marker=self.marker + secrets.token_hex(2))
        response = await self.tenant.request(options.pop("method"), options.pop("url"), **options)
        assert response.status_code in (200, 201), f"{operation.name}: {response.status_code} {response.text}"
        made = response.json()
        self._remember(made)
        return str(made["id"]) if isinstance(made, dict) and "id" in made else None

    async def _converse(self) -> None:
        """A bot that knows something and has answered a question about it."""
        bot_id = await self.tenant.bot(name=f"Guide {self.marker}", system_prompt=f"Be kind. {self.marker}")
        content = FACTS.format(marker=self.marker)
        source_id = await self.tenant.text_source(bot_id, content, name=f"Visitor guide {self.marker}")
        await self.tenant.ready(source_id)
        answer = await self.tenant.ask(bot_id, f"Who built the tower clock, {self.marker}?")
        self.ids |= {
            "bot_profile_id": bot_id,
            "source_id": source_id,
            "chat_id": answer["chat_id"],
            "message_id": answer["message"]["id"],
        }
        self._remember(answer)
        self.secrets |= {bot_id, source_id}

    async def _find(self, operation: Operation) -> None:
        """The id for the last parameter of a path: of a thing made for it, or of the first in its list."""
        parameter, collection = operation.path_ids[-1], operation.collection
        found = await self.make(collection)
        if found is None and ("GET", collection) in BY_ROUTE:
            found = await self._first_of(BY_ROUTE["GET", collection])
        if found is not None:
            self.ids[parameter] = found

    async def _first_of(self, operation: Operation) -> str | None:
        """The first in a list of what happens by itself, which may take a moment; None if nothing does."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while True:
                    options = operation.request(self.ids)
                    listed = await self.tenant.call(options.pop("method"), options.pop("url"), 200, **options)
                    self._remember(listed)
                    if listed:
                        return str(listed[0]["id"])
                    await asyncio.sleep(0.2)
        return None

    def _remember(self, thing: Any) -> None:
        """Every id and one-time secret in an answer belongs to this tenant alone."""
        if isinstance(thing, list):
            for item in thing:
                self._remember(item)
        if isinstance(thing, dict):
            for name, value in thing.items():
                if isinstance(value, str) and (name in SECRET or name == "id" or name.endswith("_id")):
                    self.secrets.add(value)
                if name == "key":
                    self.ids[name] = value
                self._remember(value)


PATIENCE = 15.0
"""Seconds."""

SECRET = ("secret", "raw_token", "api_token", "access_token", "refresh_token", "key")
