"""Files of every format, made on the spot, whole and broken."""

import io
import zipfile

import docx


def a_pdf(*pages: str, title: str = "", extra: bytes = b"", trailer: bytes = b"") -> bytes:
    """A PDF with one line of Helvetica for each line of each page."""
    objects: list[bytes] = []
    kids = " ".join(f"{4 + 2 * index} 0 R" for index in range(len(pages)))
    objects.append(b"<< /Type /Catalog /Pages 2 0 R >>")
    objects.append(f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode())
    objects.append(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    for index, page in enumerate(pages):
        lines = "".join(f"({line}) Tj 0 -14 Td " for line in page.split("\n") if line)
        stream = f"BT /F1 12 Tf 50 750 Td {lines}ET".encode("latin-1")
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents {5 + 2 * index} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>".encode()
        )
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
    objects.append(f"<< /Title ({title}) >>".encode())
    if extra:
        objects.append(extra)
    out, offsets = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    info = len(objects) - (1 if extra else 0)
    out += b"trailer\n<< /Size %d /Root 1 0 R /Info %d 0 R %s >>\n" % (len(objects) + 1, info, trailer)
    return bytes(out + b"startxref\n%d\n%%%%EOF" % start)


def an_encrypted_pdf() -> bytes:
    """A PDF that asks for a password which nobody has."""
    return a_pdf(
        "secret",
        extra=b"<< /Filter /Standard /V 1 /R 2 /P -4 /O <" + b"41" * 32 + b"> /U <" + b"42" * 32 + b"> >>",
        trailer=b"/Encrypt 7 0 R /ID [<00112233445566778899aabbccddeeff> <00112233445566778899aabbccddeeff>]",
    )


def a_docx() -> bytes:
    """Headings, paragraphs, a list and a table in between."""
    document = docx.Document()
    document.core_properties.title = "Travel policy"
    document.add_paragraph("Before the first heading.")
    document.add_heading("Trains", 1)
    document.add_paragraph("Second class is the rule.")
    table = document.add_table(rows=2, cols=2)
    for row, cells in zip(table.rows, (("City", "Limit"), ("Oslo", "120")), strict=True):
        for cell, text in zip(row.cells, cells, strict=True):
            cell.text = text
    document.add_heading("Night trains", 2)
    document.add_paragraph("A cabin is paid.", style="List Bullet")
    document.add_heading("Flights", 1)
    document.add_paragraph("Only beyond 800 km.")
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def a_zip_bomb() -> bytes:
    """A docx whose document part unpacks to 3 GB."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("[Content_Types].xml", "<x/>")
        with archive.open("word/document.xml", "w", force_zip64=True) as part:
            block = b" " * 1_000_000
            for _ in range(300):
                part.write(block)
    return out.getvalue()


A_PAGE = """<!doctype html><html><head><title>Fees &amp; fines</title><style>p{}</style>
<script>var hidden = 'no';</script></head><body>
<nav><a href="/">Home</a></nav><div class="breadcrumbs">You are here</div>
<main><h1 id="top">Fees</h1><p>All prices in <b>euro</b>,<br>without tax.</p>
<div class="sect" id="late"><div><h2>Late return</h2></div>
<p>One euro a day.</p><ul><li>Books</li><li><p>Films</p><p>cost double.</p></li><li></li></ul></div>
<table><caption>Rates</caption><tr><th>What</th><th>Rate</th></tr><tr><td>Book</td><td>1</td></tr>
<tr><td>Film</td><td>2</td></tr></table>
<h2>Example <a class="headerlink" href="#x">\u00b6</a></h2><pre>if late:
    pay()</pre><p hidden>not seen</p><img src="x.png" alt="a stamp"></main>
<footer>Imprint</footer></body></html>"""
