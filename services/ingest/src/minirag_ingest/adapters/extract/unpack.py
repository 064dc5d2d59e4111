"""Archives of files (ZIP) in the worker's process: looked through before anything is unpacked, then given out file by file.

What would harm the whole is refused; a file that cannot be taken is left out, with the reason.
"""

import io
import posixpath
import stat
import zipfile
from collections.abc import Iterable
from typing import Any

from minirag_contracts.requests.ingest import ARCHIVE_TYPES, FILE_TYPES, extension_of

from minirag_ingest.adapters.extract.archive import BROKEN, MEGABYTE
from minirag_ingest.adapters.extract.errors import EmptyDocument, Unreadable

MAX_ENTRIES = 10_000
MAX_FILES = 1000
"""Files that can be read, as many as a batch may have children."""
MAX_FILE = 10 * MEGABYTE
MAX_UNPACKED = 200 * MEGABYTE
"""Bytes of all files that are taken, as the directory announces them; zipfile gives no more of a file than that."""
MAX_RATIO = 200
RATIO_FROM = MEGABYTE
"""A file of at least so many bytes that was packed tighter than that is no document."""
MAX_PATH = 1024
DIRECTORY_ENTRY, LOCAL_HEADER = 46, 30
END, END_SIZE, COMMENT = b"PK\x05\x06", 22, 65535
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Others may want any amount of memory."""
OFFICE = ("word/document.xml", "ppt/presentation.xml", "xl/workbook.xml", "META-INF/container.xml")

DAMAGED = "The archive is damaged, or no ZIP archive."
ENTRIES = f"The archive has more than {MAX_ENTRIES:,} entries."
OVERLAP = "The archive is damaged: its files overlap."


class Archive:
    """An open archive; ``files`` are those that can be taken, in the archive's order; none of an office document."""

    def __init__(self, data: bytes) -> None:
        _check_directory(data)
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except BROKEN as error:
            raise Unreadable(DAMAGED) from error
        self.files: list[tuple[zipfile.ZipInfo, str]] = []
        self.skipped: list[tuple[str, str]] = []
        entries = self._zip.infolist()
        _check_count(len(entries))
        self.is_document = _is_document(entries)
        if not self.is_document:
            _check_whole(entries)
            self._look_through(entries)
            self._check_taken()

    def _look_through(self, entries: list[zipfile.ZipInfo]) -> None:
        seen: set[str] = set()
        for entry in entries:
            path = entry.filename.replace("\\", "/")
            if _is_folder(entry, path):
                continue
            if reason := _reason(entry, path, seen):
                self.skipped.append((path[:MAX_PATH], reason))
            else:
                seen.add(posixpath.normpath(path))
                self.files.append((entry, posixpath.normpath(path)))

    def _check_taken(self) -> None:
        if not self.files:
            raise EmptyDocument("There is no file in the archive that can be read.")
        if len(self.files) > MAX_FILES:
            raise Unreadable(
                f"The archive has {len(self.files):,} files that can be read, and {MAX_FILES:,} are possible. "
                "Please split it."
            )
        if sum(entry.file_size for entry, _ in self.files) > MAX_UNPACKED:
            raise Unreadable(f"The archive has more than {MAX_UNPACKED // MEGABYTE} MB when unpacked.")

    def listing(self) -> dict[str, Any]:
        """What is told of it."""
        files = [[path, entry.file_size] for entry, path in self.files]
        return {"document": self.is_document, "files": files, "skipped": self.skipped}

    def read(self, index: int) -> bytes:
        """One of the files, checked against its checksum; raises Unreadable."""
        entry, _ = self.files[index]
        try:
            return self._zip.read(entry)
        except (*BROKEN, RuntimeError) as error:
            raise Unreadable("it is damaged") from error


def _check_directory(data: bytes) -> None:
    """By the archive's last record, before anything is made of what it leads to."""
    at = data.rfind(END, max(0, len(data) - END_SIZE - COMMENT))
    if at < 0 or len(data) - at < END_SIZE:
        raise Unreadable(DAMAGED)
    count = int.from_bytes(data[at + 10 : at + 12], "little")
    size = int.from_bytes(data[at + 12 : at + 16], "little")
    _check_count(count)
    if size > MAX_ENTRIES * (DIRECTORY_ENTRY + MAX_PATH):
        raise Unreadable(ENTRIES)


def _check_count(entries: int) -> None:
    if entries > MAX_ENTRIES:
        raise Unreadable(ENTRIES)


def _is_document(entries: list[zipfile.ZipInfo]) -> bool:
    """Whether it is one thing that is kept as an archive: an office document or a book."""
    names = {entry.filename for entry in entries}
    return any(entry.filename == "mimetype" for entry in entries[:1]) or not names.isdisjoint(OFFICE)


def _check_whole(entries: list[zipfile.ZipInfo]) -> None:
    if any(entry.flag_bits & 1 for entry in entries):
        raise Unreadable("The archive is protected by a password. Please upload an unprotected copy.")
    if _overlap(entries):
        raise Unreadable(OVERLAP)


def _overlap(entries: Iterable[zipfile.ZipInfo]) -> bool:
    """Whether two files share bytes: so a small archive holds any amount (and no program packs so)."""
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.header_offset < end:
            return True
        end = entry.header_offset + LOCAL_HEADER + entry.compress_size
    return False


def _is_folder(entry: zipfile.ZipInfo, path: str) -> bool:
    return path.endswith("/") and entry.file_size == 0


def _reason(entry: zipfile.ZipInfo, path: str, seen: set[str]) -> str | None:
    """Why a file is left out."""
    return _reason_of_path(path, seen) or _reason_of_kind(entry, path)


def _reason_of_path(path: str, seen: set[str]) -> str | None:
    parts = path.split("/")
    if path.startswith("/") or ".." in parts or ":" in parts[0]:
        return "its path leads out of the archive"
    if len(path) > MAX_PATH or any(ord(char) < 32 or ord(char) == 127 for char in path):
        return "its path is too long, or has control characters"
    if "__MACOSX" in parts or any(part.startswith(".") and part != "." for part in parts):
        return "it is hidden"
    if posixpath.normpath(path) in seen:
        return "there is another file of this path"
    return None


def _reason_of_kind(entry: zipfile.ZipInfo, path: str) -> str | None:
    extension = extension_of(path)
    if stat.S_ISLNK(entry.external_attr >> 16):
        return "it is a link"
    if extension in ARCHIVE_TYPES:
        return "archives in archives are not unpacked"
    if extension not in FILE_TYPES:
        return "files of this type cannot be read"
    return _reason_of_size(entry)


def _reason_of_size(entry: zipfile.ZipInfo) -> str | None:
    if entry.compress_type not in METHODS:
        return "it is packed in a way that cannot be read"
    if entry.file_size == 0:
        return "it is empty"
    if entry.file_size > MAX_FILE:
        return f"it is larger than {MAX_FILE // MEGABYTE} MB"
    if entry.file_size >= RATIO_FROM and entry.file_size > MAX_RATIO * entry.compress_size:
        return "it is packed too tightly to be a document"
    return None
