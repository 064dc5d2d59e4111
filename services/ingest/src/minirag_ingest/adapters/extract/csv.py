"""CSV: every row a line that carries its headers, so that it is understood alone."""

import csv
import io

from minirag_ingest.adapters.extract.errors import Unreadable
from minirag_ingest.adapters.extract.text import decode_utf8
from minirag_ingest.domain.document import Block, Document, flow, row_text

DELIMITERS = ",;\t|"
SAMPLE = 16_384
MAX_FIELD = 1_000_000


def extract(data: bytes) -> Document:
    """The first row is taken for the headers when there is more than one."""
    text = decode_utf8(data)
    csv.field_size_limit(MAX_FIELD)
    try:
        rows = [
            [flow(cell) for cell in row] for row in csv.reader(io.StringIO(text, newline=""), _dialect(text))
        ]
    except csv.Error as error:
        raise Unreadable(f"The CSV file cannot be read: {error}.") from error
    rows = [row for row in rows if any(row)]
    headers, values = (rows[0], rows[1:]) if len(rows) > 1 else ([], rows)
    return Document(None, tuple(Block(row_text(headers, row), kind="line") for row in values))


def _dialect(text: str) -> type[csv.Dialect]:
    try:
        return csv.Sniffer().sniff(text[:SAMPLE], delimiters=DELIMITERS)
    except csv.Error:
        return csv.excel  # one column, or too regular to guess: what the format's name says
