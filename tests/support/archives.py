"""Archives: good ones, and those that mean harm."""

import io
import struct
import zipfile
from collections.abc import Callable, Mapping

MEGABYTE = 1024 * 1024


def a_zip(files: Mapping[str, bytes | str], *, stored: bool = False) -> bytes:
    """An archive of these files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            archive.writestr(path, data)
    return out.getvalue()


def with_symlink(target: str = "/etc/passwd") -> bytes:
    """One good file, and a link out of the archive whose name is that of a document."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("good.txt", "A good file.")
        link = zipfile.ZipInfo("link.txt")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, target)
    return out.getvalue()


def encrypted() -> bytes:
    """As its directory says."""
    data = bytearray(a_zip({"secret.txt": "words"}))
    central = data.index(b"PK\x01\x02")
    data[central + 8] |= 1
    return bytes(data)


def many_entries(count: int) -> bytes:
    """So many empty files, and a last record that tells how many."""
    return a_zip({f"{n}.txt": "" for n in range(count)}, stored=True)


def lying_about_its_entries(count: int) -> bytes:
    """The same, but the last record says that there is one."""
    data = bytearray(many_entries(count))
    at = data.rindex(b"PK\x05\x06")
    data[at + 8 : at + 12] = struct.pack("<HH", 1, 1)
    return bytes(data)


def overlapping(copies: int = 200, size: int = 9 * MEGABYTE) -> bytes:
    """David Fifield's idea at its simplest: every entry of the directory leads to the same packed bytes."""
    data = a_zip({"a.txt": b"\0" * size})
    at, end = data.index(b"PK\x01\x02"), data.rindex(b"PK\x05\x06")
    entry = data[at:end]
    entries = b"".join(entry[:46] + (b"%05d" % n) + entry[51:] for n in range(copies))
    last = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, copies, copies, len(entries), at, 0)
    return data[:at] + entries + last


def nested(depth: int = 6, width: int = 16) -> bytes:
    """As 42.zip: archives in archives, which unpack to more than anybody has."""
    data = a_zip({"0.txt": b"\0" * 4 * MEGABYTE})
    for level in range(depth):
        data = a_zip({f"{level}-{n}.zip": data for n in range(width)})
    return data


def good() -> bytes:
    """Twenty texts."""
    return a_zip({f"{n}.txt": f"Text {n}. " * 1000 for n in range(20)})


BOMBS: dict[str, Callable[[], bytes]] = {
    "PK and nothing": lambda: b"PK\x03\x04" + b"\0" * 100,
    "cut off": lambda: good()[: len(good()) // 2],
    "encrypted": encrypted,
    "42.zip": nested,
    "overlapping entries": overlapping,
    "65,000 entries": lambda: many_entries(65_000),
    "100,000 entries, of which it tells one": lambda: lying_about_its_entries(100_000),
    "nothing that can be read": lambda: a_zip({"a.exe": b"MZ", "b.png": b"\x89PNG", "c/d.zip": good()}),
    "unpacks to too much": lambda: a_zip({f"{n}.txt": bytes(range(256)) * 36_000 for n in range(30)}),
    "a broken office document": lambda: a_zip({"word/document.xml": "<w/>", "[Content_Types].xml": "<t/>"}),
    "empty": lambda: a_zip({}),
}
"""What must end as an error, by what it is; made where it is needed, for some take seconds."""
