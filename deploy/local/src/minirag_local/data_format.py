"""Which formats the data folder's stores have: recorded at every start, checked before anything touches them."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from minirag_local import __version__, binaries
from minirag_local.errors import StackError
from minirag_local.folder import DataFolder, read_json, write_private

FORMAT = 1
"""Arrangement of the data folder. A change of it adds a step to UPGRADES. What is inside has records of its own: the
schemas their migrations, which refuse what a newer version has left behind, and the vectors their format, else they are
made anew."""

Upgrade = Callable[[DataFolder], None]

UPGRADES: Mapping[int, Upgrade] = {}
"""Format → the step that makes the next one of it."""


def current() -> dict[str, Any]:
    """What this package writes."""
    return {
        "format": FORMAT,
        "product": __version__,
        "postgres_major": binaries.postgres_major(binaries.postgres_install()),
    }


def open_folder(folder: DataFolder, upgrades: Mapping[int, Upgrade] = UPGRADES, target: int = FORMAT) -> None:
    """Bring the folder to our format; raises StackError when a newer package or another Postgres wrote it."""
    if not folder.format.exists():
        return
    stored = read_json(folder.format)
    refuse_foreign(stored, str(folder.root), target)
    for step in range(int(stored["format"]), target):
        upgrades[step](folder)
        write_private(folder.format, json.dumps(stored | {"format": step + 1}, indent=2))


def refuse_foreign(stored: dict[str, Any], where: str, target: int = FORMAT) -> None:
    """Raises StackError when this package cannot read what ``stored`` describes."""
    product, written = stored.get("product", "unknown"), stored.get("format")
    if not isinstance(written, int):
        raise StackError(f"{where} does not say which format it has: its format.json is damaged.")
    if written > target:
        raise StackError(
            f"{where} was written by MiniRAG {product} (format {written}), and this is {__version__} "
            f"(format {target}): install the newer version again, or use another data folder."
        )
    ours = binaries.postgres_major(binaries.postgres_install())
    theirs = stored.get("postgres_major")
    if theirs != ours:
        raise StackError(
            f"{where} holds a Postgres {theirs} cluster, and this package brings Postgres {ours}: "
            f"install MiniRAG {product} again, or set MINIRAG_POSTGRES_INSTALL to a Postgres {theirs}."
        )


def record(folder: DataFolder) -> None:
    """Note what the stores are now."""
    written = json.dumps(current(), indent=2)
    if not folder.format.exists() or folder.format.read_text(encoding="utf-8") != written:
        write_private(folder.format, written)
