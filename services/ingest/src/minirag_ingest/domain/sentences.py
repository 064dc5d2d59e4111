"""Where sentences end. Cautious: two sentences taken for one are harmless, a sentence cut in half is not."""

import re
from collections.abc import Iterator

_END = re.compile(
    r"[.!?\u2026]+[\"'\u201d\u2019\u00bb)\]]*(\s+)(?=\S)|[\u3002\uff01\uff1f]+[\u300d\u300f\u201d\uff09]*(\s*)(?=\S)"
)
_OPENING = "\"'\u201c\u2018\u00ab([{\u00bf\u00a1*_`"
_LAST_WORD = re.compile(r"[^\s(\[\"']*$")
_SHORT = (
    "mr mrs ms dr prof rev hon st sr jr mt ft gen col capt lt sgt gov sen rep pres inc ltd co corp bros dept univ assn "
    "vs etc approx ca cf eg ie al fig figs eq eqs no nos vol vols ch chap sec sect pp ed eds est max min "
    "jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri sat sun ave blvd "
    "bzw usw evtl ggf vgl abs nr str sog d.h z.b u.a e.g i.e u.s u.k p.m a.m ph.d b.sc m.sc"
)
_ABBREVIATIONS = frozenset(_SHORT.split())
MAX_WORD = 12
"""Characters; a longer word before a full stop is no abbreviation."""


def sentences(text: str) -> Iterator[tuple[str, str]]:
    """Each sentence with the white space that stood before it (empty before the first); together they are the text."""
    start, gap = 0, ""
    for end in _END.finditer(text):
        space = end[1] if end[1] is not None else end[2]
        stop = end.end() - len(space)
        if end[1] is not None and not _ends(text, end.start(), text[end.start()], end.end()):
            continue
        yield gap, text[start:stop]
        start, gap = end.end(), space
    if start < len(text):
        yield gap, text[start:]


def _ends(text: str, mark: int, first: str, following: int) -> bool:
    """Whether the punctuation at ``mark`` ends a sentence, given what stands before and after it."""
    after = text[following : following + 4].lstrip(_OPENING)[:1]
    if after.islower():
        return False
    if first != ".":
        return True
    found = _LAST_WORD.search(text, max(0, mark - MAX_WORD - 1), mark)
    word = found[0].lower() if found else ""
    if len(word) == 1 and word.isalpha():
        return False  # an initial
    return word not in _ABBREVIATIONS and word.replace(".", "") not in _ABBREVIATIONS
