"""Writes ``docs/asyncapi.json`` from the contracts: ``python tools/asyncapi.py`` (``--check`` only compares)."""

import json
import sys
from pathlib import Path

from minirag_contracts.asyncapi import document

PAGE = Path(__file__).parents[1] / "docs" / "asyncapi.json"


def main() -> None:
    """Write, or compare."""
    text = json.dumps(document(), indent=2, ensure_ascii=False) + "\n"
    if "--check" not in sys.argv:
        PAGE.write_text(text, encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
        sys.exit("docs/asyncapi.json is not what the contracts say: run `python tools/asyncapi.py`.")


if __name__ == "__main__":
    main()
