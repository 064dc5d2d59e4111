"""What a version has that the one before had not: passages, compared in reading order."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from hashlib import blake2b


@dataclass(frozen=True, slots=True)
class Difference:
    """Passages. ``changed`` ones stand where others stood."""

    added: int
    changed: int
    removed: int


def passage(header: str, text: str) -> bytes:
    """The hash by which a passage is known again: 8 bytes, enough to tell those of two versions of one source apart."""
    return blake2b(f"{header}\0{text}".encode(errors="surrogatepass"), digest_size=8).digest()


def difference(before: Sequence[bytes], after: Sequence[bytes]) -> Difference:
    """Of two versions' content hashes in reading order. One that has moved is removed in one place and added in another."""
    added = changed = removed = 0
    # No "popular" passages: the heuristic of difflib would call a repeated passage changed.
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    for kind, start, end, new_start, new_end in matcher.get_opcodes():
        old, new = end - start, new_end - new_start
        if kind == "equal":
            continue
        both = min(old, new)
        changed, added, removed = changed + both, added + new - both, removed + old - both
    return Difference(added, changed, removed)
