"""The one way out: HTTP calls to addresses that users name, which never reach this machine or a private network."""

from minirag_service.egress.addresses import Allowance, is_public
from minirag_service.egress.client import Fetched, GuardedClient
from minirag_service.egress.errors import EgressError, EgressRefused, FetchFailed
from minirag_service.egress.urls import check_url

__all__ = [
    "Allowance",
    "EgressError",
    "EgressRefused",
    "FetchFailed",
    "Fetched",
    "GuardedClient",
    "check_url",
    "is_public",
]
