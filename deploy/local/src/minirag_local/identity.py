"""As whom Postgres runs. It refuses uid 0, so root needs a way round that opens no folder to anybody.

A user namespace is the first choice: the server believes to be another user, and files stay root's. Where
namespaces are refused it really becomes an unprivileged user. That user reaches the data through an inherited
descriptor (``/proc/self/fd/N``), not through its path, so parents that are closed to it stay closed.
"""

import os
import pwd
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from minirag_local import kernel
from minirag_local.errors import StackError
from minirag_local.settings import RootMode

_USERS = ("minirag", "nobody")
"""The users whom root's Postgres may become: initdb insists on one that has a name."""


class Identity(Protocol):
    """How a child of ours becomes the one who runs Postgres."""

    @property
    def separate(self) -> bool:
        """Is it really another user, who can enter none of our folders?"""

    def assume(self) -> None:
        """Called in the child between fork and exec."""

    def own(self, target: int | Path) -> None:
        """Give a file or folder of ours to the one who runs Postgres."""


@dataclass(frozen=True, slots=True)
class Ourselves:
    """An ordinary user runs Postgres under their own name."""

    separate = False

    def assume(self) -> None:
        """Nothing to change."""

    def own(self, target: int | Path) -> None:
        """It is ours, and so is Postgres."""


@dataclass(frozen=True, slots=True)
class Namespace:
    """Root inside a user namespace, under another uid's number."""

    uid: int
    gid: int
    separate = False

    def assume(self) -> None:
        """Leave uid 0 as far as the process itself can see."""
        kernel.enter_user_namespace(self.uid, self.gid)

    def own(self, target: int | Path) -> None:
        """Outside the namespace the files are still root's."""


@dataclass(frozen=True, slots=True)
class OtherUser:
    """Really another, unprivileged user."""

    uid: int
    gid: int
    separate = True

    def assume(self) -> None:
        """Drop every privilege."""
        kernel.switch_user(self.uid, self.gid)

    def own(self, target: int | Path) -> None:
        """Hand over the file or folder, and nothing above it."""
        os.chown(target, self.uid, self.gid)


def identity_for_postgres(mode: RootMode, program: Path, folder: Path) -> Identity:
    """Choose how Postgres is run, by trying ``program --version``; ``mode`` lets root skip the choice."""
    if os.geteuid() != 0:
        return Ourselves()
    user = _unprivileged_user()
    namespace = Namespace(user.pw_uid, user.pw_gid)
    if mode == "userns" or (
        mode == "auto" and not _owned_by_other(folder) and _works(namespace.assume, program)
    ):
        return namespace
    other = OtherUser(user.pw_uid, user.pw_gid)
    if not _works(other.assume, Path("/bin/true")):
        raise StackError(
            "Postgres refuses to run as root, and this root may neither make user namespaces nor change its user: "
            "run MiniRAG as an ordinary user."
        )
    return other


def reachable(identity: Identity, program: Path) -> bool:
    """Can the one who runs Postgres execute ``program`` by its path?"""
    return _works(identity.assume, program)


def _unprivileged_user() -> pwd.struct_passwd:
    for name in _USERS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    others = [entry for entry in pwd.getpwall() if entry.pw_uid != 0]
    if not others:
        raise StackError(
            "Postgres refuses to run as root, and /etc/passwd names nobody else: add a user `minirag`."
        )
    return others[-1]


def _owned_by_other(folder: Path) -> bool:
    """A cluster that was made by another user keeps its owner."""
    return folder.exists() and folder.stat().st_uid != 0


def _works(assume: Callable[[], None], program: Path) -> bool:
    try:
        done = subprocess.run(
            [program, "--version"],
            preexec_fn=assume,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0
