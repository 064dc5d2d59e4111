"""Tests of a deployment in containers. `make e2e-docker` starts it and runs them; anywhere else there is nothing to collect."""

from collections.abc import AsyncIterator

import httpx
import pytest
from api import Tenant
from deployment import Deployment

DEPLOYED = Deployment.of_environment()
collect_ignore_glob = [] if DEPLOYED else ["test_*.py"]


@pytest.fixture(scope="session")
def deployment() -> Deployment:
    """What `make e2e-docker` has started."""
    assert DEPLOYED is not None
    return DEPLOYED


@pytest.fixture
async def http(deployment: Deployment) -> AsyncIterator[httpx.AsyncClient]:
    """A client of its gateway."""
    async with httpx.AsyncClient(base_url=deployment.url, timeout=60) as client:
        yield client


@pytest.fixture
async def tenant(http: httpx.AsyncClient) -> Tenant:
    """A new tenant."""
    return await Tenant.sign_up(http)
