"""``minirag backup`` and ``restore``: one archive with the database, the keys and the formats.

The bus' store and the vectors stay out: the relays refill the one from Postgres, retrieval the other. So an
archive is one consistent moment, whether the stack runs or not.
"""

import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from minirag_local import binaries, data_format
from minirag_local.credentials import ADMIN, Credentials
from minirag_local.errors import NotRunning, StackError
from minirag_local.folder import DataFolder, FolderLock, read_json
from minirag_local.postgres_server import PORT, plain_environment
from minirag_local.state import RunState

_CONTENT = ("format.json", "secrets.json", "postgres")
_OPTIONAL = ("subscribers.json",)
_NOT_COPIED = {"postmaster.pid", "postmaster.opts"}


def backup(folder: DataFolder, target: Path) -> int:
    """Write the archive (mode 0600) and answer its size in bytes; the file has its name only when it is complete."""
    if not folder.format.exists() or not folder.postgres.exists():
        raise StackError(f"{folder.root} holds no MiniRAG yet: there is nothing to back up.")
    if not target.absolute().parent.is_dir():
        raise StackError(f"{target.absolute().parent} is no folder.")
    partial = target.with_name(target.name + ".partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file, _cluster(folder) as cluster:
            with tarfile.open(fileobj=file, mode="w:gz", compresslevel=3) as archive:
                archive.add(folder.format, "format.json")
                archive.add(folder.secrets, "secrets.json")
                if folder.subscribers.exists():
                    archive.add(folder.subscribers, "subscribers.json")
                archive.add(cluster, "postgres", filter=_kept)
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return size


def restore(folder: DataFolder, source: Path) -> None:
    """Fill an empty or missing data folder; raises StackError rather than touch one that holds something."""
    if folder.root.exists() and any(folder.root.iterdir()):
        raise StackError(f"{folder.root} is not empty: restore into a new data folder (MINIRAG_DATA_DIR).")
    folder.root.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=f".{folder.root.name}-", dir=folder.root.parent))
    restored = DataFolder(building)
    try:
        _extract(source, building)
        data_format.refuse_foreign(read_json(restored.format), str(source))
        Credentials.of(restored)
        for path in (restored.postgres, *restored.postgres.rglob("*")):
            path.chmod(0o700 if path.is_dir() else 0o600)
        if folder.root.exists():
            folder.root.rmdir()
        building.rename(folder.root)
    finally:
        if building.exists():
            shutil.rmtree(building)


@contextmanager
def _cluster(folder: DataFolder) -> Iterator[Path]:
    """A copy of the running cluster, or the stopped one itself, kept from starting meanwhile."""
    try:
        state = RunState.read(folder)
    except NotRunning:
        lock = FolderLock(folder)
        if not lock.acquire():
            raise StackError("MiniRAG is just starting: try again when it is ready.") from None
        try:
            yield folder.postgres
        finally:
            lock.release()
        return
    with tempfile.TemporaryDirectory(prefix="backup-", dir=folder.run) as copy:
        _base_backup(folder, state.addresses.postgres_sockets, Path(copy) / "postgres")
        yield Path(copy) / "postgres"


def _base_backup(folder: DataFolder, sockets: str, target: Path) -> None:
    program = binaries.postgres_install() / "bin" / "pg_basebackup"
    where = ["--host", sockets, "--port", str(PORT), "--username", ADMIN, "--no-password"]
    how = ["--pgdata", str(target), "--wal-method=stream", "--checkpoint=fast", "--no-sync", "--no-manifest"]
    password = {"PGPASSWORD": Credentials.of(folder).postgres[ADMIN]}
    done = subprocess.run(
        [program, *where, *how],
        env=plain_environment() | password,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise StackError(f"Postgres could not be copied: {done.stderr.strip()}")


def _kept(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Without what belongs to one run or one machine's users."""
    if PurePosixPath(member.name).name in _NOT_COPIED:
        return None
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def _extract(source: Path, target: Path) -> None:
    try:
        with tarfile.open(source, mode="r:gz") as archive:
            members = [member for member in archive if _expected(member, source)]
            for member in members:
                member.uid, member.gid = os.geteuid(), os.getegid()
            archive.extractall(target, members, numeric_owner=True)  # noqa: S202 -- every name was looked at
    except FileNotFoundError as error:
        raise StackError(f"{source} does not exist.") from error
    except (tarfile.TarError, EOFError, OSError) as error:
        raise StackError(f"{source} is no archive of `minirag backup`, or it is damaged: {error}.") from error
    missing = [name for name in _CONTENT if not (target / name).exists()]
    if missing:
        raise StackError(f"{source} is no archive of `minirag backup`: it has no {missing[0]}.")


def _expected(member: tarfile.TarInfo, source: Path) -> bool:
    parts = PurePosixPath(member.name).parts
    known = bool(parts) and parts[0] in (*_CONTENT, *_OPTIONAL) and ".." not in parts
    if not known or not (member.isfile() or member.isdir()):
        raise StackError(f"{source} is no archive of `minirag backup`: it holds {member.name}.")
    return True
