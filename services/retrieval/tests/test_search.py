"""Ranking, near copies, highlights, and the pure parts of them."""

from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import pytest
from minirag_eventstore import Database
from minirag_retrieval.adapters.edge import EdgeIndex
from minirag_retrieval.adapters.minilm import MiniLm
from minirag_retrieval.ports import Hit, Hits, PassageRow
from minirag_retrieval.queries.copies import distinct
from minirag_retrieval.queries.fusion import fuse, relevance
from minirag_retrieval.queries.sentences import split
from retrieval_rooms import Rooms, Source, a_chunk

SEVERAL_THINGS = """Opening hours. The museum of clocks opens at nine in the morning and closes at six in the evening.
On Mondays it stays closed, except on public holidays.

Tickets. An adult pays fourteen euros. Children under twelve enter free of charge, and so do teachers.

The collection. The oldest piece is a tower clock from 1531 that was built by the locksmith Hans Ehemann."""
A, B, C = (UUID(int=n) for n in range(3))


def test_scores_are_stretched_and_counted_half_each() -> None:
    hits = Hits(dense=[Hit(A, 0.9), Hit(B, 0.5), Hit(C, 0.1)], sparse=[Hit(B, 8.0), Hit(C, 4.0)])
    assert [(hit.point_id, pytest.approx(hit.score)) for hit in fuse(hits)] == [(B, 0.75), (A, 0.5), (C, 0.0)]


def test_relevance_is_the_best_cosine_of_chunk_or_sentence() -> None:
    alone = Hits(dense=[Hit(A, 0.2)])
    assert (relevance(alone), relevance(alone, 0.6), relevance(alone, 0.1)) == (0.2, 0.6, 0.2)


def test_relevance_allows_for_the_number_of_chunks() -> None:
    many = Hits(dense=[Hit(UUID(int=n), 0.5) for n in range(50)])
    assert relevance(many) == pytest.approx(0.5 - 0.117, abs=1e-3)


def test_a_single_hit_of_an_arm_is_its_best_one() -> None:
    assert fuse(Hits(dense=[Hit(A, 0.2)], sparse=[])) == [Hit(A, 0.5)]
    assert fuse(Hits()) == []
    assert relevance(Hits()) == 0.0


def a_passage(text: str) -> PassageRow:
    return PassageRow(uuid4(), uuid4(), 0, "", text, None, None, None, None)


def test_a_passage_that_mostly_repeats_a_better_one_is_dropped() -> None:
    words = [f"word{n}" for n in range(40)]
    whole, half, most = (
        " ".join(words),
        " ".join(words[20:] + [f"other{n}" for n in range(25)]),
        " ".join([*words[10:], "end"]),
    )
    kept = distinct([a_passage(text) for text in (whole, most, half)], 5)
    assert [passage.text for passage in kept] == [whole, half]


def test_the_limit_counts_what_is_kept() -> None:
    texts = ["alpha beta gamma delta epsilon", "alpha beta gamma delta epsilon", "one two three four five"]
    assert [p.text for p in distinct([a_passage(text) for text in texts], 2)] == [texts[0], texts[2]]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        (
            "It rains today. Take a coat!  Or stay at home?",
            ["It rains today.", "Take a coat!", "Or stay at home?"],
        ),
        (
            "Dr. Miller lives in the U.S. since 1990. She writes.",
            ["Dr. Miller lives in the U.S. since 1990.", "She writes."],
        ),
        ("A first line\n\nA second block", ["A first line", "A second block"]),
        ("The price is 3.50 euros. ok.", ["The price is 3.50 euros. ok."]),
        ("", []),
    ],
)
def test_sentences_end_where_readers_see_it(text: str, sentences: list[str]) -> None:
    assert split(text) == [sentence for sentence in sentences if len(sentence) >= 12]


def test_what_has_no_stops_is_cut() -> None:
    assert max(map(len, split("word " * 400))) <= 600


async def test_passages_carry_everything_that_is_shown(rooms: Rooms) -> None:
    source = Source(rooms)
    shown = {"title": "Handbook", "url": "https://example.com/h", "page": 7, "heading": "Heating"}
    await source.ingest(
        1, "intro text", a_chunk("turn the valve", ordinal=1, header="Handbook › Heating", **shown)
    )
    passage = (await source.ask("valve", top_k=1)).passages[0]
    assert (passage.source_id, passage.ordinal, passage.text) == (source.source_id, 1, "turn the valve")
    assert (passage.header, passage.title, passage.url) == (
        "Handbook › Heating",
        "Handbook",
        "https://example.com/h",
    )
    assert (passage.page, passage.heading, passage.score) == (7, "Heating", 1.0)


async def test_words_of_the_header_are_found(rooms: Rooms) -> None:
    source = Source(rooms)
    await source.ingest(
        1, a_chunk("It is cleaned weekly.", header="Espresso machine"), a_chunk("It is cold.", ordinal=1)
    )
    assert (await source.texts("espresso"))[0] == "It is cleaned weekly."


async def test_highlights_name_their_passage_and_come_best_first(rooms: Rooms) -> None:
    source = Source(rooms)
    await source.ingest(
        1,
        "The castle was built in 1200. Tickets are sold at the gate.",
        "The garden is open all year. Dogs are not allowed in the garden.",
    )
    reply = await source.ask("are dogs allowed in the garden", highlights=2)
    assert reply.highlights[0].sentence == "Dogs are not allowed in the garden."
    assert reply.passages[reply.highlights[0].passage].text.startswith("The garden")
    assert reply.highlights[0].score >= reply.highlights[1].score
    assert len(reply.highlights) == 2


async def test_a_short_text_about_several_things_is_relevant_to_each_of_them(
    make_database: Callable[[str], Awaitable[Database]], edge_index: EdgeIndex, minilm: MiniLm
) -> None:
    source = Source(Rooms(await make_database("retrieval"), edge_index, minilm))
    await source.ingest(1, a_chunk(SEVERAL_THINGS, header="Visitor guide"))
    for question in ("What does an adult pay?", "When does the museum open?", "Do teachers have to pay?"):
        assert (await source.ask(question, highlights=2)).relevance >= 0.33, question
    for question in (
        "How do I configure a Kubernetes ingress controller?",
        "What are the symptoms of measles?",
    ):
        assert (await source.ask(question, highlights=2)).relevance < 0.33, question


async def test_a_question_without_words_that_matter_still_gets_an_answer(rooms: Rooms) -> None:
    source = Source(rooms)
    await source.ingest(1, "The castle was built in 1200.")
    assert len((await source.ask("is it the", highlights=2)).passages) == 1
    assert len((await source.ask("", highlights=2)).passages) == 1


async def test_top_k_is_kept_within_reason(rooms: Rooms) -> None:
    source = Source(rooms)
    await source.ingest(1, *(f"number {n}" for n in range(60)))
    assert len(await source.texts("number", top_k=0)) == 1
    assert len(await source.texts("number", top_k=1000)) == 50
