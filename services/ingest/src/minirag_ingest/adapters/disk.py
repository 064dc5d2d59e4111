"""The disk of the data folder."""

import shutil
from pathlib import Path


class DataDisk:
    """The port Disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def free(self) -> int:
        """Bytes that we may still write."""
        return shutil.disk_usage(self._folder).free
