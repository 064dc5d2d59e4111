"""The formats of office life, by the functions that the worker runs: structure survives, places for citations are kept."""

import json

import pytest
from ingest_documents import a_pdf
from minirag_ingest.adapters.extract.errors import Unreadable, UnsupportedType
from minirag_ingest.adapters.extract.registry import extract
from minirag_ingest.adapters.extract.tables import Cell, table_lines
from minirag_ingest.domain.document import Block, Document
from office_documents import a_docx_of_templates, a_pptx, an_eml, an_epub, an_xlsx


def read(data: bytes | str, filename: str | None = None, media_type: str | None = None) -> Document:
    raw = data.encode() if isinstance(data, str) else data
    return extract(raw, filename=filename, media_type=media_type, charset=None)


def lines(document: Document) -> list[str]:
    return [block.text for block in document.blocks]


def test_xlsx_has_sheets_titles_headers_of_two_rows_and_values_as_people_read_them() -> None:
    document = read(an_xlsx(), "x.xlsx")
    assert document.title == "Figures"
    assert {block.heading_path for block in document.blocks} == {("Sales",)}
    assert lines(document) == [
        "Sales of the museum shop",
        'Item: Postcards; Sold "2025" \u203a Spring: 120; Sold "2025" \u203a Autumn: 95.5; Since: 2020-05-01',
        'Item: Clocks; Sold "2025" \u203a Spring: 3; Since: 2021-01-31 08:30:00',
        "Staff: Ada; Hours: 20",
    ]


def test_pptx_has_slides_as_pages_tables_charts_and_notes() -> None:
    document = read(a_pptx(), "x.pptx")
    assert document.title == "Winter timetable"
    assert document.blocks == (
        Block("- Oslo to Bergen", ("Night trains",), 1, kind="line"),
        Block("- Beds must be booked", ("Night trains",), 1, kind="line"),
        Block("- Say that breakfast is included.", ("Night trains",), 1, kind="line"),
        Block("Class: Second; Price \u203a Adult: 40; Price \u203a Child: 20", ("Fares",), 2, kind="line"),
        Block("Passengers; January: 120; February: 95", ("Fares",), 2, kind="line"),
    )


def test_epub_has_chapters_in_reading_order_with_places() -> None:
    document = read(an_epub(), "x.epub")
    assert document.title == "The clockmaker"
    assert document.blocks == (
        Block("It was midnight.", ("A beginning",), None, "OEBPS/one.xhtml"),
        Block("The tower struck thirteen.", ("Spring",), None, "OEBPS/two b.xhtml#spring"),
    )


def test_a_book_whose_chapters_are_encrypted_is_told() -> None:
    rights = (
        '<encryption><EncryptedData><CipherReference URI="OEBPS/one.xhtml"/></EncryptedData></encryption>'
    )
    with pytest.raises(Unreadable, match="DRM"):
        read(an_epub(**{"META-INF/encryption.xml": rights}), "x.epub")
    fonts = rights.replace("one.xhtml", "font.otf")
    assert read(an_epub(**{"META-INF/encryption.xml": fonts}), "x.epub").blocks


def test_eml_has_headers_one_text_and_what_is_attached() -> None:
    document = read(an_eml(), "x.eml")
    assert document.title == "Opening hours – changed"
    assert [(block.heading_path, block.text, block.page) for block in document.blocks] == [
        ((), "From: Ada Löv <ada@example.org>", None),
        ((), "To: Bob <bob@example.org>", None),
        ((), "Date: Thu, 01 Oct 2026 10:00:00 +0000", None),
        ((), "Subject: Opening hours – changed", None),
        ((), "Dear Bob,", None),
        ((), "we close at five.", None),
        (("Attachment: hours.pdf",), "Closed on Mondays.", 1),
        ((), "- Attachment: door.png", None),
        (("Attachment: When do you close?",), "From: Eve <eve@example.org>", None),
        (("Attachment: When do you close?",), "Subject: When do you close?", None),
        (("Attachment: When do you close?",), "Please tell me.", None),
    ]


def test_docx_has_what_templates_and_reviews_leave_behind() -> None:
    document = read(a_docx_of_templates(), "x.docx")
    assert lines(document) == [
        "In a control.",
        "It is valid.",
        "In a box.",
        "Party: Seller; Duties \u203a First: Deliver; Duties \u203a Then: Invoice",
        "Party: Seller; Duties \u203a First: Repair",
    ]


RST = """
=====
Guide
=====

Intro with :ref:`a link <target>` and ``code``.

.. _target:

Install
=======

* one
* two

.. code-block:: sh

   ls  -l

.. versionadded:: 2.0
   Use :func:`~os.path.join`.

.. csv-table:: Sizes
   :header: "Name", "Size"

   "small", "1"

+-------+---------------+
| City  | Fare          |
|       +-------+-------+
|       | Adult | Child |
+=======+=======+=======+
| Oslo  | 4     | 2     |
+-------+-------+-------+

.. include:: /etc/passwd

.. class:: Clock(face)

   Tells the time.

.. toctree::

   other
"""


def test_rst_has_sections_code_tables_and_the_text_of_what_only_sphinx_knows() -> None:
    document = read(RST, "x.rst")
    assert document.title == "Guide"
    top = ("Guide",)
    inner = ("Guide", "Install")
    assert [(block.heading_path, block.text, block.kind) for block in document.blocks] == [
        (top, "Intro with a link and code.", "prose"),
        (inner, "- one", "line"),
        (inner, "- two", "line"),
        (inner, "ls  -l", "code"),
        (inner, "2.0 Use os.path.join.", "prose"),
        (inner, "Sizes", "line"),
        (inner, "Name: small; Size: 1", "line"),
        (inner, "City: Oslo; Fare \u203a Adult: 4; Fare \u203a Child: 2", "line"),
        (inner, "Clock(face)", "prose"),
        (inner, "Tells the time.", "prose"),
    ]
    assert document.blocks[1].anchor == "install"
    assert "root:" not in " ".join(lines(document))


def test_json_has_keys_as_headings_records_as_lines_and_long_texts_as_prose() -> None:
    document = read(
        json.dumps(
            {
                "title": "Museum",
                "open": True,
                "rooms": [
                    {"name": "Hall", "clocks": ["tower", "cuckoo"], "size": {"m2": 40}},
                    {"name": "Loft"},
                ],
                "about": {"history": {"text": "Founded in 1531.\n\nBurnt in 1702."}},
            }
        ),
        "x.json",
    )
    assert document.title == "Museum"
    assert document.blocks == (
        Block("title: Museum; open: true", (), kind="line"),
        Block("name: Hall; clocks: tower, cuckoo; size.m2: 40", ("rooms",), kind="line"),
        Block("name: Loft", ("rooms",), kind="line"),
        Block("Founded in 1531.", ("about", "history", "text")),
        Block("Burnt in 1702.", ("about", "history", "text")),
    )


def test_json_lines_are_one_record_each_whatever_the_name() -> None:
    for name in ("x.jsonl", "x.ndjson", "x.json"):
        assert lines(read('{"a": 1, "b": {"c": null, "d": "x"}}\n\n{"a": 2}\n', name)) == [
            "a: 1; b.d: x",
            "a: 2",
        ]
    with pytest.raises(Unreadable, match="JSON Lines: .* line 2"):
        read('{"a": 1}\n{"a": \n', "x.jsonl")
    with pytest.raises(Unreadable, match="not valid JSON: .* line 1, column 7"):
        read('{"a": oops}', "x.json")


def test_tsv_is_a_table() -> None:
    assert lines(read("name\tborn, where\nAda\t1815, London\n", "x.tsv")) == [
        "name: Ada; born, where: 1815, London"
    ]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([["A", "B"], ["1", "2"]], ["A: 1; B: 2"]),
        ([[Cell("All of it", 2)], ["A", "B"], ["1", "2"]], ["All of it", "A: 1; B: 2"]),
        (
            [[Cell("A", rows=2), Cell("B", 2)], ["x", "y"], ["1", "2", "3"]],
            ["A: 1; B \u203a x: 2; B \u203a y: 3"],
        ),
        ([["A", "B"], [Cell("1", rows=2), "2"], ["3"]], ["A: 1; B: 2", "A: 1; B: 3"]),
        ([["A", "B", "C"], [Cell("1", 2), "3"]], ["A: 1; C: 3"]),
        ([["only one row", "x"]], ["only one row | x"]),
    ],
)
def test_tables_are_rows_with_their_headers(rows: list, told: list[str]) -> None:
    cells = [[cell if isinstance(cell, Cell) else Cell(cell) for cell in row] for row in rows]
    assert list(table_lines(cells)) == told


@pytest.mark.parametrize(
    ("make", "wrong"),
    [(an_xlsx, "x.docx"), (a_pptx, "x.txt"), (an_epub, "x.zip"), (a_docx_of_templates, "x.xlsx")],
)
def test_content_decides_between_office_files(make, wrong: str) -> None:
    assert read(make(), wrong).blocks == read(make(), None, "application/octet-stream").blocks


@pytest.mark.parametrize(
    ("data", "filename", "kind", "words"),
    [
        (b"PK\x05\x06" + b"\0" * 18, "x.docx", UnsupportedType, "ZIP archive"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
            "x.xlsx",
            UnsupportedType,
            "password",
        ),
        (b"plain words", "x.xlsx", UnsupportedType, "not an Excel workbook"),
        (b"plain words", "x.epub", UnsupportedType, "not an EPUB"),
        (b"plain words", "x.eml", Unreadable, "not an e-mail"),
        (a_pdf("x")[:300], "x.pdf", Unreadable, "damaged"),
    ],
)
def test_refusals_are_sentences(data: bytes, filename: str, kind: type[Unreadable], words: str) -> None:
    with pytest.raises(kind, match=words):
        read(data, filename)
