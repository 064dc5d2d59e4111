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
    """Holds the lock of the folder as long as the process lives."""

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path = path
        self._lock = self._locked()

    @property
    def shard(self) -> Path:
        """Where Qdrant Edge keeps its files."""
        return self.path / "shard"

    def open(self, load: Callable[[str], T], create: Callable[[str], T]) -> tuple[T, Identity]:
        """The store and its identity. A folder that cannot be read is put aside, never deleted, and one
        begins anew.
        """
        identity = self._identity()
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
