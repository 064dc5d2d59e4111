"""The events that a client may name: one or more patterns, separated by commas."""

from minirag_contracts.patterns import is_pattern, matches
from minirag_contracts.schemas import published_models

from minirag_gateway.errors import InvalidEventType

PROGRESS = "source.ingest.progress"
"""How running ingestions come along: no event, but chosen by the same patterns."""

MOST = 50
"""Patterns of one request."""

LONGEST = 2000
"""Characters of all of them."""


def chosen(types: str | None) -> list[str]:
    """The patterns in ``types``, none for all; InvalidEventType for one that means no event that we have."""
    if types is None:
        return []
    patterns = [pattern.strip() for pattern in types.split(",")]
    if len(patterns) > MOST:
        raise InvalidEventType(f"At most {MOST} event types can be named.")
    known = [*published_models(), PROGRESS]
    for pattern in patterns:
        if not is_pattern(pattern):
            raise InvalidEventType(
                "An event type is named like `bot.created`, `chat.message.*` or `source.>`."
            )
        if not any(matches(event_type, [pattern]) for event_type in known):
            raise InvalidEventType(f"There is no event of the type {pattern[:100]}.")
    return patterns


def wants_progress(patterns: list[str]) -> bool:
    """Whether a subscriber to these patterns is told of running ingestions."""
    return not patterns or matches(PROGRESS, patterns)
