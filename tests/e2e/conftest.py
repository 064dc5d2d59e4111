"""One real stack for the session, as a user starts it, and a tenant of one's own for each test."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from api import Tenant
from minirag_local.testing import Stack, running_stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Started once; webhooks may reach the loopback, where the tests' endpoints are."""
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
