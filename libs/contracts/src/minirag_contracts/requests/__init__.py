"""Every request that one service may make of another."""

from minirag_contracts.requests.base import REQUESTS, Done, Page, Reply, Request

__all__ = ["REQUESTS", "Done", "Page", "Reply", "Request"]
