"""Draw pages of a manual at random, the same ones for the same seed: `draw_pages.py FOLDER --seed 20261122 --count 40`.

A page takes part when it has something to ask about:

* its paragraphs, those in table cells too, hold at least 1,500 characters of text (listings, headings and
  navigation are not counted);
* it is no contents page, that is, it has no table of contents that leads to other pages;
* its file is neither an index, a bibliography, a legal notice nor release notes (`EXCLUDED`).
"""

import argparse
import random
from pathlib import Path
from typing import Final

from bench.pages import Page, read_page

LEAST_PROSE: Final = 1_500  # characters
EXCLUDED: Final = ("index.html", "bookindex.html", "biblio.html", "legalnotice.html", "release*.html")


def takes_part(page: Page) -> bool:
    """Whether the page can be drawn, by the rules at the top of this file."""
    excluded = any(Path(page.name).match(pattern) for pattern in EXCLUDED)
    return not excluded and not page.lists_pages and len(page.prose) >= LEAST_PROSE


def draw(folder: Path, seed: int, count: int) -> list[Page]:
    """Draw `count` different pages; the pages' order before the draw is that of their file names."""
    pages = [read_page(path) for path in sorted(folder.glob("*.html"))]
    return random.Random(seed).sample([page for page in pages if takes_part(page)], count)


def main() -> None:
    """Prints file name and title of each page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=20261122)
    parser.add_argument("--count", type=int, default=40)
    given = parser.parse_args()
    for page in draw(given.folder, given.seed, given.count):
        print(f"{page.name}\t{page.title}")


if __name__ == "__main__":
    main()
