"""Prices: the operator's before the table's, and what is told of them."""

import pytest
from chat_builders import ChatClient, FakeRetrieval, chat_settings
from minirag_chat.adapters.catalogue import Catalogue
from minirag_chat.adapters.prices import Prices
from minirag_chat.bootstrap import assemble
from minirag_chat.domain.models import WELL_KNOWN
from minirag_chat.ports import TokenCount
from minirag_chat.projections import PROJECTIONS
from minirag_chat.settings import OwnPrice, Settings
from minirag_contracts.errors import RemoteRefusal
from minirag_contracts.requests.chat import GetPrices, ModelPrice, PriceList
from minirag_messaging import Bus
from minirag_messaging.testing import NatsServer
from minirag_service.testing import running
from pydantic import ValidationError


def dollars(prompt: float, completion: float) -> ModelPrice:
    return ModelPrice(prompt_cost_per_1m=prompt, completion_cost_per_1m=completion)


MILLION = TokenCount(prompt_tokens=1_000_000, completion_tokens=1_000_000)


def test_an_operators_price_comes_before_the_table_with_and_without_the_provider() -> None:
    prices = Prices(Catalogue(), {"gpt-4o-mini": dollars(1, 2), "openai/own": dollars(3, 4)})
    for model in ("gpt-4o-mini", "openai/gpt-4o-mini"):
        assert prices.of(model) == dollars(1, 2) and prices.cost_usd(model, MILLION) == 3.0
    assert prices.cost_usd("openai/own", TokenCount(500_000, 250_000, cached_tokens=400_000)) == 2.5
    assert prices.of("gpt-4o") == dollars(2.5, 10.0) and prices.cost_usd("gpt-4o", MILLION) == 12.5


def test_a_model_without_a_price_costs_nobody_knows_what_unless_the_operator_says_so() -> None:
    unknown = ModelPrice(prompt_cost_per_1m=None, completion_cost_per_1m=None)
    prices = Prices(Catalogue(), {})
    assert prices.default == prices.of("nobody/knows") == unknown
    assert prices.cost_usd("nobody/knows", MILLION) is None
    said = Prices(Catalogue(), {"default": dollars(1, 3)})
    assert said.of("nobody/knows") == said.default == dollars(1, 3)
    assert said.cost_usd("nobody/knows", MILLION) == 4.0
    assert said.of("gpt-4o") == dollars(2.5, 10.0)
    assert (
        said.of("minirag/extractive") == dollars(0, 0) and said.cost_usd("minirag/extractive", MILLION) == 0.0
    )


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Everything that the settings need but prices."""
    for name in ("DATABASE_URL", "DATABASE_SYSTEM_URL"):
        monkeypatch.setenv(f"MINIRAG_{name}", "postgresql:///x")
    monkeypatch.setenv("MINIRAG_SECRET_KEY", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
    monkeypatch.setenv("MINIRAG_MODE", "embedded")
    return monkeypatch


def test_prices_are_read_from_the_environment(environment: pytest.MonkeyPatch) -> None:
    assert Settings().prices == {}
    environment.setenv("MINIRAG_PRICES", "")
    assert Settings().prices == {}
    environment.setenv(
        "MINIRAG_PRICES", '{"my-model": {"prompt_cost_per_1m": 0.5, "completion_cost_per_1m": 1}}'
    )
    assert Settings().own_prices == {"my-model": dollars(0.5, 1)}


@pytest.mark.parametrize(
    "value",
    [
        "{",
        "7",
        '{"m": 1}',
        '{"m": {"prompt_cost_per_1m": 1}}',
        '{"m": {"prompt_cost_per_1m": -1, "completion_cost_per_1m": 1}}',
        '{"m": {"prompt_cost_per_1m": NaN, "completion_cost_per_1m": 1}}',
        '{"m": {"prompt_cost_per_1m": 1, "completion_cost_per_1m": 1, "cached": 1}}',
    ],
)
def test_prices_that_are_none_refuse_to_start(environment: pytest.MonkeyPatch, value: str) -> None:
    environment.setenv("MINIRAG_PRICES", value)
    with pytest.raises(ValidationError):
        Settings()


async def test_the_prices_of_the_tenants_bots_and_of_the_well_known_models_are_told(
    no_keys: None, nats: NatsServer, bus: Bus, retrieval: FakeRetrieval, chat_urls: tuple[str, str]
) -> None:
    own = OwnPrice(prompt_cost_per_1m=7, completion_cost_per_1m=8)
    settings = chat_settings(nats, chat_urls, prices={"acme/llama": own})
    client = ChatClient(bus)
    async with running(settings, assemble, PROJECTIONS):
        for model in ("acme/llama", "nobody/knows", "minirag/extractive"):
            await client.create_bot(model=model)
        told: PriceList = await client.ask(GetPrices())
        assert set(told.models) == {*WELL_KNOWN, "acme/llama", "nobody/knows", "minirag/extractive"}
        assert told.models["acme/llama"] == dollars(7, 8)
        assert told.models["gpt-4o-mini"] == dollars(0.15, 0.6)
        assert told.models["nobody/knows"] == told.default
        named: PriceList = await client.ask(GetPrices(models=["gpt-4o", "nobody/knows"]))
        assert set(named.models) == {"gpt-4o", "nobody/knows"}
        assert (await client.ask(GetPrices(models=[]))).models == {}
        with pytest.raises(RemoteRefusal):
            await client.ask(GetPrices(models=[f"model-{n}" for n in range(501)]))
