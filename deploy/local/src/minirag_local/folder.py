"""The data folder: where everything lies, and the lock that makes one stack its only user."""

import contextlib
import errno
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minirag_local.errors import StackError

SOCKET_PATH_LIMIT = 107
"""Bytes of a unix socket's path (``sun_path`` without its NUL)."""

LOW_DISK = 1_000_000_000
"""Below this many free bytes the data folder is short of space."""

_TEMPORARY = ("/tmp", "/var/tmp")  # noqa: S108 -- what is made in them has a private name
_LONGEST_SOCKET_NAME = "postgres/.s.PGSQL.5432"


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Paths below one data folder. Everything in it belongs to the user who runs the stack, mode 0700."""

    root: Path

    @property
    def run(self) -> Path:
        """What describes the running stack only: lock, state, sockets, generated configuration."""
        return self.root / "run"

    @property
    def nats(self) -> Path:
        """JetStream's store: a window on the events, lost without harm."""
        return self.root / "nats"

    @property
    def postgres(self) -> Path:
        """The Postgres cluster: the truth."""
        return self.root / "postgres"

    def flush(self) -> None:
        """Wait until the cluster is on the disk, file by file: whoever ends meanwhile waits for one file at most, where
        ``sync`` would hold the process until all that anybody has written on the machine is.
        """
        for folder, _, names in os.walk(self.postgres):
            for name in (".", *names):
                with contextlib.suppress(FileNotFoundError), _opened(Path(folder, name)) as descriptor:
                    os.fsync(descriptor)

    @property
    def vectors(self) -> Path:
        """The vector engine's shard."""
        return self.root / "vectors"

    @property
    def logs(self) -> Path:
        """Log lines of every process."""
        return self.root / "logs"

    @property
    def secrets(self) -> Path:
        """Generated passwords and keys, mode 0600."""
        return self.root / "secrets.json"

    @property
    def subscribers(self) -> Path:
        """Who may hear a tenant's events from outside, with passwords, mode 0600; missing where nobody may."""
        return self.root / "subscribers.json"

    @property
    def format(self) -> Path:
        """Which formats the stores have."""
        return self.root / "format.json"

    @property
    def state(self) -> Path:
        """Pids and addresses of the running stack."""
        return self.run / "state.json"

    def create(self) -> None:
        """Make the folders, closed to everybody else."""
        try:
            for folder in (self.root, self.run, self.nats, self.vectors, self.logs):
                folder.mkdir(mode=0o700, parents=folder == self.root, exist_ok=True)
                folder.chmod(0o700)
        except OSError as error:
            raise StackError(f"The data folder {self.root} cannot be used: {error.strerror}.") from error

    def socket_folder(self) -> Path:
        """Where unix sockets lie: ``run``, or a private folder elsewhere when that path is too long for a socket."""
        if len(os.fsencode(self.run / _LONGEST_SOCKET_NAME)) <= SOCKET_PATH_LIMIT:
            return self.run
        return private_temporary_folder()

    def free_bytes(self) -> int:
        """Free space of the disk that carries the folder."""
        return shutil.disk_usage(self.root).free


def private_temporary_folder(parent: Path | None = None) -> Path:
    """A new folder with a short path that only this user can enter."""
    return Path(tempfile.mkdtemp(prefix="minirag-", dir=parent))


def public_temporary_folder() -> Path:
    """The first of the system's temporary folders that every user can reach; raises StackError if none is."""
    candidates = [Path(name) for name in (tempfile.gettempdir(), *_TEMPORARY)]
    for candidate in candidates:
        folders = (candidate, *candidate.parents)
        if candidate.is_dir() and all(folder.stat().st_mode & 0o001 for folder in folders):
            return candidate
    raise StackError(
        "No temporary folder can be reached by an unprivileged user: set TMPDIR to one that can."
    )


class FolderLock:
    """Held for as long as a stack runs on the folder; the kernel drops it with the process, however that ends."""

    def __init__(self, folder: DataFolder) -> None:
        self._path = folder.run / "lock"
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """True when the lock is ours now, False when another process holds it."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                return False
            raise
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Let another process have the folder."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def write_private(path: Path, content: str) -> None:
    """Replace a file in one step, mode 0600, on disk before it gets its name."""
    temporary = path.with_name(path.name + ".new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file of the data folder; raises StackError when it is damaged."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise StackError(f"{path} is damaged: {error}. Restore it from a backup.") from error
    if not isinstance(value, dict):
        raise StackError(f"{path} is damaged: it holds no JSON object. Restore it from a backup.")
    return value
