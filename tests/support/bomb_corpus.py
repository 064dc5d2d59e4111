"""The corpus of harmful and broken files: name, what it pretends to be, how it is made, whether it may be read.

Its tests have a short form, and a long one that leaves nothing out and takes the seconds in earnest: ``MINIRAG_CHAOS=1``
(``make chaos``), or ``MINIRAG_ALL_BOMBS=1`` for them alone, on a machine that does nothing else.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass

import bombs
from bombs import MEGABYTE, a_pdf_stream, a_zip, changed, cut, filled, flipped, locked, with_entities
from ingest_documents import a_docx, a_pdf, a_zip_bomb, an_encrypted_pdf
from office_documents import a_pptx, an_eml, an_epub, an_xlsx

ALL = bool(os.environ.get("MINIRAG_CHAOS") or os.environ.get("MINIRAG_ALL_BOMBS"))
SECONDS = 10.0 if ALL else 60.0
"""By the clock, which on a machine full of other tests says little: there the limit of processor time must do."""
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
LONG_PDF = tuple(f"Page {number} of a report.\nIt has two lines." for number in range(40))


@dataclass(frozen=True)
class Bomb:
    """``harmless``: something of it may be read, as long as it costs no more than another document."""

    name: str
    filename: str
    make: Callable[[], bytes]
    harmless: bool = False


def _zips() -> list[Bomb]:
    found = [
        Bomb("docx-of-300-mb", "x.docx", a_zip_bomb),
        Bomb("xlsx-of-300-mb", "x.xlsx", lambda: filled(an_xlsx(), "xl/worksheets/sheet9.xml", 300)),
        Bomb("pptx-of-300-mb", "x.pptx", lambda: filled(a_pptx(), "ppt/slides/slide9.xml", 300)),
        Bomb("epub-of-300-mb", "x.epub", lambda: filled(an_epub(), "OEBPS/nine.xhtml", 300)),
        Bomb("docx-of-90-mb-of-markup", "x.docx", lambda: _stuffed(b"<w:p/>", 90)),
        Bomb("docx-of-90-mb-of-runs", "x.docx", lambda: _stuffed(b"<w:p><w:r><w:t>a</w:t></w:r></w:p>", 90)),
        Bomb("docx-with-overlapping-parts", "x.docx", lambda: bombs.overlapping(b"word/0.xml")),
        Bomb(
            "zip-of-zips",
            "x.docx",
            lambda: a_zip({"a.zip": a_zip({"b.zip": a_zip({"c.txt": b"\0" * MEGABYTE})})}),
        ),
        Bomb(
            "zip-with-absolute-paths",
            "x.docx",
            lambda: a_zip({"/etc/cron.d/x": b"x", "../../x": b"x", "word/": b""}),
        ),
        Bomb("epub-that-leads-outside", "x.epub", lambda: an_epub(**{"META-INF/container.xml": OUTSIDE})),
        Bomb("docx-of-20000-parts", "x.docx", lambda: a_zip({f"word/{n}.xml": b"" for n in range(20_000)})),
        Bomb("docx-without-parts", "x.docx", lambda: a_zip({"word/document.xml": b"<x/>"})),
        Bomb("xlsx-without-parts", "x.xlsx", lambda: a_zip({"xl/workbook.xml": b"<x/>"})),
        Bomb("pptx-without-parts", "x.pptx", lambda: a_zip({"ppt/presentation.xml": b"<x/>"})),
        Bomb("epub-without-parts", "x.epub", lambda: a_zip({"META-INF/container.xml": b"<x/>"})),
        Bomb("plain-zip", "x.docx", lambda: a_zip({"readme.txt": b"hello"})),
        Bomb("empty-zip", "x.xlsx", lambda: a_zip({})),
    ]
    for kind, make in OFFICE.items():
        found += [
            Bomb(f"{kind}-cut-off", f"x.{kind}", lambda make=make: cut(make(), 0.6)),
            Bomb(f"{kind}-that-lies-about-its-size", f"x.{kind}", lambda make=make: bombs.lying(make())),
            Bomb(f"{kind}-locked", f"x.{kind}", lambda make=make: locked(make())),
            Bomb(
                f"{kind}-with-wrong-bytes", f"x.{kind}", lambda make=make: flipped(make(), 7), harmless=True
            ),
        ]
    return found


OFFICE = {"docx": a_docx, "xlsx": an_xlsx, "pptx": a_pptx, "epub": an_epub}
OUTSIDE = '<container><rootfiles><rootfile full-path="../../../etc/passwd"/></rootfiles></container>'


def _stuffed(element: bytes, megabytes: int) -> bytes:
    head, tail = bombs.a_word_body("&").encode().split(b"<w:p>", 1)[0], b"</w:body></w:document>"
    body = head + element * (megabytes * MEGABYTE // len(element)) + tail
    return changed(a_docx(), {"word/document.xml": body})


def _sheet(rows: str) -> bytes:
    return changed(an_xlsx(), {"xl/worksheets/sheet1.xml": bombs.a_sheet(rows).encode()})


def _xml() -> list[Bomb]:
    return [
        Bomb(
            f"{kind}-billion-laughs", f"x.{kind}", lambda kind=kind: with_entities(kind, None), harmless=True
        )
        for kind in OFFICE
    ] + [
        Bomb(
            "xlsx-of-a-million-columns",
            "x.xlsx",
            lambda: _sheet(f'<row r="1">{"<c><v>1</v></c>" * 1_000_000}</row>'),
            True,
        ),
        Bomb(
            "xlsx-of-16000-columns",
            "x.xlsx",
            lambda: _sheet(f"<row>{'<c><v>1</v></c>' * 16_000}</row>" * 120),
            True,
        ),
        Bomb(
            "xlsx-with-a-row-at-the-end-of-time",
            "x.xlsx",
            lambda: _sheet('<row r="99999999999"><c><v>1</v></c></row>'),
        ),
        Bomb(
            "xlsx-with-a-deep-cell",
            "x.xlsx",
            lambda: _sheet("<row><c>" + "<is>" * 200_000 + "</is>" * 200_000 + "</c></row>"),
        ),
        Bomb("docx-of-deep-markup", "x.docx", lambda: _nested("<w:sdt>", "</w:sdt>", 100_000)),
        Bomb(
            "docx-of-tables-in-tables",
            "x.docx",
            lambda: _nested("<w:tbl><w:tr><w:tc>", "</w:tc></w:tr></w:tbl>", 60),
            True,
        ),
    ]


def _nested(opening: str, closing: str, depth: int) -> bytes:
    body = (
        bombs.a_word_body("deep")
        .replace("<w:p>", opening * depth + "<w:p>")
        .replace("</w:p>", "</w:p>" + closing * depth)
    )
    return changed(a_docx(), {"word/document.xml": body.encode()})


def _pdfs() -> list[Bomb]:
    return [
        Bomb("pdf-stream-of-1-gb", "x.pdf", lambda: a_pdf_stream(b" " * 1000 * MEGABYTE)),
        Bomb("pdf-stream-packed-five-times", "x.pdf", lambda: a_pdf_stream(b" " * 200 * MEGABYTE, 5)),
        Bomb(
            "pdf-page-of-20-million-letters",
            "x.pdf",
            lambda: a_pdf_stream(b"BT /F1 9 Tf (%s) Tj ET" % (b"A" * 20_000_000)),
            True,
        ),
        Bomb(
            "pdf-page-of-a-million-texts",
            "x.pdf",
            lambda: a_pdf_stream(b"BT /F1 9 Tf " + b"(A) Tj 0 -1 Td " * 1_000_000 + b"ET"),
            True,
        ),
        Bomb("pdf-of-a-billion-pages", "x.pdf", lambda: bombs.a_page_tree(9, 10)),
        Bomb("pdf-tree-of-20000-levels", "x.pdf", lambda: bombs.a_page_tree(20_000, 1)),
        Bomb("pdf-that-contains-itself", "x.pdf", bombs.a_looping_pdf),
        Bomb("pdf-of-deep-arrays", "x.pdf", lambda: b"%PDF-1.4\n1 0 obj\n" + b"[" * 5_000_000),
        Bomb("pdf-encrypted", "x.pdf", an_encrypted_pdf),
        Bomb("pdf-cut-off", "x.pdf", lambda: cut(a_pdf(*LONG_PDF), 0.2)),
        Bomb("pdf-with-wrong-bytes", "x.pdf", lambda: flipped(a_pdf(*LONG_PDF), 3, 400), harmless=True),
        Bomb("pdf-of-noise", "x.pdf", lambda: b"%PDF-1.7\n" + bombs.noise(1, MEGABYTE)),
        Bomb("pdf-without-text", "x.pdf", lambda: a_pdf("")),
    ]


def _markup() -> list[Bomb]:
    return [
        Bomb("html-of-a-million-levels", "x.html", lambda: b"<div>" * 1_000_000 + b"deep", harmless=True),
        Bomb("html-of-deep-tables", "x.html", lambda: b"<table><tr><td>" * 60_000 + b"deep", harmless=True),
        Bomb("html-of-deep-links", "x.html", lambda: b"<a href=x><b>" * 300_000 + b"deep", harmless=True),
        Bomb(
            "html-of-deep-boxes", "x.html", lambda: b'<div class="sidebar">' * 30_000 + b"deep", harmless=True
        ),
        Bomb(
            "html-of-huge-spans",
            "x.html",
            lambda: b"<table>" + b"<tr><td colspan=999 rowspan=999>x</td><td>y</td></tr>" * 20_000,
            True,
        ),
        Bomb("html-of-one-attribute", "x.html", lambda: b"<p " + b"a" * 9_000_000 + b">x", harmless=True),
        Bomb(
            "html-of-a-million-attributes",
            "x.html",
            lambda: b"<p " + b"".join(b"a%d " % n for n in range(300_000)) + b">x",
            True,
        ),
        Bomb("html-of-open-tags", "x.html", lambda: b"<" * 5_000_000, harmless=True),
        Bomb("html-in-no-encoding", "x.html", lambda: b"<p>" + b"\xff\xfe\x80" * 1000),
        Bomb("json-of-a-million-levels", "x.json", lambda: b"[" * 1_000_000 + b"]" * 1_000_000),
        Bomb("json-of-900-levels", "x.json", lambda: b'{"a":' * 900 + b"1" + b"}" * 900),
        Bomb("json-of-a-huge-number", "x.json", lambda: b"[" + b"9" * 5_000_000 + b"]"),
        Bomb("json-cut-off", "x.json", lambda: b'{"a": [1, 2, {"b": "c'),
        Bomb("json-lines-with-one-wrong", "x.jsonl", lambda: b'{"a": 1}\n' * 1000 + b"oops"),
        Bomb(
            "rst-of-deep-lists",
            "x.rst",
            lambda: b"".join(b" " * n * 2 + b"* x\n\n" for n in range(600)),
            harmless=True,
        ),
        Bomb(
            "rst-that-includes-itself-in-substitutions",
            "x.rst",
            lambda: b".. |a| replace:: |b| |b|\n.. |b| replace:: |a| |a|\n\n|a|\n",
            True,
        ),
        Bomb("rst-of-3-mb", "x.rst", lambda: b"word `x`_ *y*\n" * 220_000),
        Bomb("rst-of-backquotes", "x.rst", lambda: b"`" * 15_000 + b"\n" + b"*a " * 6_000, harmless=True),
        Bomb("markdown-of-brackets", "x.md", lambda: b"[" * 300_000 + b"](" * 300_000, harmless=True),
        Bomb("markdown-of-stars", "x.md", lambda: b"**a " * 300_000, harmless=True),
        Bomb("markdown-of-comments", "x.md", lambda: b"<!--" * 500_000, harmless=True),
    ]


def _mail_and_text() -> list[Bomb]:
    return [
        Bomb("eml-of-1000-multiparts", "x.eml", lambda: bombs.nested_mail(1000)),
        Bomb("eml-of-1000-forwards", "x.eml", lambda: bombs.forwarded_mail(1000)),
        Bomb(
            "eml-of-a-huge-header",
            "x.eml",
            lambda: b"From: a@b\r\nSubject: " + b"=?utf-8?q?a?= " * 400_000 + b"\r\n\r\nhi",
            True,
        ),
        Bomb(
            "eml-of-many-parts",
            "x.eml",
            lambda: (
                b'From: a@b\r\nContent-Type: multipart/mixed; boundary="x"\r\n\r\n'
                + b"--x\r\n\r\na\r\n" * 50_000
            ),
        ),
        Bomb(
            "eml-of-broken-headers",
            "x.eml",
            lambda: b"From: =?x?b?!!!?= <\xff\r\nTo: ,,,;;<<>>@@\r\nDate: never\r\n\r\nhi",
            harmless=True,
        ),
        Bomb("eml-of-no-headers", "x.eml", lambda: b"just text, no e-mail"),
        Bomb("eml-cut-off", "x.eml", lambda: cut(an_eml(), 0.75), harmless=True),
        Bomb("csv-of-one-long-line", "x.csv", lambda: b"a" * 5 * MEGABYTE + b"," + b"b" * 4 * MEGABYTE),
        Bomb("csv-of-25-mb-in-one-line", "x.csv", lambda: b"a,b;" * 6 * MEGABYTE, harmless=True),
        Bomb("csv-of-an-open-quote", "x.csv", lambda: b'a,b\n"' + b"x\n" * 2_000_000),
        Bomb("csv-of-quotes", "x.csv", lambda: b'"' * 3_000_000, harmless=True),
        Bomb(
            "csv-of-100000-columns",
            "x.csv",
            lambda: b",".join(b"c%d" % n for n in range(100_000)) + (b"\n" + b"1," * 100_000) * 30,
        ),
        Bomb("text-of-one-word", "x.txt", lambda: b"a" * 9 * MEGABYTE, harmless=True),
        Bomb("text-of-dashes", "x.txt", lambda: b"-" * 9 * MEGABYTE, harmless=True),
        Bomb("text-of-nuls", "x.txt", lambda: b"\0" * MEGABYTE),
        Bomb("text-in-latin-1", "x.txt", lambda: "café".encode("latin-1") * 1000),
        Bomb("text-in-utf-16", "x.txt", lambda: "hello".encode("utf-16")),
        Bomb("text-of-half-characters", "x.md", lambda: b"\xf0\x9f" * 1000),
        Bomb("nothing", "x.txt", lambda: b""),
        Bomb("nothing-as-pdf", "x.pdf", lambda: b""),
        Bomb("100-mb-of-text", "x.txt", lambda: b"word " * 20 * MEGABYTE),
        Bomb("100-mb-of-pdf", "x.pdf", lambda: b"%PDF-1.4\n" + b"0" * 100 * MEGABYTE),
        Bomb("noise-as-text", "x.txt", lambda: bombs.noise(2, MEGABYTE)),
    ]


def _impostors() -> list[Bomb]:
    return [
        Bomb("png-as-pdf", "x.pdf", lambda: b"\x89PNG\r\n\x1a\n" + bombs.noise(3, 1000)),
        Bomb("program-as-docx", "x.docx", lambda: b"\x7fELF" + bombs.noise(4, 100_000)),
        Bomb("text-as-xlsx", "x.xlsx", lambda: b"name,born\nAda,1815\n"),
        Bomb("text-as-pptx", "x.pptx", lambda: b"hello"),
        Bomb("text-as-epub", "x.epub", lambda: b"hello"),
        Bomb("old-excel-as-xlsx", "x.xlsx", lambda: OLE + b"\0" * 10_000),
        Bomb(
            "encrypted-docx",
            "x.docx",
            lambda: OLE + b"\0" * 500 + "EncryptedPackage".encode("utf-16-le") + b"\0" * 5000,
        ),
        Bomb("gzip-as-text", "x.txt", lambda: bombs.gzipped(1)),
        Bomb("gzip-of-gzip-as-csv", "x.csv", lambda: bombs.gzipped(3)),
        Bomb(
            "open-document-as-docx",
            "x.docx",
            lambda: a_zip({"mimetype": b"application/vnd.oasis.opendocument.text", "content.xml": b"<x/>"}),
        ),
        Bomb("rtf-as-txt", "x.txt", lambda: b"{\\rtf1 hello}"),
        Bomb("postscript-as-md", "x.md", lambda: b"%!PS-Adobe-3.0\n{ loop } loop"),
    ]


CORPUS: list[Bomb] = [*_zips(), *_xml(), *_pdfs(), *_markup(), *_mail_and_text(), *_impostors()]
_SLOW = (
    "xlsx-of-a-million-columns xlsx-of-16000-columns html-of-deep-links html-of-a-million-attributes html-of-deep-boxes "
    "html-of-huge-spans html-of-deep-tables markdown-of-stars eml-of-many-parts pdf-stream-of-1-gb html-of-open-tags "
    "pdf-page-of-a-million-texts text-of-dashes csv-of-100000-columns xlsx-of-300-mb pptx-of-300-mb epub-of-300-mb "
    "docx-of-90-mb-of-markup docx-of-90-mb-of-runs pdf-stream-packed-five-times pdf-page-of-20-million-letters "
    "text-of-one-word csv-of-25-mb-in-one-line gzip-of-gzip-as-csv html-of-one-attribute"
)
SLOW = frozenset(_SLOW.split())
"""They take seconds each; the short form of the test leaves them out."""
