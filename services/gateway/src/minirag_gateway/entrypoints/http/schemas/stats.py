"""Statistics, as clients read them (spec §15), where the gateway joins what two owners say."""

from collections.abc import Sequence
from typing import Self

from minirag_contracts.requests.analytics import BotUsage, CostEstimate, ModelUsage
from minirag_contracts.requests.chat import ModelPrice, PriceList
from pydantic import BaseModel, Field

_PRICE = "Today's price in US dollars for a million tokens; null where none is known."


class Price(BaseModel):
    """Today's price of a model in US dollars for a million tokens. Null: no price is known, which is not the same as free."""

    prompt_cost_per_1m: float | None = Field(description=_PRICE, examples=[0.15])
    completion_cost_per_1m: float | None = Field(description=_PRICE, examples=[0.6])

    @classmethod
    def of(cls, price: ModelPrice) -> Self:
        """As chat tells it."""
        return cls(
            prompt_cost_per_1m=price.prompt_cost_per_1m, completion_cost_per_1m=price.completion_cost_per_1m
        )


class Pricing(BaseModel):
    """Today's prices. What a turn costs is recorded at the price of its moment and never changes with these."""

    models: dict[str, Price] = Field(description="By model: those of the tenant's bots, and well-known ones.")
    default: Price = Field(description="What holds for any other model. Nulls: its price is not known.")


class PricedModelUsage(BaseModel):
    """What one model consumed, and what it costs today. ``cost_usd`` is what the turns cost when they happened."""

    model: str
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    request_count: int
    cost_usd: float = Field(description="Without the `unpriced_requests`.")
    prompt_cost_per_1m: float | None = Field(description=_PRICE)
    completion_cost_per_1m: float | None = Field(description=_PRICE)
    unpriced_requests: int = Field(description="Turns whose price nobody knew; they are not in `cost_usd`.")


class CostEstimateRead(BaseModel):
    """Cost so far and a month at that rate. The lists have at most the 1,000 rows with most tokens, the sums everything."""

    total_cost_usd: float
    daily_avg_cost_usd: float = Field(description="The total by days with usage.")
    projected_monthly_usd: float = Field(description="30 such days.")
    active_days: int
    by_model: list[PricedModelUsage]
    by_bot: list[BotUsage]
    unpriced_requests: int = Field(description="Turns whose price nobody knew; they are not in any cost.")

    @classmethod
    def of(cls, estimate: CostEstimate, prices: PriceList) -> Self:
        """As analytics tells it, with chat's prices."""
        return cls(
            total_cost_usd=estimate.total_cost_usd,
            daily_avg_cost_usd=estimate.daily_avg_cost_usd,
            projected_monthly_usd=estimate.projected_monthly_usd,
            active_days=estimate.active_days,
            by_model=priced(estimate.by_model, prices),
            by_bot=estimate.by_bot,
            unpriced_requests=estimate.unpriced_requests,
        )


def priced(used: Sequence[ModelUsage], prices: PriceList) -> list[PricedModelUsage]:
    """Each model's usage with its price of today."""
    return [
        PricedModelUsage(**usage.model_dump(), **prices.models.get(usage.model, prices.default).model_dump())
        for usage in used
    ]
