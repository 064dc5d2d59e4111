"""The sentences that answer best: the sum of their z-scored BM25 and cosine, over a few candidates.

With an answer of two sentences, the gold answer of SQuAD is among them in about 85 % of its questions. Embedding
sentences is what costs, so words choose the candidates, and vectors are remembered.
"""

import math
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from minirag_contracts.requests.retrieval import Highlight

from minirag_retrieval.ports import Embedder, SparseEncoder, SparseVector, Vector
from minirag_retrieval.queries.sentences import split

CANDIDATES = 12
"""Of the 27 that five passages have on average; all of them give the same figures and take twice as long."""
REMEMBERED = 4096
"""Sentences whose vectors are kept: 6 MB."""


Text = tuple[str, str | None]
"""A passage's text and its language, if that is known."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence and the first passage that has it."""

    passage: int
    sentence: str
    words: float


@dataclass(frozen=True, slots=True)
class Highlighted:
    """Sentences, best first, and the best cosine of all candidates; -1 where there was none."""

    sentences: list[Highlight]
    cosine: float


class Highlighting:
    """Chooses sentences; ``encoder`` must be made for sentences, not for passages."""

    def __init__(self, embedder: Embedder, encoder: SparseEncoder) -> None:
        self._embedder = embedder
        self._encoder = encoder
        self._remembered: OrderedDict[str, Vector] = OrderedDict()

    async def best(self, query: str, vector: Vector, texts: Sequence[Text], count: int) -> Highlighted:
        """The ``count`` best sentences of the passages' ``texts``."""
        candidates = self._candidates(query, texts)
        if not candidates:
            return Highlighted([], -1.0)
        vectors = await self._vectors([candidate.sentence for candidate in candidates])
        cosines = np.stack(vectors) @ vector
        words = np.array([candidate.words for candidate in candidates], np.float32)
        scores = _standardised(words) + _standardised(cosines)
        order = np.argsort(-scores, kind="stable")[:count]
        sentences = [
            Highlight(passage=candidates[n].passage, sentence=candidates[n].sentence, score=float(scores[n]))
            for n in order
        ]
        return Highlighted(sentences, float(cosines.max()))

    def _candidates(self, query: str, texts: Sequence[Text]) -> list[Candidate]:
        """The sentences that share most with the query; the first ones where none shares anything."""
        places: dict[str, int] = {}
        for place, (text, _) in enumerate(texts):
            for sentence in split(text):
                places.setdefault(sentence, place)
        languages = [language for _, language in texts]
        documents = [self._encoder.document(text, languages[place]) for text, place in places.items()]
        scores = _bm25(self._encoder.query(query, languages), documents)
        found = [
            Candidate(place, text, score) for (text, place), score in zip(places.items(), scores, strict=True)
        ]
        return sorted(found, key=lambda candidate: -candidate.words)[:CANDIDATES]

    async def _vectors(self, sentences: Sequence[str]) -> list[Vector]:
        unknown = [sentence for sentence in sentences if sentence not in self._remembered]
        if unknown:
            made = await self._embedder.embed_short(unknown)
            self._remembered.update(zip(unknown, made, strict=True))
        found = []
        for sentence in sentences:
            self._remembered.move_to_end(sentence)
            found.append(self._remembered[sentence])
        while len(self._remembered) > REMEMBERED:
            self._remembered.popitem(last=False)
        return found


def _bm25(query: SparseVector, documents: Sequence[SparseVector]) -> list[float]:
    """The encoder's weights times each term's rarity among these documents (Robertson's IDF, never negative)."""
    frequency = Counter(term for document in documents for term in document.indices)
    total = len(documents)
    rarity = {
        term: math.log(1 + (total - frequency[term] + 0.5) / (frequency[term] + 0.5))
        for term in query.indices
    }
    return [
        sum(rarity.get(term, 0.0) * value for term, value in zip(doc.indices, doc.values, strict=True))
        for doc in documents
    ]


def _standardised(values: Vector) -> Vector:
    spread = float(values.std())
    result: Vector = (values - values.mean()) / spread if spread > 1e-9 else np.zeros_like(values)
    return result
