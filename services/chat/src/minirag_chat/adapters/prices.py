"""What models cost: as the operator says, else as LiteLLM's table says, else what the operator says of all others."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from minirag_contracts.requests.chat import ModelPrice

from minirag_chat.domain import models
from minirag_chat.ports import TokenCount

UNKNOWN = ModelPrice(prompt_cost_per_1m=None, completion_cost_per_1m=None)

FREE = ModelPrice(prompt_cost_per_1m=0.0, completion_cost_per_1m=0.0)

DEFAULT = "default"
"""The operator's name for every model that has no other price."""


class PriceTable(Protocol):
    """Listed prices; each is that of the first of the names that has one."""

    def price(self, names: tuple[str, ...]) -> ModelPrice | None:
        """US dollars for a million tokens, without discounts."""
        ...

    def cost_usd(self, names: tuple[str, ...], count: TokenCount) -> float | None:
        """What an answer costs, discounts included."""
        ...


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices by model name, with or without the provider in front."""

    listed: PriceTable
    own: Mapping[str, ModelPrice]

    @property
    def default(self) -> ModelPrice:
        """What a model costs of which nobody knows a price."""
        return self.own.get(DEFAULT, UNKNOWN)

    def of(self, model: str) -> ModelPrice:
        """US dollars for a million tokens. Our own model costs nothing."""
        if model == models.EXTRACTIVE:
            return FREE
        names = names_of(model)
        return self._overridden(names) or self.listed.price(names) or self.default

    def cost_usd(self, model: str, count: TokenCount) -> float | None:
        """What an answer costs today; None where the price is unknown."""
        if model == models.EXTRACTIVE:
            return 0.0
        names = names_of(model)
        price = self._overridden(names)
        if price is None:
            cost = self.listed.cost_usd(names, count)
            if cost is not None:
                return cost
            price = self.default
        return _at(price, count)

    def _overridden(self, names: tuple[str, ...]) -> ModelPrice | None:
        return next((self.own[name] for name in names if name in self.own), None)


def names_of(model: str) -> tuple[str, ...]:
    """The names under which a model's price may be listed, the bot's own first."""
    return (model, model.partition("/")[2]) if "/" in model else (model, f"gemini/{model}")


def _at(price: ModelPrice, count: TokenCount) -> float | None:
    """Cached tokens cost what all others do: an operator's price knows no discount."""
    if price.prompt_cost_per_1m is None or price.completion_cost_per_1m is None:
        return None
    prompt = count.prompt_tokens * price.prompt_cost_per_1m
    return (prompt + count.completion_tokens * price.completion_cost_per_1m) / 1_000_000
