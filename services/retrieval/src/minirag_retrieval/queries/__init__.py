"""Search: fuse both arms, read the texts, drop near copies, find the best sentences."""

from minirag_retrieval.queries.search import Searching

__all__ = ["Searching"]
