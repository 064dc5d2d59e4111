"""How much room the data folder has."""

import shutil
from pathlib import Path

from minirag_contracts.disk import LOW_DISK


def is_low(folder: Path | None) -> bool:
    """Whether too little is free for new sources; False where the gateway was not told of a folder to watch."""
    return folder is not None and folder.exists() and shutil.disk_usage(folder).free < LOW_DISK
