"""What a source's configuration says about its passages: their length, their overlap, their language."""

from typing import Any

import pytest
from contexts import a_context
from ingest_builders import BOT, TENANT, Ingest, a_source
from minirag_contracts.context import TenantScope
from minirag_contracts.events.ingest import SourceCreated
from minirag_contracts.requests.ingest import CreateSourceBatch
from minirag_contracts.requests.retrieval import Chunk
from minirag_eventstore import log
from minirag_ingest.domain import intake, source
from minirag_ingest.domain.language import LANGUAGES
from minirag_ingest.errors import InvalidSource
from minirag_ingest.ports import Target

GERMAN = "Der Mietvertrag kann mit einer Frist von drei Monaten gekündigt werden. " * 60
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"chunk_size": 10}, "The chunk size must be from 64 to 256 tokens."),
    ({"chunk_size": "large"}, "chunk_size must be a whole number of tokens."),
    ({"chunk_size": 100, "chunk_overlap": 60}, "The overlap of chunks must be from 0 to half the chunk size"),
    ({"language": "German"}, "The language must be one of these ISO 639-1 codes: ar, ca, cs, da, de, "),
    ({"language": ["de"]}, "The language must be one of these"),
]


async def chunks_of(ingest: Ingest, source_id: Any, version: int = 1) -> list[Chunk]:
    return [chunk for _, chunk in sorted(ingest.index.staged[Target(BOT, source_id, version)].items())]


@pytest.mark.parametrize(("config", "sentence"), WRONG)
async def test_what_cannot_be_is_refused_wherever_it_is_given(
    idle_ingest: Ingest, config: dict[str, Any], sentence: str
) -> None:
    child = {"name": "c", "source_type": "text", "content": "Words.", "config": config}
    batch = {"bot_id": BOT, "name": "Pages", "source_type": "url", "children": [child]}
    with pytest.raises(InvalidSource, match=sentence):
        await idle_ingest.create(a_source(config=config))
    with pytest.raises(InvalidSource, match=sentence):
        await idle_ingest.families.create_batch(CreateSourceBatch.model_validate(batch), a_context())
    created = await idle_ingest.create(a_source())
    with pytest.raises(InvalidSource, match=sentence):
        await idle_ingest.update(created.id, config=config)
    assert (await idle_ingest.read(created.id)).config == {}
    assert await idle_ingest.count("sources") == 1


async def test_passages_are_as_long_and_in_the_language_that_was_asked_for(ingest: Ingest) -> None:
    usual = await chunks_of(ingest, (await ingest.ingested(a_source(GERMAN))).id)
    config = {"chunk_size": 64, "chunk_overlap": 0, "language": "nl"}
    asked = await chunks_of(ingest, (await ingest.ingested(a_source(GERMAN, config=config))).id)
    assert len(asked) > 3 * len(usual)
    assert sum(chunk.text.count("Mietvertrag") for chunk in asked) == 60
    assert {chunk.language for chunk in usual} == {"de"}
    assert {chunk.language for chunk in asked} == {"nl"}


async def test_a_change_counts_from_the_next_version_on_for_files_as_well(ingest: Ingest) -> None:
    file = await ingest.ended((await ingest.upload("lease.md", GERMAN.encode())).id)
    await ingest.update(file.id, config={"chunk_size": 64, "language": "de"})
    await ingest.ingest(file.id)
    again = await ingest.ended(file.id)
    assert again.config == {
        "chunk_size": 64, "language": "de", "original_filename": "lease.md", "file_size": len(GERMAN.encode()),
    }  # fmt: skip
    assert again.chunk_count > 3 * file.chunk_count


async def test_events_tell_them(idle_ingest: Ingest) -> None:
    config = {"chunk_size": 128, "chunk_overlap": None, "language": "fr", "password": "s3cret"}
    created = await idle_ingest.create(a_source(config=config))
    async with idle_ingest.database.tenant(TenantScope(TENANT)) as connection:
        [event] = await log.load(connection, "ingest", source.stream_of(created.id))
    assert isinstance(event.payload, SourceCreated)
    assert event.payload.config == {"chunk_size": 128, "language": "fr"}


def test_a_configuration_from_before_these_names_meant_something_is_taken_as_without_them() -> None:
    assert intake.public_config("text", {"language": "English", "chunk_size": 128}) == {}
    assert intake.public_config("url", {"url": "https://x.example/", "chunk_size": 9}) == {
        "url": "https://x.example/"
    }


def test_every_language_that_is_told_may_be_asked_for() -> None:
    for code in LANGUAGES:
        intake.check_cutting({"language": code})
    assert {"de", "en", "zh", "uk"} <= LANGUAGES
