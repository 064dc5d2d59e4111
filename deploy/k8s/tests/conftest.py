"""The three sets of values, each rendered once."""

from functools import cache

import pytest
from rendered_chart import EXAMPLES, Rendered, values_of


@cache
def rendered(example: str) -> Rendered:
    return Rendered("-f", values_of(example))


@pytest.fixture(params=EXAMPLES)
def chart(request: pytest.FixtureRequest) -> Rendered:
    return rendered(request.param)


@pytest.fixture
def production() -> Rendered:
    return rendered("production")


@pytest.fixture
def keda() -> Rendered:
    return rendered("keda-ingress")
