"""One real stack for all that looks at the whole, as a user starts it: started in each worker, by the first who asks.

`make e2e-docker` gives it: containers, whose address ``MINIRAG_E2E_URL`` names.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from deployment import Deployment
from minirag_local import testing
from openai_server import FakeOpenAI, fake_openai

DEPLOYED = Deployment.of_environment()
_now = [DEPLOYED] if DEPLOYED else []
"""The deployment as it is told to be, what it was told before in front."""


@contextmanager
def _deployed(_: Path, env: Mapping[str, str] | None = None) -> Iterator[Deployment]:
    """In the place of an embedded stack: the deployment, told what that stack would have been told."""
    assert DEPLOYED is not None
    if "MINIRAG_OPERATIONS_PORT" in (env or {}):
        pytest.skip("asks the operations ports, which cannot be reached from outside of the containers")
    with DEPLOYED.told(env or {}, _now[-1]) as deployed:
        _now.append(deployed)
        try:
            yield deployed
        finally:
            _now.pop()
        if refused := deployed.bus_violations():
            raise testing.StackFailed("the bus refused what a service does:\n" + "\n".join(refused[:20]))


if DEPLOYED is not None:
    testing.running_stack = _deployed  # before the tests' modules import it


@pytest.fixture(scope="session")
def provider() -> Iterator[tuple[str, FakeOpenAI]]:
    """A server that speaks OpenAI's wire format: its base URL and what it saw.

    A bot's model, such as ``openai/fake--first-500``, says how it answers.
    """
    with fake_openai() as started:
        yield started


@pytest.fixture(scope="session")
def stack(
    tmp_path_factory: pytest.TempPathFactory, provider: tuple[str, FakeOpenAI]
) -> Iterator[testing.Stack]:
    """It has the provider's key, and webhooks and crawls may reach the loopback, where the tests' endpoints are."""
    environment = {
        "MINIRAG_EGRESS_ALLOW": "127.0.0.1",
        "OPENAI_API_KEY": "sk-test",
        "OPENAI_BASE_URL": provider[0],
    }
    with testing.running_stack(tmp_path_factory.mktemp("stack"), env=environment) as stack:
        yield stack
