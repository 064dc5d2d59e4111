"""Office files, books and e-mails, made on the spot."""

import datetime as dt
import io
import zipfile
from email.message import EmailMessage

import docx
import openpyxl
import pptx
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from ingest_documents import a_pdf
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches


def a_pptx() -> bytes:
    """Two slides: bullets with notes; a table and a chart."""
    presentation = pptx.Presentation()
    presentation.core_properties.title = "Winter timetable"
    first = presentation.slides.add_slide(presentation.slide_layouts[1])
    first.shapes.title.text = "Night trains"
    first.placeholders[1].text = "Oslo to Bergen\nBeds must be booked"
    first.notes_slide.notes_text_frame.text = "Say that breakfast is included."
    second = presentation.slides.add_slide(presentation.slide_layouts[5])
    second.shapes.title.text = "Fares"
    table = second.shapes.add_table(3, 3, Inches(1), Inches(2), Inches(6), Inches(1)).table
    for row, texts in enumerate((("Class", "Price", ""), ("", "Adult", "Child"), ("Second", "40", "20"))):
        for column, text in enumerate(texts):
            table.cell(row, column).text = text
    table.cell(0, 1).merge(table.cell(0, 2))
    data = CategoryChartData()
    data.categories = ["January", "February"]
    data.add_series("Passengers", (120, 95))
    second.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, Inches(1), Inches(4), Inches(4), Inches(2), data)
    out = io.BytesIO()
    presentation.save(out)
    return out.getvalue()


def an_xlsx() -> bytes:
    """A sheet with a title, headers of two rows and merged cells, a second table below; and a hidden sheet."""
    book = openpyxl.Workbook()
    book.properties.title = "Figures"
    sheet = book.active
    sheet.title = "Sales"
    rows: list[list[object]] = [
        ["Sales of the museum shop"],
        [],
        ["Item", 'Sold "2025"', None, "Since"],
        [None, "Spring", "Autumn", None],
        ["Postcards", 120, 95.5, dt.date(2020, 5, 1)],
        ["Clocks", 3, None, dt.datetime.fromisoformat("2021-01-31T08:30:00")],
        [],
        ["Staff", "Hours"],
        ["Ada", 20],
    ]
    for row in rows:
        sheet.append(row)
    for area in ("A3:A4", "B3:C3", "D3:D4"):
        sheet.merge_cells(area)
    hidden = book.create_sheet("Salaries")
    hidden.append(["Ada", 99999])
    hidden.sheet_state = "hidden"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


CONTAINER = (
    '<?xml version="1.0"?><container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="OEBPS/content.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
)
PACKAGE = """<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf" version="3.0">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>The clockmaker</dc:title></metadata><manifest>
<item id="two" href="two%20b.xhtml" media-type="application/xhtml+xml"/>
<item id="one" href="one.xhtml" media-type="application/xhtml+xml"/>
<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>
<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/>
<item id="gone" href="gone.xhtml" media-type="application/xhtml+xml"/></manifest>
<spine toc="ncx"><itemref idref="nav"/><itemref idref="one"/><itemref idref="gone"/><itemref idref="two"/></spine></package>"""
CONTENTS = """<?xml version="1.0"?><ncx xmlns="http://www.daisy.org/z3986/2005/ncx/"><navMap><navPoint><navLabel>
<text>A beginning</text></navLabel><content src="one.xhtml"/></navPoint></navMap></ncx>"""
ONE = """<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title/><script src="x.js"/></head>
<body><p><a id="start"/>It was midnight.</p></body></html>"""
TWO = """<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title>2</title></head><body>
<h1 id="spring">Spring</h1><p>The <em>tower</em> struck thirteen.</p></body></html>"""


def an_epub(**parts: str) -> bytes:
    """Two chapters, a table of contents, and a chapter that is missing; further parts by name."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/epub+zip", zipfile.ZIP_STORED)
        for name, text in {
            "META-INF/container.xml": CONTAINER,
            "OEBPS/content.opf": PACKAGE,
            "OEBPS/toc.ncx": CONTENTS,
            "OEBPS/nav.xhtml": "<html><body><nav><a>Contents</a></nav></body></html>",
            "OEBPS/one.xhtml": ONE,
            "OEBPS/two b.xhtml": TWO,
            **parts,
        }.items():
            archive.writestr(name, text)
    return out.getvalue()


def an_eml() -> bytes:
    """Text and HTML of one message, an attached PDF, an attached picture, and a forwarded message."""
    message = EmailMessage()
    message["From"], message["To"] = "Ada Löv <ada@example.org>", "Bob <bob@example.org>"
    message["Subject"], message["Date"] = "Opening hours – changed", "Thu, 01 Oct 2026 10:00:00 +0000"
    message.set_content("Dear Bob,\n\nwe close at five.\n")
    message.add_alternative(
        "<html><body><p>Dear Bob,</p><p>we close at <b>five</b>.</p></body></html>", subtype="html"
    )
    message.add_attachment(
        a_pdf("Closed on Mondays."), maintype="application", subtype="pdf", filename="hours.pdf"
    )
    message.add_attachment(b"\x89PNG\r\n\x1a\n\0\0", maintype="image", subtype="png", filename="door.png")
    inner = EmailMessage()
    inner["From"], inner["Subject"] = "Eve <eve@example.org>", "When do you close?"
    inner.set_content("Please tell me.")
    message.add_attachment(inner)
    return bytes(message)


CONTROL = "<w:sdt {w}><w:sdtContent><w:p><w:r><w:t>In a control.</w:t></w:r></w:p></w:sdtContent></w:sdt>"
REVIEWED = """<w:p {w}><w:r><w:t xml:space="preserve">It is </w:t></w:r>
<w:ins w:id="1" w:author="x"><w:r><w:t>valid</w:t></w:r></w:ins>
<w:del w:id="2" w:author="x"><w:r><w:delText>void</w:delText></w:r></w:del><w:r><w:t>.</w:t></w:r></w:p>"""
BOX = "<w:txbxContent><w:p><w:r><w:t>In a box.</w:t></w:r></w:p></w:txbxContent>"
BOXED = """<w:p {w} xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"><w:r><mc:AlternateContent>
<mc:Choice><w:drawing>{box}</w:drawing></mc:Choice><mc:Fallback><w:pict>{box}</w:pict></mc:Fallback>
</mc:AlternateContent></w:r></w:p>"""
CONTRACT = (
    ("Party", "Duties", ""),
    ("", "First", "Then"),
    ("Seller", "Deliver", "Invoice"),
    ("", "Repair", ""),
)


def a_docx_of_templates() -> bytes:
    """What templates and reviews make of Word documents: content controls, insertions, deletions, boxes, merged cells."""
    document = docx.Document()
    document.add_heading("Contract", 1)
    for at, markup in enumerate((CONTROL, REVIEWED, BOXED), start=1):
        document.element.body.insert(at, parse_xml(markup.format(w=nsdecls("w"), box=BOX)))
    table = document.add_table(rows=4, cols=3)
    for row, texts in zip(table.rows, CONTRACT, strict=True):
        for cell, text in zip(row.cells, texts, strict=True):
            cell.text = text
    table.cell(0, 1).merge(table.cell(0, 2))
    table.cell(2, 0).merge(table.cell(3, 0))
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()
