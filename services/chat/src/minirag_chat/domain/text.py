"""What people write, before it is stored: length, and characters that Postgres or UTF-8 cannot hold."""

from minirag_chat.errors import InvalidText

MESSAGE_MAX = 32_000
"""Characters of a question (spec §11)."""

TITLE_LENGTH = 100
"""A chat is titled with the first characters of its first question (spec §11)."""

EXCERPT_LENGTH = 200
"""Characters of a passage that a citation shows (spec §11)."""


def checked_message(text: str) -> str:
    """A question as it may be stored; raises InvalidText."""
    if not text.strip():
        raise InvalidText("The message is empty.")
    if len(text) > MESSAGE_MAX:
        raise InvalidText(f"The message is longer than {MESSAGE_MAX} characters.")
    return storable(text, "The message")


def storable(text: str, what: str) -> str:
    """The same text; raises InvalidText for a NUL or for half of a surrogate pair."""
    if "\x00" in text:
        raise InvalidText(f"{what} contains a NUL character.")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidText(f"{what} contains characters that are no valid Unicode.") from error
    return text


def mended(text: str) -> str:
    """What a model wrote, made storable: NULs dropped, halves of surrogate pairs replaced."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def title_of(message: str) -> str:
    """The title of a chat that starts with this question."""
    return message[:TITLE_LENGTH]


def excerpt(text: str) -> str:
    """What a citation shows of a passage."""
    return text[:EXCERPT_LENGTH]
