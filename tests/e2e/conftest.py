"""One real stack for the session, as a user starts it, and a tenant of one's own for each test.

`make e2e-docker` gives the stack: containers, whose address it names in ``MINIRAG_E2E_URL``.
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from api import Tenant
from deployment import Deployment
from minirag_local import testing
from minirag_local.testing import Stack, running_stack

DEPLOYED = Deployment.of_environment()


@contextmanager
def _deployed(_: Path, env: Mapping[str, str] | None = None) -> Iterator[Deployment]:
    """In the place of a stack of a test's own: the deployment, told what that stack would have been told."""
    assert DEPLOYED is not None
    with DEPLOYED.told(env or {}) as deployed:
        yield deployed


if DEPLOYED is not None:
    testing.running_stack = _deployed  # before the tests' modules import it


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack | Deployment]:
    """Started once; webhooks may reach the loopback, where the tests' endpoints are."""
    if DEPLOYED is not None:
        yield DEPLOYED
        if refused := DEPLOYED.bus_violations():
            pytest.fail("the bus refused what a service does:\n" + "\n".join(refused[:20]))
        return
    with running_stack(tmp_path_factory.mktemp("stack"), env={"MINIRAG_EGRESS_ALLOW": "127.0.0.1"}) as stack:
        yield stack


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """A client of its gateway."""
    async with httpx.AsyncClient(base_url=stack.url, timeout=60) as client:
        yield client


@pytest.fixture
async def tenant(http: httpx.AsyncClient) -> Tenant:
    """A new tenant."""
    return await Tenant.sign_up(http)


@pytest.fixture
async def stranger(http: httpx.AsyncClient) -> Tenant:
    """Another tenant, who must see nothing of the first."""
    return await Tenant.sign_up(http, "Stranger")
