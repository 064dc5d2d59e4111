"""A backup of a running and of a stopped stack, and what comes out of it."""

import asyncio
import io
import stat
import sys
import tarfile
from pathlib import Path

import asyncpg
import pytest
from minirag_local.backup import backup, restore
from minirag_local.credentials import ADMIN, Credentials
from minirag_local.errors import StackError
from minirag_local.folder import DataFolder
from minirag_local.postgres_server import database_url
from minirag_local.state import RunState
from minirag_local.testing import Stack, running_stack

SMALL = (sys.executable, str(Path(__file__).with_name("small_stack.py")), "up")


def run_sql(stack: Stack, sql: str) -> object:
    async def run() -> object:
        state, password = RunState.read(stack.folder), Credentials.of(stack.folder).postgres[ADMIN]
        url = database_url(state.addresses.postgres_sockets, ADMIN, password, "postgres")
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    return asyncio.run(run())


def restored_answer(archive: Path, folder: Path) -> object:
    restore(DataFolder(folder / "data"), archive)
    with running_stack(folder, command=SMALL) as stack:
        return run_sql(stack, "SELECT sum(n) FROM facts")


def test_a_backup_holds_what_there_was_whether_it_runs_or_not(tmp_path: Path) -> None:
    running, stopped = tmp_path / "running.tgz", tmp_path / "stopped.tgz"
    with running_stack(tmp_path / "first", command=SMALL) as stack:
        run_sql(stack, "CREATE TABLE facts AS SELECT 42 AS n")
        backup(stack.folder, running)
        run_sql(stack, "INSERT INTO facts VALUES (58)")
        assert list(stack.folder.run.glob("backup-*")) == []
        stack.stop()
        backup(stack.folder, stopped)
    assert stat.S_IMODE(running.stat().st_mode) == 0o600
    assert restored_answer(running, tmp_path / "second") == 42
    assert restored_answer(stopped, tmp_path / "third") == 100


def test_restore_touches_no_folder_that_holds_something(tmp_path: Path) -> None:
    (tmp_path / "note").write_text("mine")
    with pytest.raises(StackError, match="is not empty"):
        restore(DataFolder(tmp_path), tmp_path / "any.tgz")


def test_there_is_no_backup_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="nothing to back up"):
        backup(DataFolder(tmp_path / "data"), tmp_path / "b.tgz")
    assert not (tmp_path / "b.tgz").exists()


def archive_with(path: Path, name: str) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.size = 2
        archive.addfile(member, io.BytesIO(b"{}"))
    return path


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "postgres/../../outside", "stranger"])
def test_an_archive_with_other_names_is_refused_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    archive = archive_with(tmp_path / "bad.tgz", name)
    with pytest.raises(StackError, match="is no archive of"):
        restore(DataFolder(tmp_path / "data"), archive)
    assert [path.name for path in tmp_path.iterdir()] == ["bad.tgz"]


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.tgz").write_bytes(b"\x1f\x8b nonsense")
    with pytest.raises(StackError, match="damaged"):
        restore(DataFolder(tmp_path / "data"), tmp_path / "bad.tgz")
