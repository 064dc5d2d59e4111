"""One real stack for all that looks at the whole, as a user starts it: started in each worker, by the first who asks."""

from collections.abc import Iterator

import pytest
from minirag_local.testing import Stack, running_stack
from openai_server import FakeOpenAI, fake_openai


@pytest.fixture(scope="session")
def provider() -> Iterator[tuple[str, FakeOpenAI]]:
    """A server that speaks OpenAI's wire format: its base URL and what it saw.

    A bot's model, such as ``openai/fake--first-500``, says how it answers.
    """
    with fake_openai() as started:
        yield started


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, provider: tuple[str, FakeOpenAI]) -> Iterator[Stack]:
    """It has the provider's key, and webhooks and crawls may reach the loopback, where the tests' endpoints are."""
    environment = {
        "MINIRAG_EGRESS_ALLOW": "127.0.0.1",
        "OPENAI_API_KEY": "sk-test",
        "OPENAI_BASE_URL": provider[0],
    }
    with running_stack(tmp_path_factory.mktemp("stack"), env=environment) as stack:
        yield stack
