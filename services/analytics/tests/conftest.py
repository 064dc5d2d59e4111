"""A database of analytics."""

from collections.abc import Awaitable, Callable

import pytest
from analytics_builders import Analytics
from minirag_eventstore import Database


@pytest.fixture
async def analytics(make_database: Callable[..., Awaitable[Database]]) -> Analytics:
    """An empty analytics."""
    return Analytics(await make_database("analytics"))
