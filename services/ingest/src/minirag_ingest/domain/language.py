"""In which language a text is written: by its script, then by its commonest words. Pure statistics, no model.

The languages are those that the search has stemmers for, and a few that must not be mistaken for them.
"""

import re
from collections import Counter
from collections.abc import Iterable

from minirag_ingest.domain.document import Document
from minirag_ingest.domain.stop_words import STOP_WORDS

SAMPLE = 20_000
"""Characters that are looked at, taken from all over the document."""
PIECE = 1000
MIN_WORDS = 8
"""Fewer words say nothing, except by their script."""
MIN_SHARE = 0.12
"""Of the words that must be commonest words of the language; running text has .3 to .55, lists of names less."""
MIN_LEAD = 1.02
"""By how much a language must be ahead of the next."""

_WORD = re.compile(r"[^\W\d_]+(?:['\u2019](?=[^\W\d_]))?")
_SCRIPTS = (
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("ko", re.compile(r"[\uac00-\ud7af]")),
    ("zh", re.compile(r"[\u4e00-\u9fff]")),
    ("el", re.compile(r"[\u0370-\u03ff\u1f00-\u1fff]")),
    ("hy", re.compile(r"[\u0530-\u058f]")),
    ("he", re.compile(r"[\u0590-\u05ff]")),
    ("ta", re.compile(r"[\u0b80-\u0bff]")),
    ("th", re.compile(r"[\u0e00-\u0e7f]")),
    ("hi", re.compile(r"[\u0900-\u097f]")),
)
SCRIPT_SHARE = 0.2
"""Of the letters, in the script of one language alone; manuals in Chinese are half English words."""
KANA_SHARE = 0.05
LANGUAGES = frozenset((*STOP_WORDS, *(code for code, _ in _SCRIPTS)))
"""ISO 639-1 codes: those that are told, and that a source may be said to be in."""


def language_of(document: Document) -> str | None:
    """The ISO 639-1 code, None where the text does not tell."""
    return language_of_text(_sample(document))


def language_of_text(text: str) -> str | None:
    """The same for plain text."""
    letters = sum(map(str.isalpha, text))
    for code, script in _SCRIPTS:
        share = KANA_SHARE if code == "ja" else SCRIPT_SHARE
        if letters and len(script.findall(text)) > letters * share:
            return code
    return _by_words(word.replace("\u2019", "'") for word in _WORD.findall(text.lower()))


def _by_words(words: Iterable[str]) -> str | None:
    counted = Counter(words)
    total = counted.total()
    if total < MIN_WORDS:
        return None
    scores = Counter(
        {code: sum(counted[word] for word in known if word in counted) for code, known in STOP_WORDS.items()}
    )
    (best, score), (_, second) = scores.most_common(2)
    return best if score >= total * MIN_SHARE and score >= second * MIN_LEAD else None


def _sample(document: Document) -> str:
    """Prose first: tables and code are in no language. Evenly from the whole document, since a foreword may be in another."""
    prose = [block.text for block in document.blocks if block.kind == "prose"]
    lines = [block.text for block in document.blocks if block.kind == "line"]
    texts = prose if sum(map(len, prose)) >= PIECE else prose + lines
    step = max(1, sum(min(len(text), PIECE) for text in texts) // SAMPLE)
    return "\n".join(text[:PIECE] for text in texts[::step])[: SAMPLE * 2]
