"""A chat service on a real bus and a real database, with retrieval played by the test."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
from chat_builders import ChatClient, FakeRetrieval, Stage, chat_settings
from minirag_chat.bootstrap import assemble
from minirag_chat.projections import PROJECTIONS
from minirag_messaging import Bus
from minirag_messaging.testing import NatsServer
from minirag_service.testing import running
from openai_server import FakeOpenAI, fake_openai


@pytest.fixture
def openai(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeOpenAI]:
    """A fake OpenAI server that the environment names as the provider, with a key."""
    with fake_openai() as (url, app):
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
        yield app


@pytest.fixture
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without any provider."""
    for variable in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
async def chat_urls(
    database_urls: Callable[..., Awaitable[tuple[str, str]]],
) -> tuple[str, str]:
    """A fresh database of chat."""
    return await database_urls("chat")


@pytest.fixture
async def retrieval(bus: Bus) -> AsyncIterator[FakeRetrieval]:
    """Retrieval, as told by the test."""
    async with FakeRetrieval().serving(bus) as retrieval:
        yield retrieval


@pytest.fixture
async def stage(
    nats: NatsServer, bus: Bus, chat_urls: tuple[str, str], retrieval: FakeRetrieval
) -> AsyncIterator[Stage]:
    """Chat in this process; request ``openai`` or ``no_keys`` before it to say what its environment knows."""
    async with running(chat_settings(nats, chat_urls), assemble, PROJECTIONS) as runtime:
        yield Stage(runtime, ChatClient(bus), retrieval)
