"""Writes ``docs/openapi.json`` as the gateway serves it: ``python tools/openapi.py`` (``--check`` only compares)."""

import json
import sys
from pathlib import Path

from minirag_gateway.entrypoints.http.app import described

FILE = Path(__file__).parents[1] / "docs" / "openapi.json"


def text() -> str:
    """The document, in a form that shows its changes line by line."""
    return json.dumps(described(), ensure_ascii=False, indent=1) + "\n"


def main() -> None:
    """Write, or compare."""
    if "--check" not in sys.argv:
        FILE.write_text(text(), encoding="utf-8")
    elif not FILE.exists() or FILE.read_text(encoding="utf-8") != text():
        sys.exit("docs/openapi.json is not what the routes say: run `make docs`.")


if __name__ == "__main__":
    main()
