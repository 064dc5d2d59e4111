"""Which model answers for a name: our own, or any of LiteLLM's."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from minirag_chat.domain import models
from minirag_chat.ports import ChosenModel, LanguageModel, TokenCount

Provider = Callable[[str], str | None]
Price = Callable[[str, TokenCount], float | None]


@dataclass(frozen=True, slots=True)
class ModelDirectory:
    """Knows the models by name, whether a key is missing, and what an answer costs."""

    own: LanguageModel
    others: LanguageModel
    provider_of: Provider
    price: Price
    environment: Mapping[str, str]
    start_others: Callable[[], None]

    def choose(self, model: str, *, has_credentials: bool) -> ChosenModel:
        """The model and the name under which it is asked; raises ModelNotConfigured or ModelUnknown."""
        if model == models.EXTRACTIVE:
            return ChosenModel(self.own, model)
        route = models.route(model, self.provider_of(model), self.environment)
        if not has_credentials:
            models.require_key(model, route.provider, self.environment)
        return ChosenModel(self.others, route.name)

    def warm(self, model: str, *, has_credentials: bool) -> None:
        """Starts the process behind the model if it is needed and could be asked."""
        if model != models.EXTRACTIVE and (has_credentials or models.configured(self.environment)):
            self.start_others()

    def cost_usd(self, model: str, count: TokenCount) -> float | None:
        """At the price of the moment; None where it is unknown."""
        return self.price(model, count)
