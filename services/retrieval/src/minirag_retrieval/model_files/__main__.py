"""``python -m minirag_retrieval.model_files [--out DIR]``: quick if the files are there already."""

import argparse
import sys
import time
from pathlib import Path

from minirag_retrieval.model_files.store import ModelFilesError, default_folder, generate


def main() -> int:
    """Generates the files and says so in one line; 1 when the weights are missing or not what they should be."""
    parser = argparse.ArgumentParser(
        prog="minirag_retrieval.model_files", description="Makes the embedding model's files."
    )
    parser.add_argument(
        "--out", type=Path, default=default_folder(), help="folder of the files (default: %(default)s)"
    )
    folder: Path = parser.parse_args().out
    started = time.monotonic()
    try:
        made = generate(folder)
    except ModelFilesError as error:
        print(f"the embedding model's files could not be made: {error}", file=sys.stderr)  # noqa: T201  # a command prints
        return 1
    state = "made" if made else "already there"
    print(f"model files in {folder}: {state} ({time.monotonic() - started:.1f} s)")  # noqa: T201  # a command prints
    return 0


if __name__ == "__main__":
    sys.exit(main())
