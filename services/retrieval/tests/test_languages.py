"""Words are found in every form that their language gives them, in bots that know several languages."""

import time
from uuid import UUID

import pytest
from declarations import ASKED, TEXTS
from minirag_contracts.context import TenantScope
from minirag_contracts.requests.retrieval import Chunk
from minirag_retrieval.adapters.bm25 import KNOWN, Bm25Encoder
from minirag_retrieval.ports import Hits
from retrieval_rooms import Rooms, Source, WordEmbedder, a_chunk

QUESTIONS = [(language, question, place) for language, asked in ASKED.items() for question, place in asked]


async def a_library(rooms: Rooms, *languages: str, told: bool = True) -> dict[str, Source]:
    """A bot with one source for each language; without ``told`` nobody says in which they are."""
    first = Source(rooms)
    found = {}
    for language in languages:
        source = found[language] = first if not found else Source(rooms, first.scope, first.bot_id)
        await source.ingest(1, *in_language(TEXTS[language], language if told else None))
    return found


def in_language(texts: tuple[str, ...], language: str | None) -> list[Chunk]:
    return [
        a_chunk(text, ordinal=n).model_copy(update={"language": language}) for n, text in enumerate(texts)
    ]


async def by_words(source: Source, question: str) -> UUID | None:
    """The source and place of the best hit of the sparse arm."""
    rooms = source.rooms
    async with rooms.database.tenant(source.scope) as connection:
        languages = await rooms.rows.languages(connection, source.bot_id)
    terms = Bm25Encoder().query(question, languages)
    vector = await WordEmbedder().embed_query(question)
    hits: Hits = await rooms.index.search(source.scope, source.bot_id, 99, vector, terms)
    return hits.sparse[0].point_id if hits.sparse else None


async def right(rooms: Rooms, library: dict[str, Source]) -> list[str]:
    """The questions whose words lead to their article first."""
    found = []
    for language, question, place in QUESTIONS:
        source = library[language]
        async with rooms.database.tenant(source.scope) as connection:
            members = await rooms.rows.members(connection, source.source_id, 1)
        if await by_words(source, question) == members[place].chunk_id:
            found.append(question)
    return found


async def test_inflected_words_are_found_in_four_languages_at_once(rooms: Rooms) -> None:
    library = await a_library(rooms, *TEXTS)
    assert await right(rooms, library) == [question for _, question, _ in QUESTIONS]


async def test_it_is_their_language_that_finds_them(rooms: Rooms) -> None:
    library = await a_library(rooms, *TEXTS, told=False)
    assert len(await right(rooms, library)) <= len(QUESTIONS) - 6


@pytest.mark.parametrize("language", TEXTS)
async def test_both_arms_together_bring_the_article(rooms: Rooms, language: str) -> None:
    library = await a_library(rooms, *TEXTS)
    for question, place in ASKED[language]:
        passages = (await library[language].ask(question, top_k=2)).passages
        assert TEXTS[language][place] in [passage.text for passage in passages], question


async def test_a_question_is_read_in_the_languages_that_a_bot_knows(rooms: Rooms) -> None:
    library = await a_library(rooms, "de", "fr")
    source = library["de"]
    async with rooms.database.tenant(source.scope) as connection:
        assert await rooms.rows.languages(connection, source.bot_id) == ["de", "fr"]
        assert await rooms.rows.languages(connection, UUID(int=1)) == []
    await source.ingest(2, "Nobody says what this is.")
    async with rooms.database.tenant(source.scope) as connection:
        assert sorted(map(str, await rooms.rows.languages(connection, source.bot_id))) == ["None", "de", "fr"]
    async with rooms.database.tenant(TenantScope(UUID(int=2))) as connection:
        assert await rooms.rows.languages(connection, source.bot_id) == []


async def test_another_language_is_another_point_and_the_same_vector(rooms: Rooms) -> None:
    source = Source(rooms)
    [text] = in_language(("Die Kündigungen wurden ausgesprochen.",), None)
    await source.ingest(1, text)
    assert await by_words(source, "Kündigung") is None
    staged = await source.stage(2, text.model_copy(update={"language": "de"}))
    await source.activate(2, 1)
    assert (staged.embedded, staged.carried) == (0, 1)
    assert await by_words(source, "Kündigung") is not None


async def test_a_passage_tells_where_in_its_page_it_begins(rooms: Rooms) -> None:
    source = Source(rooms)
    await source.ingest(1, a_chunk("turn the valve", url="https://example.com/h", anchor="heating"))
    [passage] = (await source.ask("valve")).passages
    assert (passage.url, passage.anchor) == ("https://example.com/h", "heating")


async def test_points_that_were_lost_come_back_in_their_language(rooms: Rooms) -> None:
    library = await a_library(rooms, "de")
    source = library["de"]
    question, place = ASKED["de"][0]
    async with rooms.database.tenant(source.scope) as connection:
        members = await rooms.rows.members(connection, source.source_id, 1)
        await rooms.index.delete(source.scope, [member.chunk_id for member in members])
        assert await by_words(source, question) is None
        await rooms.points.restore(connection, source.scope, source.bot_id, 5)
    assert await by_words(source, question) == members[place].chunk_id


async def test_a_language_that_the_encoder_does_not_know_is_none(rooms: Rooms) -> None:
    source = Source(rooms)
    await source.ingest(1, *in_language(("The valves are turned.",), "xx"))
    async with rooms.database.tenant(source.scope) as connection:
        assert await rooms.rows.languages(connection, source.bot_id) == [None]
    assert await by_words(source, "turning a valve") is not None


def test_a_language_that_nobody_knows_is_read_as_english() -> None:
    encoder = Bm25Encoder()
    assert (
        encoder.document("running", "xx") == encoder.document("running") == encoder.document("running", "en")
    )
    assert encoder.query("running dogs", [None, "en", "xx"]) == encoder.query("runs dog")
    assert encoder.query("running", []).indices == []


@pytest.mark.parametrize("language", sorted(KNOWN))
def test_every_language_has_terms(language: str) -> None:
    encoder = Bm25Encoder()
    word = {"zh": "大学", "ja": "東京", "ko": "서울", "th": "ข้าว"}.get(language, "Konstantinopel")
    terms = encoder.query(word, [language]).indices
    assert terms
    assert set(terms) <= set(encoder.document(f"{word} 1453", language).indices)


def test_pairs_of_characters_stand_for_words_that_no_space_sets_apart() -> None:
    encoder = Bm25Encoder()
    text = encoder.document("PostgreSQL数据库的连接参数", "zh")
    for words in ("数据库", "连接参数", "PostgreSQL"):
        assert set(encoder.query(words, ["zh"]).indices) <= set(text.indices)
    assert not set(encoder.query("库数", ["zh"]).indices) & set(text.indices)
    assert len(encoder.query("水", ["zh"]).indices) == 1


def test_stop_words_of_a_question_are_no_rare_words_of_other_languages() -> None:
    encoder = Bm25Encoder()
    question = "What is the freedom of the press?"
    assert encoder.query(question, ["en", "fr", "de"]) == encoder.query("freedom press", ["en", "fr", "de"])
    assert encoder.query("Ist das nicht die?", ["de", "en", "fr"]).indices == []
    assert encoder.query("Le prix de la maison est", ["fr", "en"]) == encoder.query(
        "prix maison", ["en", "fr"]
    )


def test_a_stop_word_of_another_language_is_a_word_of_the_question() -> None:
    """*car* is *because* in French."""
    encoder = Bm25Encoder()
    [car] = encoder.query("car", ["en"]).indices
    assert car in encoder.query("Where is the car of the museum?", ["en", "fr"]).indices


def test_many_languages_cost_microseconds() -> None:
    encoder = Bm25Encoder()
    encoder.query("warm", KNOWN)
    started = time.process_time()
    encoder.query("words " + " ".join(f"w{n}" for n in range(5000)), KNOWN)
    for _ in range(100):
        encoder.query("Welche Berufe, welche Arbeitsplätze wählt man frei?", KNOWN)
    assert (time.process_time() - started) / 100 < 0.01
