"""The size of chunks and their overlap, as a source may set them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from minirag_ingest.adapters.chunker import SentenceChunker
from minirag_ingest.adapters.extract.pool import ExtractionPool
from minirag_ingest.adapters.extract.tokenizer import MiniLmTokens
from minirag_ingest.adapters.extract.worker import Limits
from minirag_ingest.domain.chunking import chunks_of
from minirag_ingest.domain.document import Block, Document
from minirag_ingest.domain.sizes import Sizes
from minirag_ingest.ports import StoredDocument, Unreadable

COUNT = MiniLmTokens()
SENTENCE = "The storage engine writes every page to disk before it tells the client that the transaction is complete. "
TEXT = tuple(
    Block(SENTENCE.replace("page", f"page {number}") * 3, (f"Part {number // 20}",)) for number in range(100)
)


def tokens(text: str) -> int:
    return COUNT([text])[0]


@settings(max_examples=25, deadline=None)
@given(st.integers(64, 256).flatmap(lambda size: st.tuples(st.just(size), st.integers(0, size // 2))))
def test_every_size_within_the_bounds_is_kept(sizes: tuple[int, int]) -> None:
    size, overlap = sizes
    chunks = chunks_of(Document("Manual", TEXT), "Manual", None, COUNT, Sizes(size, overlap))
    assert all(tokens(chunk.header) + tokens(chunk.text) + 2 <= size for chunk in chunks)
    assert {f"page {number}" for number in range(100)} <= {
        word for chunk in chunks for number in range(100) if (word := f"page {number}") in chunk.text
    }
    assert "".join(chunk.text for chunk in chunks).count("transaction") >= 300


def test_smaller_chunks_are_more_and_overlap_is_what_was_asked_for() -> None:
    document = Document("Manual", TEXT[:20])
    small, usual = (chunks_of(document, "M", None, COUNT, Sizes(size, 0)) for size in (96, 256))
    assert len(small) > 2 * len(usual)
    assert sum(chunk.text.count("transaction") for chunk in usual) == 60
    overlapping = chunks_of(document, "M", None, COUNT, Sizes(256, 64))
    assert sum(chunk.text.count("transaction") for chunk in overlapping) > 60


@pytest.mark.parametrize(
    ("config", "size", "overlap"),
    [
        ({}, 256, 64),
        ({"chunk_size": 128}, 128, 32),
        ({"chunk_overlap": 0}, 256, 0),
        ({"chunk_size": 64, "chunk_overlap": 32}, 64, 32),
    ],
)
def test_a_source_may_set_both_or_one(config: dict, size: int, overlap: int) -> None:
    assert Sizes.of(config) == Sizes(size, overlap)


@pytest.mark.parametrize(
    "config",
    [{"chunk_size": 63}, {"chunk_size": 257}, {"chunk_size": "100"}, {"chunk_size": True}, {"chunk_size": 100.0},
     {"chunk_overlap": -1}, {"chunk_size": 100, "chunk_overlap": 51}],
)  # fmt: skip
def test_what_is_out_of_bounds_is_told_in_a_sentence(config: dict) -> None:
    with pytest.raises(ValueError, match=r"tokens\.$"):
        Sizes.of(config)


async def test_a_long_document_is_cut_in_a_worker_into_the_same_chunks() -> None:
    pool = ExtractionPool(size=1)
    stored = StoredDocument("Manual", "https://x/y", Document("Manual", TEXT))
    chunks = await SentenceChunker(COUNT, pool.chunk).chunk(stored, Sizes())
    assert len(pool._idle) == 1
    await pool.close()
    assert list(chunks) == chunks_of(stored.document, "Manual", "https://x/y", COUNT)


async def test_a_short_document_needs_no_process() -> None:
    pool = ExtractionPool(size=1)
    chunks = await SentenceChunker(COUNT, pool.chunk).chunk(
        StoredDocument("Manual", None, Document("Manual", TEXT[:3])), Sizes()
    )
    assert chunks
    assert pool._idle == []


async def test_a_runaway_in_chunking_costs_one_document() -> None:
    pool = ExtractionPool(size=1, limits=Limits(chunk_cpu_seconds=0))
    endless = Document("Manual", TEXT * 400)
    with pytest.raises(Unreadable, match="too long"):
        await pool.chunk(StoredDocument("Manual", None, endless), Sizes())
    short = await pool.chunk(StoredDocument("Manual", None, Document("Manual", TEXT[:1])), Sizes())
    await pool.close()
    assert short


def test_words_that_are_remembered_count_the_same_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["The quick brown fox", "unforeseeable antidisestablishmentarianism", "x" * 50 + " fox"]
    counter = MiniLmTokens()
    first = counter(texts)
    assert counter(texts) == first == [sum(counter(text.split())) for text in texts]
    assert "fox" in counter._known
    assert "x" * 50 not in counter._known
    monkeypatch.setattr("minirag_ingest.adapters.extract.tokenizer.REMEMBERED", 5)
    assert counter(["a few other words"]) == [4]
    assert counter._known == {}
    assert counter(texts) == first
