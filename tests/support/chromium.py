"""Debian's Chromium for the tests: found, or installed where that is allowed."""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
INSTALL = (
    ("apt-get", "-qq", "update"),
    (
        "apt-get",
        "-qq",
        "install",
        "-y",
        "--no-install-recommends",
        "chromium-headless-shell",
        "fonts-liberation",
    ),
)
MISSING = "install Debian's chromium-headless-shell, or name another one with MINIRAG_CHROMIUM"


def named() -> str | None:
    """What MINIRAG_CHROMIUM says, whether it exists or not."""
    return os.environ.get("MINIRAG_CHROMIUM") or None


def find() -> str | None:
    """The program, or nothing."""
    given = named()
    return next((path for name in ([given] if given else NAMES) if (path := shutil.which(name))), None)


def is_root() -> bool:
    """Whether packages may be installed; Chromium's sandbox refuses this user."""
    return os.geteuid() == 0


def options() -> dict[str, Any]:
    """How Playwright starts it; raises FileNotFoundError where there is none."""
    program = find()
    if program is None:
        raise FileNotFoundError(MISSING)
    return {"executable_path": program, "args": ["--no-sandbox"] if is_root() else []}


def must_be_there() -> bool:
    """Whether tests without it fail instead of being skipped."""
    return named() is not None or is_root() or os.environ.get("CI") == "true"


def install() -> None:
    """Install it as root, once for all of pytest's workers; what went wrong is printed, and told by the tests."""
    if named() or not is_root() or not shutil.which("apt-get"):
        return
    with Path(sys.prefix, ".chromium.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if find():
            return
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in INSTALL:
            subprocess.run(command, env=environment, stdout=sys.stderr, check=False)
