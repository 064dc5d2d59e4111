"""How much room the data folder has."""

import shutil
from pathlib import Path

LOW = 1024**3
"""Bytes of free disk below which health says so (issue: under 1 GB)."""


def is_low(folder: Path | None) -> bool:
    """Whether less than 1 GB is free; False where the gateway was not told of a folder to watch."""
    return folder is not None and folder.exists() and shutil.disk_usage(folder).free < LOW
