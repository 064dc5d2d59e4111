"""English documents of any length from a seed: the sentences of Python's own language reference, shuffled."""

import random
import re
from pydoc_data.topics import topics
from typing import Final

PARAGRAPH: Final = 6  # sentences
_SENTENCE: Final = re.compile(r"[A-Z][^.!?]{30,300}[.!?](?=\s)")


def sentences() -> list[str]:
    """About two thousand, each once."""
    found = (" ".join(match.split()) for text in topics.values() for match in _SENTENCE.findall(text))
    return sorted(set(found))


def documents(count: int, length: int, seed: int) -> list[str]:
    """So many texts of about so many characters; no two have a paragraph in common."""
    chosen, known = random.Random(seed), sentences()
    return [_document(chosen, known, number, length) for number in range(count)]


def _document(chosen: random.Random, known: list[str], number: int, length: int) -> str:
    paragraphs: list[str] = []
    size = 0
    while size < length:
        paragraph = " ".join(chosen.sample(known, PARAGRAPH))
        paragraphs.append(
            f"Of document {number}, part {len(paragraphs)}. {paragraph}"[: max(80, length - size)]
        )
        size += len(paragraphs[-1])
    return "\n\n".join(paragraphs)
