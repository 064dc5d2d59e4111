"""Documents become chunks: sizes, order, sections, stability."""

import random
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from minirag_contracts.requests.retrieval import Chunk
from minirag_ingest.adapters.extract.tokenizer import MiniLmTokens, tokenizer_file
from minirag_ingest.domain.chunking import chunks_of
from minirag_ingest.domain.document import Block, Document
from minirag_ingest.domain.sizes import CHUNK_TOKENS
from tokenizers import Tokenizer


@cache
def counter() -> MiniLmTokens:
    return MiniLmTokens()


@cache
def tokenizer() -> Tokenizer:
    found = Tokenizer.from_file(str(tokenizer_file()))
    found.no_padding()
    found.no_truncation()
    return found


def embedded_tokens(chunk: Chunk) -> int:
    """What the model would read of a chunk, special tokens included."""
    return len(tokenizer().encode(f"{chunk.header}\n{chunk.text}").ids)


def chunked(*blocks: Block, title: str = "Handbook", url: str | None = None) -> list[Chunk]:
    return chunks_of(Document(title, blocks), title, url, counter())


def prose(seed: int, words: int) -> str:
    rng = random.Random(seed)
    found, length = [], 0
    while length < words:
        size = rng.randint(4, 22)
        sentence = " ".join(rng.choice(VOCABULARY) for _ in range(size))
        found.append(sentence.capitalize() + rng.choice((".", ".", "?", "!")))
        length += size
    return " ".join(found)


_WORDS = (
    "the a of storage engine writes pages to disk before commit and vacuum removes dead tuples when nobody sees them "
    "internationalization checkpoint replication slot keeps segments until consumers confirm positions quickly"
)
VOCABULARY = _WORDS.split()

paragraphs_of_text = st.lists(
    st.builds(
        Block,
        st.text(
            alphabet=st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=400
        ).filter(str.strip),
        st.lists(st.sampled_from(["Intro", "Usage", "Limits & more", "x" * 300]), max_size=3).map(tuple),
        st.none() | st.integers(1, 9),
        st.none() | st.sampled_from(["a", "b"]),
        st.sampled_from(["prose", "line", "code"]),
    ),
    max_size=25,
)


@settings(max_examples=150, deadline=None)
@given(paragraphs_of_text, st.text(min_size=1, max_size=80).filter(str.strip))
def test_no_chunk_is_more_than_the_model_reads(blocks: list[Block], title: str) -> None:
    for chunk in chunked(*blocks, title=title):
        assert embedded_tokens(chunk) <= CHUNK_TOKENS
        assert chunk.text.strip()
        assert len(chunk.text) < 16 * CHUNK_TOKENS + 1000


@settings(max_examples=100, deadline=None)
@given(paragraphs_of_text)
def test_every_word_is_in_some_chunk_in_order(blocks: list[Block]) -> None:
    chunks = chunked(*blocks)
    assert [chunk.ordinal for chunk in chunks] == list(range(len(chunks)))
    text = "".join("".join(chunk.text.split()) for chunk in chunks)
    at = 0
    for block in blocks:
        for word in block.text.split():
            at = text.find(word, max(0, at - 3000))
            assert at >= 0


@settings(max_examples=30, deadline=None)
@given(paragraphs_of_text)
def test_the_same_document_gives_the_same_chunks(blocks: list[Block]) -> None:
    assert chunked(*blocks) == chunked(*blocks)


def test_counts_are_those_of_the_model() -> None:
    texts = ["Hello, world! It's  internationalization.\nŻółć naïve 東京 x_y-z", "a" * 150, "", "1.5% of $3"]
    expected = [len(tokenizer().encode(text, add_special_tokens=False).ids) for text in texts]
    assert counter()(texts) == expected


def test_chunks_end_and_begin_with_whole_sentences() -> None:
    chunks = chunked(*(Block(prose(seed, 120)) for seed in range(30)))
    assert len(chunks) > 10
    for chunk in chunks:
        assert chunk.text[0].isupper()
        assert chunk.text[-1] in ".?!"


def test_neighbours_overlap_by_at_most_64_tokens_of_whole_sentences() -> None:
    text = prose(1, 3000)
    chunks = chunked(Block(text))
    for before, after in pairwise(chunks):
        shared = max(
            (
                size
                for size in range(min(len(before.text), len(after.text)))
                if before.text.endswith(after.text[:size])
            ),
            default=0,
        )
        tokens = counter()([after.text[:shared]])[0]
        assert 0 < tokens <= 64


def test_chunks_are_well_filled() -> None:
    chunks = chunked(*(Block(prose(seed, 60)) for seed in range(100)))
    sizes = [embedded_tokens(chunk) for chunk in chunks]
    assert sum(sizes) / len(sizes) > 200


def test_a_sentence_longer_than_a_chunk_is_cut_between_words() -> None:
    words = " ".join(f"word{number}" for number in range(1500))
    chunks = chunked(Block(words))
    assert len(chunks) > 5
    assert all(chunk.text.startswith("word") for chunk in chunks)
    assert all(embedded_tokens(chunk) <= CHUNK_TOKENS for chunk in chunks)


def test_an_endless_word_is_cut_anywhere() -> None:
    chunks = chunked(Block("A" * 50_000))
    assert sum(chunk.text.count("A") for chunk in chunks) >= 50_000
    assert max(len(chunk.text) for chunk in chunks) <= 16 * CHUNK_TOKENS


@pytest.mark.parametrize("character", ["-", "=", ".", "|", "\u4e2d", "\U0001f600", "\u200b"])
@pytest.mark.parametrize("length", [179, 181, 300, 1500, 20_000])
def test_a_rule_of_dashes_is_cut_and_ends(character: str, length: int) -> None:
    """One word to a person, as many tokens as characters to the model: a ruled table once never came to an end."""
    text = f"{prose(1, 30)} {character * length} {prose(2, 300)}"
    for kind in ("prose", "code"):
        chunks = chunked(Block(text, kind=kind), title="Tables")
        assert "".join(chunk.text for chunk in chunks).count(character) >= length
        assert all(embedded_tokens(chunk) <= CHUNK_TOKENS for chunk in chunks)


def test_large_sections_do_not_share_a_chunk() -> None:
    chunks = chunked(
        *(
            Block(prose(seed, 150), ("Handbook", name))
            for seed, name in enumerate(["Install", "Use", "Remove"])
        )
    )
    assert {chunk.heading for chunk in chunks} == {
        "Handbook › Install", "Handbook › Use", "Handbook › Remove"
    }  # fmt: skip
    assert chunks[0].header == "Handbook › Install"


def test_small_sections_join_under_the_heading_that_they_share_and_keep_their_own() -> None:
    cards = prose(5, 45)
    chunks = chunked(
        Block(cards, ("FAQ", "Payment", "Do you take cards?")),
        Block("Within a week.", ("FAQ", "Payment", "When do I pay?")),
        Block(prose(3, 140), ("FAQ", "Shipping", "Where to?")),
    )
    assert len(chunks) == 2
    assert chunks[0].header == "Handbook › FAQ › Payment"
    assert chunks[0].text == f"Do you take cards?\n{cards}\n\nWhen do I pay?\nWithin a week."


def test_a_heading_that_repeats_the_title_is_not_said_twice() -> None:
    [chunk] = chunked(Block("Text.", ("SELECT", "Syntax")), title="SQL SELECT")
    assert chunk.header == "SQL SELECT › Syntax"


def test_a_long_header_is_shortened_and_leaves_room() -> None:
    [first, *_] = chunked(Block(prose(1, 100), ("much too long " * 60, "and another " * 60)))
    assert counter()([first.header])[0] <= 64
    assert first.header.startswith("Handbook")


def test_table_rows_and_list_items_stay_whole_and_on_their_own_lines() -> None:
    chunks = chunked(*(Block(f"Name: Person {number}; Age: {number}", kind="line") for number in range(100)))
    lines = {line for chunk in chunks for line in chunk.text.split("\n")}
    assert lines == {f"Name: Person {number}; Age: {number}" for number in range(100)}


def test_code_keeps_its_indentation() -> None:
    [chunk] = chunked(Block("def f():\n    return 1\n\nprint(f())", kind="code"))
    assert chunk.text == "def f():\n    return 1\n\nprint(f())"


def test_citations_know_page_url_and_place() -> None:
    [chunk] = chunked(Block("Text.", ("A",), 7, "sec-a"), url="http://x.example/page")
    assert (chunk.page, chunk.url, chunk.heading) == (7, "http://x.example/page", "A")
    assert chunk.anchor == "sec-a"


@pytest.mark.parametrize("edited", [10, 100, 190])
def test_an_edit_in_one_paragraph_changes_few_chunks(edited: int) -> None:
    blocks = [Block(prose(seed, 90)) for seed in range(200)]
    before = {chunk.text for chunk in chunked(*blocks)}
    blocks[edited] = Block("A new first sentence stands here. " + blocks[edited].text)
    after = [chunk.text for chunk in chunked(*blocks)]
    assert len([text for text in after if text not in before]) <= 12


def test_a_document_without_text_has_no_chunks() -> None:
    assert chunked() == []
    assert chunked(Block(" \n ")) == []
