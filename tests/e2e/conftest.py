"""A client of the one stack, and a tenant of one's own for each test."""

from collections.abc import AsyncIterator

import httpx
import pytest
from api import Tenant
from minirag_local.testing import Stack


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
