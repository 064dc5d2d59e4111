"""Several files of one upload: a parent with a child for each, all or none."""

import hashlib
from typing import Any

import pytest
from contexts import a_context
from ingest_builders import BOT, Ingest, a_source
from minirag_contracts.ids import new_id
from minirag_contracts.requests.ingest import SourceBatch, UploadedFile, UploadSourceBatch
from minirag_ingest.errors import (
    ArchiveAmongFiles,
    BotUnknown,
    FileTooLarge,
    IngestRefusal,
    NestedTooDeep,
    NoChildren,
    SourceNotFound,
    UnsupportedFileType,
    UploadGone,
)

FILES = {"fares.md": b"# Fares\nNinety euros.", "rooms.csv": b"room,floor\nAtlas,4", "note.txt": b"A note."}


def a_batch(ingest: Ingest, files: dict[str, bytes], **fields: Any) -> UploadSourceBatch:
    """Files that wait in the transfer store."""
    ingest.transfer.objects |= files
    described = [
        UploadedFile(filename=name, size=len(data), sha256=hashlib.sha256(data).hexdigest())
        for name, data in files.items()
    ]
    values: dict[str, Any] = {"bot_id": BOT, "name": "Trip", "files": described, "object_names": list(files)}
    return UploadSourceBatch.model_validate(values | fields)


async def upload(ingest: Ingest, files: dict[str, bytes], **fields: Any) -> SourceBatch:
    return await ingest.uploads.upload_batch(a_batch(ingest, files, **fields), a_context())


async def test_several_files_become_children_that_are_ingested_at_once(ingest: Ingest) -> None:
    made = await upload(ingest, FILES, description="Everything")
    assert (made.parent.name, made.parent.description, made.parent.children_count) == (
        "Trip",
        "Everything",
        3,
    )
    assert (made.parent.source_type, made.parent.status, made.parent.config) == ("upload", "processing", {})
    assert [child.name for child in made.children] == list(FILES)
    assert made.children[0].config == {"original_filename": "fares.md", "file_size": 21}
    assert {child.parent_id for child in made.children} == {made.parent.id}
    done = await ingest.ended(made.parent.id)
    assert (done.status, done.chunk_count) == ("ready", 3)
    assert "Ninety" in ingest.index.text(made.children[0].id)
    assert ingest.transfer.objects == {}


async def test_without_a_name_the_first_file_gives_it(idle_ingest: Ingest) -> None:
    assert (await upload(idle_ingest, FILES, name="")).parent.name == "fares.md and 2 more"
    long = {"x" * 250 + ".txt": b"a", "b.txt": b"b"}
    assert len((await upload(idle_ingest, long, name="")).parent.name) == 255


async def test_files_may_join_a_parent(ingest: Ingest) -> None:
    parent = await ingest.create(a_source(None, name="Folder"))
    made = await upload(ingest, FILES, parent_id=parent.id)
    assert (made.parent.id, made.parent.name, made.parent.children_count) == (parent.id, "Folder", 3)
    assert (await ingest.ended(parent.id)).status == "ready"


async def test_a_repeated_command_answers_the_same_and_other_files_are_another(idle_ingest: Ingest) -> None:
    context = a_context(command_id=new_id())
    first = await idle_ingest.uploads.upload_batch(a_batch(idle_ingest, FILES), context)
    moved = a_batch(idle_ingest, FILES).model_copy(update={"object_names": ["gone", "gone", "gone"]})
    assert await idle_ingest.uploads.upload_batch(moved, context) == first
    assert await idle_ingest.count("sources") == 4


@pytest.mark.parametrize(
    ("files", "fields", "refusal", "sentence"),
    [
        ({"a.txt": b"a", "b.exe": b"b"}, {}, UnsupportedFileType, "b.exe: Unsupported file type: .exe"),
        ({"a.txt": b"a", "b.txt": b"b" * (10 * 1024 * 1024 + 1)}, {}, FileTooLarge, "b.txt: File too large."),
        ({"a.txt": b"a", "b.zip": b"b"}, {}, ArchiveAmongFiles, "b.zip: An archive"),
        ({}, {}, NoChildren, ""),
        ({"a.txt": b"a"}, {"bot_id": new_id()}, BotUnknown, ""),
        ({"a.txt": b"a"}, {"parent_id": new_id()}, SourceNotFound, ""),
        (
            {"a.txt": b"a", "b.txt": b"b"},
            {"object_names": ["a.txt", "nowhere"]},
            UploadGone,
            "b.txt: The uploaded",
        ),
        (
            {"a.txt": b"a", "b.txt": b"b"},
            {"object_names": ["a.txt", "a.txt"]},
            UploadGone,
            "b.txt: The uploaded",
        ),
        ({"a.txt": b"a", "b.txt": b"b"}, {"object_names": ["a.txt"]}, UploadGone, ""),
    ],
)
async def test_all_or_none_and_a_refusal_names_its_file(
    idle_ingest: Ingest,
    files: dict[str, bytes],
    fields: dict[str, Any],
    refusal: type[IngestRefusal],
    sentence: str,
) -> None:
    with pytest.raises(refusal) as refused:
        await upload(idle_ingest, files, **fields)
    assert refused.value.detail.startswith(sentence)
    assert await idle_ingest.count("sources") == await idle_ingest.count("work") == 0


async def test_a_child_is_no_parent(idle_ingest: Ingest) -> None:
    parent = await idle_ingest.create(a_source())
    child = await idle_ingest.create(a_source(parent_id=parent.id))
    with pytest.raises(NestedTooDeep):
        await upload(idle_ingest, FILES, parent_id=child.id)
