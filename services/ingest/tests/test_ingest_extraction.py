"""Every format, whole and broken, by the functions that the worker runs."""

import pytest
from ingest_documents import A_PAGE, a_docx, a_pdf, an_encrypted_pdf
from minirag_ingest.adapters.extract.errors import EmptyDocument, Unreadable, UnsupportedType
from minirag_ingest.adapters.extract.registry import extract
from minirag_ingest.domain.document import Block, Document


def read(
    data: bytes | str, filename: str | None = None, media_type: str | None = None, charset: str | None = None
) -> Document:
    raw = data.encode() if isinstance(data, str) else data
    return extract(raw, filename=filename, media_type=media_type, charset=charset)


def texts(document: Document) -> list[str]:
    return [block.text for block in document.blocks]


def test_text_has_paragraphs() -> None:
    document = read("\ufeffFirst\r\nline.\r\n\r\n\r\nSecond\u00a0one.\r\n", "a.txt")
    assert texts(document) == ["First\nline.", "Second one."]


def test_markdown_has_headings_code_lists_and_tables() -> None:
    document = read(
        "---\ntitle: Guide\n---\n# Intro\nSee [the docs](http://x/y) and **this**.\n\n"
        "- one\n- two\n\n## Run\n```sh\nls  -l\n\n# no heading\n```\n\n| A | B |\n|---|---|\n| 1 | 2 |\n\nEnd\n===\nbye\n",
        "a.md",
    )
    assert document.title == "Guide"
    assert document.blocks == (
        Block("See the docs and this.", ("Intro",)),
        Block("- one", ("Intro",), kind="line"),
        Block("- two", ("Intro",), kind="line"),
        Block("ls  -l\n\n# no heading", ("Intro", "Run"), kind="code"),
        Block("A: 1; B: 2", ("Intro", "Run"), kind="line"),
        Block("bye", ("End",)),
    )


def test_html_is_read_without_what_surrounds_it() -> None:
    document = read(A_PAGE, "page.html")
    assert document.title == "Fees & fines"
    assert document.blocks == (
        Block("All prices in euro, without tax.", ("Fees",), None, "top"),
        Block("One euro a day.", ("Fees", "Late return"), None, "late"),
        Block("- Books", ("Fees", "Late return"), None, "late", "line"),
        Block("- Films", ("Fees", "Late return"), None, "late", "line"),
        Block("cost double.", ("Fees", "Late return"), None, "late"),
        Block("Rates", ("Fees", "Late return"), None, "late", "line"),
        Block("What: Book; Rate: 1", ("Fees", "Late return"), None, "late", "line"),
        Block("What: Film; Rate: 2", ("Fees", "Late return"), None, "late", "line"),
        Block("if late:\n    pay()", ("Fees", "Example"), None, None, "code"),
        Block("a stamp", ("Fees", "Example"), None, None),
    )


def test_a_page_of_navigation_alone_is_read_all_the_same() -> None:
    assert "Chapter" in texts(read("<html><body><nav><a>Chapter</a></nav></body></html>", "toc.html"))[0]


def test_deep_nesting_does_not_exhaust_the_stack() -> None:
    document = read("<html><body>" + "<div>" * 20_000 + "deep" + "</div>" * 20_000, "deep.html")
    assert texts(document) == ["deep"]


@pytest.mark.parametrize(
    ("data", "charset"),
    [
        ("<html><body>Größe".encode("latin-1"), "iso-8859-1"),
        ('<html><head><meta charset="windows-1252"></head><body>Größe'.encode("cp1252"), None),
        (
            b'<meta http-equiv="Content-Type" content="text/html; charset=iso-8859-1"><p>'
            + "Größe".encode("cp1252"),
            None,
        ),
        ("<html><body>Größe".encode("utf-8-sig"), "latin-1"),
        ("\ufeff<html><body>Größe".encode("utf-16-le"), None),
        ("<html><body>Größe".encode(), None),
        ("<html><body>Größe".encode(), "no-such-charset"),
    ],
)
def test_html_is_read_in_the_encoding_that_it_declares(data: bytes, charset: str | None) -> None:
    assert texts(read(data, None, "text/html", charset)) == ["Größe"]


def test_words_that_a_pdf_breaks_at_the_end_of_a_line_are_whole_again() -> None:
    broken = "The dis-\ntribution of US-\nASCII is free, for non-\nroot users of ver-\nsion 3-4 as well."
    [text] = texts(read(a_pdf(broken), "x.pdf"))
    assert text == "The distribution of US-ASCII is free, for nonroot users of version 3-4 as well."


def test_pdf_has_pages_and_a_title() -> None:
    document = read(a_pdf("Hello first page.", "And the\nsecond page.", title="Manual"), "x.pdf")
    assert document.title == "Manual"
    assert [(block.page, block.text.replace("\n", " ")) for block in document.blocks] == [
        (1, "Hello first page."),
        (2, "And the second page."),
    ]


def test_docx_has_paragraphs_headings_and_tables_in_their_order() -> None:
    document = read(a_docx(), "policy.docx")
    assert document.title == "Travel policy"
    assert document.blocks == (
        Block("Before the first heading."),
        Block("Second class is the rule.", ("Trains",)),
        Block("City: Oslo; Limit: 120", ("Trains",), kind="line"),
        Block("- A cabin is paid.", ("Trains", "Night trains"), kind="line"),
        Block("Only beyond 800 km.", ("Flights",)),
    )


def test_csv_rows_carry_their_headers() -> None:
    assert texts(read('name;born\n"Ada; L.";1815\n\nBob;\n', "people.csv")) == [
        "name: Ada; L.; born: 1815",
        "name: Bob",
    ]
    assert texts(read("only one line", "x.csv")) == ["only one line"]


def test_content_decides_where_it_can() -> None:
    assert texts(read(a_pdf("Really a PDF."), "report.txt")) == ["Really a PDF."]
    assert texts(read(a_pdf("Really a PDF."), None, "text/html")) == ["Really a PDF."]
    assert texts(read("<!DOCTYPE html><html><body><p>Page", None, None)) == ["Page"]
    assert texts(read("<!DOCTYPE html> as plain text", "notes.txt")) == ["<!DOCTYPE html> as plain text"]


@pytest.mark.parametrize(
    ("data", "filename", "kind", "words"),
    [
        (b"", "a.txt", EmptyDocument, "empty"),
        (b" \n\t ", "a.md", EmptyDocument, "empty"),
        (b"<html><body></body></html>", "a.html", EmptyDocument, "no text"),
        (b"caf\xe9 in\nlatin", "a.txt", Unreadable, "byte 0xE9 in line 1"),
        (b"a\0b", "a.txt", Unreadable, "NUL"),
        ("hello".encode("utf-16"), "a.txt", Unreadable, "UTF-16"),
        (b"a,b\n1,caf\xe9", "a.csv", Unreadable, "UTF-8"),
        (b"%PDF-1.7 and then nothing", "a.pdf", Unreadable, "damaged"),
        (an_encrypted_pdf(), "a.pdf", Unreadable, "password"),
        (a_pdf(""), "a.pdf", EmptyDocument, "scan"),
        (b"no pdf at all", "a.pdf", UnsupportedType, "not a PDF"),
        (b"PK\x03\x04 word/ but cut off", "a.docx", Unreadable, "damaged"),
        (b"PK\x03\x04 spreadsheet", "a.docx", UnsupportedType, "ZIP archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 rest", "a.docx", UnsupportedType, "password"),
        (b"\x89PNG\r\n\x1a\n\0\0", "a.txt", UnsupportedType, "PNG"),
        (b"<p>caf\xe9</p>" * 9, "a.html", Unreadable, "declares no encoding"),
    ],
)
def test_what_cannot_be_read_is_told_in_a_sentence(
    data: bytes, filename: str, kind: type[Unreadable], words: str
) -> None:
    with pytest.raises(kind) as refused:
        read(data, filename)
    assert words in str(refused.value)
    assert str(refused.value).endswith((".", ")"))


def test_a_page_of_an_unreadable_type_is_told() -> None:
    with pytest.raises(UnsupportedType, match="video/mp4"):
        read(b"....", None, "video/mp4")


def test_a_document_survives_its_stored_form() -> None:
    document = read(A_PAGE, "page.html")
    assert Document.from_json(document.to_json()) == document


A_MANUAL_PAGE = """<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "x.dtd"><html xmlns="http://www.w3.org/1999/xhtml"><head>
<meta http-equiv="Content-Type" content="text/html; charset=UTF-8" /><title>8.1. Numeric Types</title></head>
<body id="docContent"><div class="navheader"><table><tr><th colspan="5">8.1. Numeric Types</th></tr><tr><td>
<a href="p.html">Prev</a></td><td>Up</td></tr></table><hr /></div><div class="sect1" id="DATATYPE-NUMERIC">
<div class="titlepage"><div><div><h2 class="title">8.1. Numeric Types
<a href="#DATATYPE-NUMERIC" class="id_link">#</a></h2></div></div></div>
<div class="toc"><dl class="toc"><dt><a href="#x">8.1.1. Integer Types</a></dt></dl></div>
<a id="idx" class="indexterm"></a><p>Numeric types consist of <code>integers</code>.</p>
<div class="table"><p class="title"><strong>Table 8.2. Numeric Types</strong></p><div class="table-contents">
<table summary="Numeric Types" border="1"><colgroup><col /><col /></colgroup><thead><tr><th>Name</th><th>Range</th></tr></thead>
<tbody><tr><td><code class="type">smallint</code></td><td>-32768 to +32767</td></tr></tbody></table></div></div><br />
<div class="sect2" id="INT"><div class="titlepage"><div><div><h3 class="title">8.1.1. Integer Types</h3></div></div></div>
<div class="variablelist"><dl><dt><span class="term">p</span></dt><dd><p>is the precision.</p></dd></dl></div>
<div class="note"><h3 class="title">Note</h3><p>Be careful.</p></div></div></div>
<div class="navfooter"><table><tr><td>Prev</td><td>Next</td></tr></table></div></body></html>"""


def test_a_page_of_a_manual_is_read_with_its_sections_and_places() -> None:
    document = read(A_MANUAL_PAGE, None, "text/html")
    top, inner = ("8.1. Numeric Types",), ("8.1. Numeric Types", "8.1.1. Integer Types")
    assert document.title == "8.1. Numeric Types"
    assert document.blocks == (
        Block("Numeric types consist of integers.", top, None, "DATATYPE-NUMERIC"),
        Block("Table 8.2. Numeric Types", top, None, "DATATYPE-NUMERIC"),
        Block("Name: smallint; Range: -32768 to +32767", top, None, "DATATYPE-NUMERIC", "line"),
        Block("p", inner, None, "INT"),
        Block("is the precision.", inner, None, "INT"),
        Block("Note", inner, None, "INT"),
        Block("Be careful.", inner, None, "INT"),
    )
