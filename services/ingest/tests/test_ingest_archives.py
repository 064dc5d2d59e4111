"""Archives become parents of their files; what means harm costs one archive."""

import asyncio
import io
import os
import signal
import time
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import archives
import pytest
from archives import a_zip
from bomb_corpus import SECONDS
from contexts import a_context
from ingest_builders import Ingest, a_source, an_upload
from ingest_documents import a_docx
from minirag_contracts.ids import new_id
from minirag_contracts.requests.ingest import ListChildren, SourceRead
from minirag_ingest.adapters.extract.unpack import Archive
from minirag_ingest.commands.quotas import Most
from minirag_ingest.commands.unpacking import child_id
from minirag_ingest.errors import ArchiveWithParent, FileTooLarge, NoArchive, TooManySources, UploadGone

HANDBOOK = {
    "handbook/": "",
    "handbook/travel/fares.md": "# Fares\n\nThe night train to Oslo costs ninety euros.",
    "handbook/rooms.csv": "room,floor\nAtlas,4\n",
    "handbook\\windows.txt": "Written on another system.",
    "__MACOSX/handbook/._rooms.csv": "nonsense",
    "handbook/.DS_Store": "nonsense",
    "handbook/setup.exe": "MZ",
    "handbook/empty.txt": "",
    "inner.zip": a_zip({"deep.txt": "Not descended into."}),
    "/etc/absolute.txt": "root",
    "../../up.txt": "up",
    "C:\\windows\\drive.txt": "drive",
}


async def children_of(ingest: Ingest, parent_id: Any) -> list[SourceRead]:
    return (await ingest.queries.children(ListChildren(source_id=parent_id), a_context())).items


async def test_an_archive_becomes_a_parent_and_a_child_for_each_file(ingest: Ingest) -> None:
    created = await ingest.upload("Handbook.ZIP", a_zip(HANDBOOK))
    assert (created.name, created.source_type, created.status) == ("Handbook.ZIP", "upload", "processing")
    parent = await ingest.ended(created.id)
    assert (parent.status, parent.error_message, parent.children_count) == ("ready", None, 3)
    children = await children_of(ingest, parent.id)
    assert [child.name for child in children] == [
        "handbook/travel/fares.md",
        "handbook/rooms.csv",
        "handbook/windows.txt",
    ]
    assert {child.status for child in children} == {"ready"}
    assert parent.chunk_count == sum(child.chunk_count for child in children) == 3
    assert parent.document_count == 3
    assert children[0].config == {
        "original_filename": "fares.md", "file_size": 52, "archive_path": "handbook/travel/fares.md",
    }  # fmt: skip
    assert "ninety euros" in ingest.index.text(children[0].id)
    assert parent.config["skipped_count"] == 8
    reasons = {file["path"]: file["reason"] for file in parent.config["skipped"]}
    assert reasons == {
        "__MACOSX/handbook/._rooms.csv": "it is hidden",
        "handbook/.DS_Store": "it is hidden",
        "handbook/setup.exe": "files of this type cannot be read",
        "handbook/empty.txt": "it is empty",
        "inner.zip": "archives in archives are not unpacked",
        "/etc/absolute.txt": "its path leads out of the archive",
        "../../up.txt": "its path leads out of the archive",
        "C:/windows/drive.txt": "its path leads out of the archive",
    }
    assert await ingest.count("archive_pieces") == 0
    assert ingest.transfer.objects == {}


async def test_a_link_is_not_followed_and_what_comes_twice_is_taken_once(ingest: Ingest) -> None:
    parent = await ingest.ended((await ingest.upload("links.zip", archives.with_symlink())).id)
    assert [child.name for child in await children_of(ingest, parent.id)] == ["good.txt"]
    assert parent.config["skipped"] == [{"path": "link.txt", "reason": "it is a link"}]
    with pytest.warns(UserWarning, match="Duplicate"):
        twice = a_twice()
    parent = await ingest.ended((await ingest.upload("twice.zip", twice)).id)
    assert parent.children_count == 1
    assert parent.config["skipped"][0]["reason"] == "there is another file of this path"


def a_twice() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.txt", "one")
        archive.writestr("a.txt", "two")
        archive.writestr("./a.txt", "three")
    return out.getvalue()


@pytest.mark.chaos
@pytest.mark.parametrize("name", sorted(archives.BOMBS))
async def test_what_is_no_good_archive_ends_as_a_sentence_within_seconds(ingest: Ingest, name: str) -> None:
    data = archives.BOMBS[name]()
    began = time.monotonic()
    parent = await ingest.ended((await ingest.upload("bomb.zip", data)).id, timeout=SECONDS)
    assert time.monotonic() - began < SECONDS
    assert (parent.status, parent.children_count) == ("error", 0)
    assert parent.error_message is not None
    assert parent.error_message.startswith(("The archive", "The Word document", "There is no file")), name
    again = await ingest.ended((await ingest.upload("good.zip", a_zip({"a.txt": "Fine."}))).id)
    assert again.status == "ready"


def test_what_an_archive_says_of_a_file_bounds_what_it_gives() -> None:
    bomb = a_zip(
        {"small.txt": "x" * 20, "large.txt": "y" * 11 * archives.MEGABYTE, "zero.txt": b"\0" * 9_000_000}
    )
    archive = Archive(bomb)
    assert [path for _, path in archive.files] == ["small.txt"]
    assert dict(archive.skipped) == {
        "large.txt": "it is larger than 10 MB",
        "zero.txt": "it is packed too tightly to be a document",
    }
    lying = bytearray(bomb)
    at = lying.index(b"PK\x01\x02", lying.index(b"PK\x01\x02") + 4)
    lying[at + 24 : at + 28] = (100).to_bytes(4, "little")
    files = Archive(bytes(lying))
    index = [path for _, path in files.files].index("large.txt")
    with pytest.raises(Exception, match="damaged"):
        files.read(index)


async def test_a_damaged_file_costs_itself_alone(ingest: Ingest) -> None:
    data = bytearray(a_zip({"a.txt": "First words.", "b.txt": "Other words."}, stored=True))
    at = data.index(b"Other words")
    data[at : at + 5] = b"WRONG"
    parent = await ingest.ended((await ingest.upload("damaged.zip", bytes(data))).id)
    assert (parent.status, parent.children_count) == ("ready", 1)
    assert parent.config["skipped"] == [{"path": "b.txt", "reason": "it is damaged"}]


async def test_a_child_that_fails_is_seen_at_its_parent_and_the_others_answer(ingest: Ingest) -> None:
    files = {"good.txt": "Good words.", "bad.pdf": b"%PDF-1.7 nonsense"}
    parent = await ingest.ended((await ingest.upload("mixed.zip", a_zip(files))).id)
    assert (parent.status, parent.children_count, parent.chunk_count) == ("error", 2, 1)
    by_name = {child.name: child for child in await children_of(ingest, parent.id)}
    assert by_name["bad.pdf"].error_message
    assert by_name["good.txt"].status == "ready"


async def test_unpacking_is_done_once_however_often_it_is_begun(idle_ingest: Ingest) -> None:
    """The process that unpacks is killed in the middle, twice; in the end every file is there once."""
    ingest = idle_ingest
    files = {f"folder/{n}.txt": f"Number {n}. " + "Words. " * 200 for n in range(200)}
    created = await ingest.upload("many.zip", a_zip(files, stored=True))
    async with ingest.working():
        for reached in (0, 75):
            while (await ingest.read(created.id)).children_count <= reached:
                await asyncio.sleep(0.002)
            killed = archive_workers()
            assert killed
            for pid in killed:
                os.kill(pid, signal.SIGKILL)
        parent = await ingest.ended(created.id, timeout=60)
        assert (parent.status, parent.error_message, parent.children_count) == ("ready", None, 200)
    assert parent.config["skipped_count"] == 0
    children = await children_of(ingest, created.id)
    assert {child.name for child in children} == set(files)
    assert {child.id for child in children} == {child_id(created.id, path) for path in files}
    made = ["source.created", "source.ingest.requested", "source.ingest.completed"]
    assert [await ingest.events(child.id) for child in children] == [made] * 200


async def test_what_keeps_being_interrupted_is_seen_as_failed_although_its_children_are_ready(
    idle_ingest: Ingest,
) -> None:
    ingest = idle_ingest
    files = {f"{n}.txt": f"Number {n}. " + "Words. " * 200 for n in range(200)}
    created = await ingest.upload("many.zip", a_zip(files, stored=True))
    async with ingest.working():
        while (await ingest.read(created.id)).children_count == 0:
            await asyncio.sleep(0.002)
        while (parent := await ingest.read(created.id)).error_message is None:
            for pid in archive_workers():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(0.01)
        assert (
            parent.error_message == "The process that unpacked the archive was ended. It was tried 3 times."
        )
        parent = await ingest.ended(created.id)
        assert (parent.status, await ingest.count("archive_pieces") > 0) == ("error", True)
        await ingest.ingest(created.id)
        parent = await ingest.ended(created.id)
        assert (parent.status, parent.error_message, parent.children_count) == ("ready", None, 200)


def archive_workers() -> list[int]:
    """Children of this process, which has no others at work but those that read."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = (process / "stat").read_text().rsplit(")", 1)[1].split()[1]
            if parent == str(os.getpid()) and b"extract.child" in (process / "cmdline").read_bytes():
                found.append(int(process.name))
    return found


async def test_a_parent_that_is_deleted_meanwhile_gets_no_more_children_and_comes_back_whole(
    idle_ingest: Ingest,
) -> None:
    ingest = idle_ingest
    files = {f"{n}.txt": f"Number {n}. " for n in range(100)}
    created = await ingest.upload("many.zip", a_zip(files, stored=True))
    async with ingest.working():
        while (await ingest.read(created.id)).children_count == 0:
            await asyncio.sleep(0.002)
        await ingest.delete(created.id)
        await asyncio.sleep(0.5)
        gone = await ingest.read(created.id)
        assert (gone.is_active, gone.children_count) == (False, 0)
        assert await ingest.count("archive_pieces") > 0
        await ingest.update(created.id, is_active=True)
        parent = await ingest.ended(created.id, timeout=60)
    assert (parent.status, parent.children_count) == ("ready", 100)


async def test_another_ingestion_of_an_unpacked_archive_changes_nothing(ingest: Ingest) -> None:
    created = await ingest.upload("two.zip", a_zip({"a.txt": "First.", "b.txt": "Second."}))
    await ingest.ended(created.id)
    before = await children_of(ingest, created.id)
    await ingest.ingest(created.id)
    after = await ingest.ended(created.id)
    assert (after.status, after.document_count) == ("ready", 2)
    assert await children_of(ingest, created.id) == before


async def test_an_office_document_stays_one_whatever_its_name(ingest: Ingest) -> None:
    created = await ingest.upload("policy.zip", a_docx())
    for version in (1, 2):
        done = await ingest.ended(created.id)
        assert (done.status, done.error_message, done.children_count) == ("ready", None, 0)
        assert "City: Oslo" in ingest.index.text(done.id)
        if version == 1:
            await ingest.ingest(created.id)
    assert await ingest.count("archive_pieces") == 0
    assert await ingest.count("sources") == 1


async def test_a_full_disk_is_waited_for_and_nothing_is_lost(idle_ingest: Ingest) -> None:
    ingest = idle_ingest
    created = await ingest.upload("two.zip", a_zip({"a.txt": "First.", "b.txt": "Second."}))
    ingest.disk.room = 10
    async with ingest.working():
        async with asyncio.timeout(20):
            while (reason := await last_error(ingest)) is None:
                await asyncio.sleep(0.05)
        waiting = await ingest.read(created.id)
        assert "disk" in reason
        assert (waiting.status, waiting.children_count) == ("processing", 0)
        ingest.disk.room = 100 * 1024**3
        async with ingest.database.system() as connection:
            await connection.execute("UPDATE work SET due_at = now()")
        done = await ingest.ended(created.id)
    assert (done.status, done.children_count) == ("ready", 2)


async def test_an_archive_and_several_files_meet_the_quotas_of_their_tenant(idle_ingest: Ingest) -> None:
    data = a_zip({f"{n}.txt": f"Number {n}." for n in range(5)})
    async with idle_ingest.another(most=Most(sources=3)).working() as small:
        failed = await small.ended((await small.upload("five.zip", data)).id)
    assert (failed.status, failed.children_count) == ("error", 0)
    assert failed.error_message == (
        "Not all files could be taken out of the archive. "
        "A tenant may have at most 3 sources. Delete some that you no longer need."
    )
    async with idle_ingest.another(most=Most(sources=6)).working() as larger:
        await larger.ingest(failed.id)
        assert (await larger.ended(failed.id)).children_count == 5
        with pytest.raises(TooManySources):
            await larger.upload("more.zip", data)


async def last_error(ingest: Ingest) -> str | None:
    async with ingest.database.system() as connection:
        found: str | None = await connection.fetchval("SELECT last_error FROM work WHERE lease_owner IS NULL")
    return found


async def test_archives_that_are_refused_at_once(idle_ingest: Ingest) -> None:
    ingest = idle_ingest
    data = a_zip({"a.txt": "Words."})
    parent = await ingest.create(a_source())
    with pytest.raises(ArchiveWithParent):
        await ingest.upload("a.zip", data, parent_id=parent.id)
    with pytest.raises(FileTooLarge, match="Maximum size is 20 MB"):
        await ingest.upload("a.zip", data, size=20 * archives.MEGABYTE + 1)
    ingest.transfer.objects["large"] = b"PK\x03\x04" + b"x" * (20 * archives.MEGABYTE + 1)
    with pytest.raises(FileTooLarge):
        await ingest.uploads.upload(an_upload("a.zip", data, object_name="large"), a_context())
    with pytest.raises(NoArchive):
        await ingest.upload("a.zip", b"These are just words.")
    for wrong in ({"size": len(data) + 1}, {"sha256": "0" * 64}):
        with pytest.raises(UploadGone):
            await ingest.upload("a.zip", data, **wrong)
    assert await ingest.count("archive_pieces") == 0
    assert await ingest.count("sources") == 1


async def test_a_repeated_upload_of_an_archive_is_one_source(idle_ingest: Ingest) -> None:
    ingest = idle_ingest
    data, context = a_zip({"a.txt": "Words."}), a_context(command_id=new_id())
    ids = set()
    for name in ("one", "two"):
        ingest.transfer.objects[name] = data
        ids.add((await ingest.uploads.upload(an_upload("a.zip", data, object_name=name), context)).id)
    assert len(ids) == 1
    assert await ingest.count("archive_pieces") == 1
