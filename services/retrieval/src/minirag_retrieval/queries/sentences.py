"""Sentences, as far as punctuation shows them."""

import re

MIN_CHARACTERS = 12
MAX_CHARACTERS = 600
"""What is longer is no sentence but a table or a list without stops: it is cut."""

_ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|etc|e\.g|i\.e|cf|Fig|No|Vol|approx|Inc|Ltd|Co)|\b[A-Z])\.$"
)
_END = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+(?=[\"'“‘(\[]?[A-Z0-9À-Þ])|\n\s*\n|\n(?=\s*(?:[-*•]|\d+[.)])\s)")


def split(text: str) -> list[str]:
    """The sentences of a text, white space collapsed; fragments of a few characters are left out."""
    sentences: list[str] = []
    pending = ""
    for piece in _pieces(text):
        joined = f"{pending} {piece}".strip()
        if _ABBREVIATION.search(joined):
            pending = joined
            continue
        sentences.append(joined)
        pending = ""
    if pending:
        sentences.append(pending)
    return [part for sentence in sentences for part in _cut(sentence) if len(part) >= MIN_CHARACTERS]


def _pieces(text: str) -> list[str]:
    start, pieces = 0, []
    for end in _END.finditer(text):
        pieces.append(text[start : end.end()])
        start = end.end()
    pieces.append(text[start:])
    return [collapsed for piece in pieces if (collapsed := " ".join(piece.split()))]


def _cut(sentence: str) -> list[str]:
    if len(sentence) <= MAX_CHARACTERS:
        return [sentence]
    middle = sentence.rfind(" ", 0, MAX_CHARACTERS)
    end = middle if middle > 0 else MAX_CHARACTERS
    return [sentence[:end], *_cut(sentence[end:].strip())]
