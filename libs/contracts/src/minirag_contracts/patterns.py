"""Patterns of event types, as subjects on the bus have them: ``*`` stands for one token, ``>`` at the end for all that follow."""

import re
from collections.abc import Iterable

TOKENS_MAX = 3
"""An event type has two or three tokens."""

_PATTERN = re.compile(r"(?:(?:[a-z][a-z_]*|\*)\.)*(?:[a-z][a-z_]*|\*|>)\Z")


def is_pattern(text: str) -> bool:
    """Whether a text has the form of a pattern; it need not match any event."""
    return bool(_PATTERN.match(text)) and text.count(".") < TOKENS_MAX


def is_exact(pattern: str) -> bool:
    """Whether a pattern is an event type itself."""
    return "*" not in pattern and ">" not in pattern


def regular_expression(pattern: str) -> str:
    """The same as a regular expression that both Python and Postgres understand."""
    tokens = [{"*": "[^.]+", ">": ".+"}.get(token, re.escape(token)) for token in pattern.split(".")]
    return "^" + r"\.".join(tokens) + "$"


def matches(event_type: str, patterns: Iterable[str]) -> bool:
    """Whether any of the patterns means this event type."""
    return any(re.match(regular_expression(pattern), event_type) for pattern in patterns)
