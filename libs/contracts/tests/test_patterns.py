"""Patterns of event types mean what the bus means by them."""

import pytest
from minirag_contracts.patterns import is_exact, is_pattern, matches


@pytest.mark.parametrize(
    ("pattern", "event_type", "meant"),
    [
        ("bot.created", "bot.created", True),
        ("bot.created", "bot.updated", False),
        ("bot.*", "bot.created", True),
        ("chat.*", "chat.message.created", False),
        ("chat.*.created", "chat.message.created", True),
        ("chat.>", "chat.message.created", True),
        ("chat.>", "chat.started", True),
        ("chat.>", "chats.started", False),
        ("embed_key.>", "embedXkey.created", False),
        (">", "bot.created", True),
        ("bot.created", "botXcreated", False),
    ],
)
def test_a_pattern_means_these_types(pattern: str, event_type: str, meant: bool) -> None:
    assert is_pattern(pattern)
    assert matches(event_type, [pattern]) is meant


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "bot.",
        ".bot",
        "bot..x",
        ">.bot",
        "bot.>.x",
        "a.b.c.d",
        "bot created",
        "Bot.*",
        "b*t",
        "bot\n",
    ],
)
def test_this_is_no_pattern(text: str) -> None:
    assert not is_pattern(text)


def test_a_type_is_told_from_a_pattern() -> None:
    assert is_exact("bot.created")
    assert not is_exact("bot.*")
    assert not is_exact("bot.>")
