"""The engine's data folder: who may open it, which format it has, and what to do with one that cannot be
opened.
"""

import fcntl
import json
import logging
import os
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TypeVar

FORMAT = 1
"""Of the schema in ``shard.py``; raise it when an existing folder can no longer be read as it is."""
ATTEMPTS = 2
"""How often the process may die while opening the same folder before the folder is put aside."""

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
"""Another one after every start of the machine; Linux only."""

log = logging.getLogger(__name__)
T = TypeVar("T")


class FolderInUseError(RuntimeError):
    """Another engine has this folder open."""


class NewerFormatError(RuntimeError):
    """The folder was written by a newer version of the product."""


@dataclass(frozen=True, slots=True)
class Identity:
    """``store_id`` is new whenever the points start from nothing: whoever knows another one must fill them in
    again.
    """

    store_id: str
    format: int = FORMAT


class DataFolder:
    """Holds the lock of the folder as long as the process lives.

    Writes outlive their process at once, and the machine only when they were flushed, which takes as long as twenty of them. So
    it is noted, durably, that there are writes which the disk may not have; a machine that fails meanwhile is known by its boot
    id, and then the points start from nothing, to be filled in again.
    """

    def __init__(self, path: Path, boot_id: str | None = None) -> None:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path = path
        self._boot_id = boot_id or _boot_id()
        self._noted = False
        self._lock = self._locked()

    @property
    def shard(self) -> Path:
        """Where Qdrant Edge keeps its files."""
        return self.path / "shard"

    def open(self, load: Callable[[str], T], create: Callable[[str], T]) -> tuple[T, Identity]:
        """The store and its identity. A folder that cannot be read is put aside, never deleted, and one
        begins anew.
        """
        identity = None if self._lost_writes() else self._identity()
        if identity is not None and self.shard.is_dir() and not self._kept_dying():
            self._note_attempt()
            try:
                store = load(str(self.shard))
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException:  # a panic of the engine is no Exception
                log.exception("the folder of vectors cannot be read and is put aside")
            else:
                self._attempts.unlink(missing_ok=True)
                return store, identity
        return self._begin(create)

    @property
    def notices_failures(self) -> bool:
        """Whether a failure of the machine would be known afterwards."""
        return self._boot_id is not None

    @property
    def unflushed(self) -> bool:
        """Whether there may be writes that the disk does not have."""
        return self._noted

    def note_unflushed(self) -> None:
        """To be called before a write."""
        if not self._noted:
            self._write(self._unflushed, {"boot_id": self._boot_id})
            self._noted = True

    def note_flushed(self) -> None:
        """The disk has everything."""
        self._unflushed.unlink(missing_ok=True)
        self._noted = False

    @property
    def _unflushed(self) -> Path:
        return self.path / "unflushed.json"

    def _lost_writes(self) -> bool:
        try:
            noted = json.loads(self._unflushed.read_text())
        except FileNotFoundError:
            return False
        except (OSError, ValueError):
            noted = {}
        lost = self._boot_id is None or noted.get("boot_id") != self._boot_id
        if lost:
            log.error("the machine failed before all points were on the disk; they are put aside")
        self._noted = not lost
        return lost

    def _begin(self, create: Callable[[str], T]) -> tuple[T, Identity]:
        self._put_aside()
        self.shard.mkdir(mode=0o700)
        store = create(str(self.shard))
        identity = Identity(uuid.uuid4().hex)
        self._write(self.path / "format.json", {"format": identity.format, "store_id": identity.store_id})
        self._attempts.unlink(missing_ok=True)
        return store, identity

    def _identity(self) -> Identity | None:
        try:
            found = json.loads((self.path / "format.json").read_text())
            identity = Identity(str(found["store_id"]), int(found["format"]))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError):
            log.exception("the folder's format file cannot be read")
            return None
        if identity.format > FORMAT:
            raise NewerFormatError(
                f"{self.path} has format {identity.format}, this version reads up to {FORMAT}"
            )
        return identity if identity.format == FORMAT else None

    @property
    def _attempts(self) -> Path:
        return self.path / "opening"

    def _kept_dying(self) -> bool:
        with suppress(FileNotFoundError, ValueError):
            if int(self._attempts.read_text()) >= ATTEMPTS:
                log.error("the process died while opening the folder of vectors, which is put aside")
                return True
        return False

    def _note_attempt(self) -> None:
        count = 0
        with suppress(FileNotFoundError, ValueError):
            count = int(self._attempts.read_text())
        self._attempts.write_text(str(count + 1))

    def _put_aside(self) -> None:
        (self.path / "format.json").unlink(missing_ok=True)
        self.note_flushed()
        if self.shard.exists():
            self.shard.rename(self.path / f"unreadable-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}")

    def _locked(self) -> IO[str]:
        lock = (self.path / "lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise FolderInUseError(f"another engine has {self.path} open") from None
        return lock

    @staticmethod
    def _write(path: Path, content: dict[str, object]) -> None:
        draft = path.with_suffix(".new")
        with draft.open("w") as file:
            json.dump(content, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # the new name, too
        finally:
            os.close(folder)


def _boot_id() -> str | None:
    try:
        return BOOT_ID.read_text().strip() or None
    except OSError:
        return None
