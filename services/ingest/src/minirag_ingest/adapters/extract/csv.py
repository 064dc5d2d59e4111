"""CSV and TSV: every row a line that carries its headers, so that it is understood alone."""

import csv
import io

from minirag_ingest.adapters.extract.budget import Blocks
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
    blocks = Blocks()
    headers: list[str] = []
    before: list[str] | None = None
    try:
        for cells in csv.reader(io.StringIO(text, newline=""), _dialect(text)):
            row = [flow(cell) for cell in cells]
            if not any(row):
                continue
            if before is None:
                before = row
            else:
                headers = headers or before
                blocks.append(Block(row_text(headers, row), kind="line"))
    except csv.Error as error:
        raise Unreadable(f"The CSV file cannot be read: {error}.") from error
    if before is not None and not blocks:
        blocks.append(Block(row_text([], before), kind="line"))
    return Document(None, tuple(blocks))


def _dialect(text: str) -> type[csv.Dialect]:
    """Guessed from the first whole lines."""
    sample = text[:SAMPLE]
    end = sample.rfind("\n")
    sample = sample[: end + 1] if end > 0 else sample
    tabs = {line.count("\t") for line in sample.split("\n") if line.strip()}
    if len(tabs) == 1 and tabs != {0}:  # as many in every line: nobody writes them in a text
        return csv.excel_tab
    try:
        return csv.Sniffer().sniff(sample, delimiters=DELIMITERS)
    except csv.Error:
        return csv.excel  # one column, or too regular to guess: what the format's name says
