"""Patterns of event types as SQL has them: ``type = ANY(exact) OR type ~ ANY(expressions)``."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from minirag_contracts.patterns import is_exact, regular_expression


@dataclass(frozen=True, slots=True)
class TypeFilter:
    """Types that are named, and regular expressions for the rest."""

    exact: list[str]
    expressions: list[str]

    @classmethod
    def of(cls, patterns: Sequence[str]) -> Self:
        """``bot.>``, ``chat.message.*``, ``source.created``; no patterns match nothing."""
        exact = [pattern for pattern in patterns if is_exact(pattern)]
        return cls(exact, [regular_expression(pattern) for pattern in patterns if not is_exact(pattern)])
