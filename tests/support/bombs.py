"""Files that mean harm, or are broken: each is made by a function here, and must cost one document and nothing else."""

import gzip
import io
import random
import struct
import zipfile
import zlib

from ingest_documents import a_docx
from office_documents import a_pptx, an_epub, an_xlsx

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
MEGABYTE = 1024 * 1024


def changed(archive: bytes, parts: dict[str, bytes]) -> bytes:
    """A copy of a ZIP file with other parts."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name not in parts:
                new.writestr(name, old.read(name))
        for name, data in parts.items():
            new.writestr(name, data)
    return out.getvalue()


def laughs(body: str, depth: int = 12) -> bytes:
    """A billion laughs before ``body``, which has ``&l11;`` in it."""
    entities = "".join(
        f'<!ENTITY l{level} "{f"&l{level - 1};" * 10}">' if level else '<!ENTITY l0 "ha">'
        for level in range(depth)
    )
    return f'<?xml version="1.0"?><!DOCTYPE x [{entities}]>{body}'.encode()


def external(body: str, target: str) -> bytes:
    """An external entity before ``body``, which has ``&file;`` in it."""
    return f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY file SYSTEM "{target}">]>{body}'.encode()


def a_word_body(text: str) -> str:
    """word/document.xml with one paragraph, without its declaration."""
    return f'<w:document xmlns:w="{W}"><w:body><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:body></w:document>'


def a_sheet(rows: str) -> str:
    """xl/worksheets/sheet1.xml, without its declaration."""
    return f'<worksheet xmlns="{SHEET}"><sheetData>{rows}</sheetData></worksheet>'


def a_page(text: str) -> str:
    """A chapter of a book."""
    return f'<html xmlns="http://www.w3.org/1999/xhtml"><body><p>{text}</p></body></html>'


WORD, SHEET_PART, SLIDE, CHAPTER = (
    "word/document.xml", "xl/worksheets/sheet1.xml", "ppt/slides/slide1.xml", "OEBPS/one.xhtml",
)  # fmt: skip


def with_entities(kind: str, target: str | None) -> bytes:
    """An office file or book with a billion laughs, or with an external entity that leads to ``target``."""
    made, part, body = {
        "docx": (a_docx, WORD, a_word_body("&{};")),
        "xlsx": (
            an_xlsx,
            SHEET_PART,
            a_sheet('<row r="1"><c r="A1" t="inlineStr"><is><t>&{};</t></is></c></row>'),
        ),
        "pptx": (
            a_pptx,
            SLIDE,
            '<p:sld xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main">&{};</p:sld>',
        ),
        "epub": (an_epub, "OEBPS/content.opf", "<package><metadata><title>&{};</title></metadata></package>"),
    }[kind]
    data = laughs(body.format("l11")) if target is None else external(body.format("file"), target)
    return changed(made(), {part: data})


def filled(archive: bytes, name: str, megabytes: int, block: bytes = b" ") -> bytes:
    """A part that unpacks to so much of the same."""
    out = io.BytesIO(archive)
    with (
        zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED, compresslevel=9) as new,
        new.open(name, "w", force_zip64=True) as part,
    ):
        piece = block * (MEGABYTE // len(block))
        for _ in range(megabytes):
            part.write(piece)
    return out.getvalue()


def lying(archive: bytes) -> bytes:
    """The same archive, whose directory says that every part has one byte."""
    data = bytearray(archive)
    at = data.find(b"PK\x01\x02")
    while at >= 0:
        data[at + 24 : at + 28] = struct.pack("<I", 1)
        at = data.find(b"PK\x01\x02", at + 4)
    return bytes(data)


def overlapping(kind: bytes) -> bytes:
    """David Fifield's idea: thousands of directory entries that all point to one compressed part."""
    body = zlib.compressobj(9, zlib.DEFLATED, -15)
    plain = b"\0" * 4 * MEGABYTE
    packed = body.compress(plain) + body.flush()
    local = struct.pack(
        "<4sHHHHHIIIHH",
        b"PK\x03\x04",
        20,
        0,
        8,
        0,
        0,
        zlib.crc32(plain),
        len(packed),
        len(plain),
        len(kind),
        0,
    )
    directory = b""
    for number in range(2000):
        name = b"word/%d.xml" % number
        directory += struct.pack(
            "<4sHHHHHHIIIHHHHHII", b"PK\x01\x02", 20, 20, 0, 8, 0, 0,
            zlib.crc32(plain), len(packed), len(plain), len(name), 0, 0, 0, 0, 0, 0,
        ) + name  # fmt: skip
    start = local + kind + packed
    return (
        start
        + directory
        + struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 2000, 2000, len(directory), len(start), 0)
    )


def a_zip(names: dict[str, bytes]) -> bytes:
    """Any ZIP archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in names.items():
            archive.writestr(name, data)
    return out.getvalue()


def locked(archive: bytes) -> bytes:
    """The same archive, whose parts are marked as encrypted."""
    data = bytearray(archive)
    for mark, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        at = data.find(mark)
        while at >= 0:
            data[at + offset] |= 1
            at = data.find(mark, at + 4)
    return bytes(data)


def a_pdf_stream(plain: bytes, filters: int = 1) -> bytes:
    """A PDF whose page is a compressed stream, compressed so many times."""
    for _ in range(filters):
        plain = zlib.compress(plain, 9)
    names = " ".join(["/FlateDecode"] * filters)
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R /Resources 5 0 R >>",
        b"<< /Length %d /Filter [%s] >>\nstream\n%s\nendstream" % (len(plain), names.encode(), plain),
        b"<< /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>",
    ]
    return _pdf(objects)


def _pdf(objects: list[bytes]) -> bytes:
    body = b"".join(b"%d 0 obj\n%s\nendobj\n" % entry for entry in enumerate(objects, start=1))
    return b"%PDF-1.4\n" + body + b"trailer\n<< /Root 1 0 R >>\n%%EOF"


def a_page_tree(depth: int, width: int) -> bytes:
    """Page trees within page trees, each ``width`` times the next: 10 to the power of ``depth`` pages, if one believes it."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>"]
    for level in range(depth):
        kids = b"%d 0 R " % (level + 3) * width
        objects.append(b"<< /Type /Pages /Count %d /Kids [%s] >>" % (width ** min(depth - level, 8), kids))
    objects.append(b"<< /Type /Page /MediaBox [0 0 9 9] >>")
    return _pdf(objects)


def a_looping_pdf() -> bytes:
    """A page tree that contains itself, and an outline that does."""
    return _pdf(
        [
            b"<< /Type /Catalog /Pages 2 0 R /Outlines 4 0 R >>",
            b"<< /Type /Pages /Kids [2 0 R 3 0 R] /Count 2 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 3 0 R >>",
            b"<< /First 5 0 R /Last 5 0 R /Count 9999999 >>",
            b"<< /Title (again) /Next 5 0 R /First 5 0 R /Parent 4 0 R /Dest [3 0 R /Fit] >>",
        ]
    )


def nested_mail(depth: int) -> bytes:
    """Multiparts within multiparts."""
    lines = ["From: a@example.org", "Subject: nested"]
    for level in range(depth):
        lines += [f'Content-Type: multipart/mixed; boundary="b{level}"', "", f"--b{level}"]
    lines += ["Content-Type: text/plain", "", "the end"]
    lines += [f"--b{level}--" for level in reversed(range(depth))]
    return "\r\n".join(lines).encode()


def forwarded_mail(depth: int) -> bytes:
    """A message within a message within a message …"""
    head = "From: a@example.org\r\nSubject: forwarded\r\n"
    return ((head + "Content-Type: message/rfc822\r\n\r\n") * depth + head + "\r\nthe end").encode()


def gzipped(times: int) -> bytes:
    """100 MB of nothing, packed so many times: a few hundred bytes."""
    data = b"\0" * 100 * MEGABYTE
    for _ in range(times):
        data = gzip.compress(data, 9)
    return data


def noise(seed: int, size: int) -> bytes:
    """Bytes without meaning, the same for the same seed."""
    return random.Random(seed).randbytes(size)


def cut(data: bytes, share: float) -> bytes:
    """The beginning of a file."""
    return data[: int(len(data) * share)]


def flipped(data: bytes, seed: int, count: int = 40) -> bytes:
    """A file with some wrong bytes."""
    rng, found = random.Random(seed), bytearray(data)
    for _ in range(count):
        found[rng.randrange(len(found))] = rng.randrange(256)
    return bytes(found)
