"""The projections in Postgres: statements that aggregate there, and the store that asks them."""

from minirag_analytics.adapters.figures.store import PostgresFigures

__all__ = ["PostgresFigures"]
