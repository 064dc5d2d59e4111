"""What the chat service is told by its environment."""

import json
from datetime import timedelta
from typing import Annotated, Any, ClassVar

from minirag_contracts.requests.chat import ModelPrice
from minirag_service import ServiceSettings
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, field_validator
from pydantic_settings import NoDecode

from minirag_chat.domain.models import EXTRACTIVE, checked_model_name


class OwnPrice(BaseModel):
    """A model's price as the operator sets it: US dollars for a million tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt_cost_per_1m: float = Field(ge=0, allow_inf_nan=False)
    completion_cost_per_1m: float = Field(ge=0, allow_inf_nan=False)


class Settings(ServiceSettings):
    """Settings of chat. Providers' keys (`OPENAI_API_KEY`, …) and `OPENAI_BASE_URL` are read by LiteLLM under its own names."""

    service: ClassVar[str] = "chat"

    default_llm_model: str = Field(
        default=EXTRACTIVE,
        validation_alias=AliasChoices("DEFAULT_LLM_MODEL", "default_llm_model"),
        description="The model of bots that name none; any LiteLLM name, or `minirag/extractive`, which needs no key.",
    )
    chat_turn_concurrency: int = Field(
        default=200, ge=1, description="Answers that one process writes at once."
    )
    chat_turn_lease: timedelta = Field(
        default=timedelta(seconds=5),
        description="How long after the death of its process a turn is taken up by another one, at most.",
    )
    chat_turn_duration: timedelta = Field(
        default=timedelta(minutes=10),
        description="The longest that an answer may take; then it ends as failed.",
    )
    chat_search_deadline: timedelta = Field(
        default=timedelta(seconds=10),
        description="How long a turn waits for retrieval before it ends as failed.",
    )
    chat_llm_silence: timedelta = Field(
        default=timedelta(seconds=60),
        description="How long a provider may say nothing, before the first piece of an answer and between two.",
    )
    chat_history_turns: int = Field(
        default=10, ge=0, description="Earlier turns of a chat that the model is told."
    )
    chat_history_characters: int = Field(
        default=60_000,
        ge=0,
        description="Their most characters together; the oldest turns are left out first.",
    )
    chat_top_k: int = Field(default=5, ge=1, le=50, description="Passages that a question is answered from.")

    prices: Annotated[dict[str, OwnPrice], NoDecode] = Field(
        default={},
        description='Prices of models before those of LiteLLM\'s table, as a JSON object: `{"my-model": '
        '{"prompt_cost_per_1m": 0.5, "completion_cost_per_1m": 1.5}}`, in US dollars. `default` is for models without a price.',
    )

    @property
    def own_prices(self) -> dict[str, ModelPrice]:
        """The operator's prices by model."""
        return {name: ModelPrice(**price.model_dump()) for name, price in self.prices.items()}

    @field_validator("prices", mode="before")
    @classmethod
    def _from_json(cls, value: Any) -> Any:
        """An empty variable means none."""
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value or "{}")
        except ValueError as error:
            raise ValueError(f"MINIRAG_PRICES is no JSON: {error}") from None

    @field_validator("default_llm_model")
    @classmethod
    def _known_name(cls, value: str) -> str:
        """An empty variable means none."""
        return checked_model_name(value.strip() or EXTRACTIVE)
