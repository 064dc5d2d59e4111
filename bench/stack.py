"""The stack that a benchmark measures: one of its own in a temporary folder, or one that runs already."""

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from minirag_local.folder import DataFolder
from minirag_local.state import RunState
from minirag_local.testing import running_stack

from bench.processes import Tree

SHOWN = 3  # log entries of a kind
FOREIGN = ("OPENAI_", "MINIRAG_", "QDRANT_", "DEFAULT_LLM_MODEL")


@dataclass(frozen=True)
class Measured:
    """A running stack. `tree` is None where its processes cannot be seen; `startup` is in seconds, None if unknown."""

    url: str
    tree: Tree | None
    startup: float | None = None
    data_dir: Path | None = None


@contextmanager
def own_stack(extra: Mapping[str, str] | None = None) -> Iterator[Measured]:
    """A fresh stack on a free port; it ends and is deleted with the block. Settings of the caller do not leak in."""
    for name in [name for name in os.environ if name.startswith(FOREIGN)]:
        del os.environ[name]
    with (
        tempfile.TemporaryDirectory(prefix="minirag-bench-") as folder,
        running_stack(Path(folder), extra) as stack,
    ):
        try:
            yield Measured(stack.url, tree_of(stack.data_dir), stack.startup_seconds, stack.data_dir)
        finally:
            print_complaints(stack.logs())


def print_complaints(logs: str) -> None:
    """What the stack's processes have warned of, and how often; the first few of each."""
    found = [entry for entry in logs.splitlines() if re.search(r'"level": "(warning|error|critical)"', entry)]
    kinds: dict[str, list[str]] = {}
    for entry in found:
        message = re.search(r'"message": "([^"]*)"', entry)
        kinds.setdefault(message[1] if message else entry, []).append(entry)
    for kind, entries in kinds.items():
        print(f"\nThe stack's log: {len(entries)} × {kind}")
        print("\n".join(f"  {entry[:500]}" for entry in entries[:SHOWN]))


def running(url: str, data_dir: Path | None) -> Measured:
    """A stack that runs already; with its data folder its processes are measured too."""
    return Measured(url, tree_of(data_dir) if data_dir else None)


def tree_of(data_dir: Path) -> Tree:
    """The supervisor and all that it started."""
    state = RunState.read(DataFolder(data_dir))
    named = {pid: name for name, pid in state.processes.items() if pid is not None}
    return Tree({state.pid: "supervisor", **named})
