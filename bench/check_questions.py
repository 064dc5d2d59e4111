"""Check a file of questions: `check_questions.py QUESTIONS.json [--folder FOLDER]`.

Always: as many questions as the file says, one per page, and none uses a content word of its page's title (compared
by a simple stem, words with underscores also by their parts). With the manual's folder: the pages are those that
the seed draws, their titles are right, and each page holds the passage that answers its question.
"""

import argparse
import re
import sys
from pathlib import Path
from typing import Final

from bench.draw_pages import draw
from bench.pages import bare_title, read_page
from bench.questions import Question, Questions, read_questions

FUNCTION_WORDS: Final = frozenset(
    (
        "a",
        "an",
        "and",
        "as",
        "at",
        "by",
        "for",
        "from",
        "in",
        "into",
        "is",
        "it",
        "of",
        "on",
        "or",
        "the",
        "to",
        "with",
    )
)
ENDINGS: Final = ("ibility", "ation", "ing", "ies", "ed", "er", "es", "age", "ible", "s", "e", "y")


def stem(word: str) -> str:
    """A crude stem, rather too short than too long: «indexes», «indexing» and «index» are one word."""
    for ending in ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 2:
            return stem(word.removesuffix(ending))
    return word


def stems(text: str) -> set[str]:
    """The stems of a text's content words, of whole words as well as of their parts between underscores."""
    words = set(re.findall(r"\w+", text.lower()))
    parts = {part for word in words for part in word.split("_") if part}
    return {stem(word) for word in (words | parts) - FUNCTION_WORDS}


def borrowed_words(question: Question) -> set[str]:
    """Stems that the question shares with its page's title; must be empty."""
    return stems(bare_title(question.title)) & stems(question.question)


def faults(questions: Questions) -> list[str]:
    """What is wrong with the file alone."""
    found = [f"{one.page}: uses {', '.join(words)} of the title" for one in questions.questions
             if (words := sorted(borrowed_words(one)))]  # fmt: skip
    if len(questions.questions) != questions.count:
        found.append(f"{len(questions.questions)} questions instead of {questions.count}")
    if len({one.page for one in questions.questions}) != questions.count:
        found.append("the questions are not one per page")
    return found


def faults_with(questions: Questions, folder: Path) -> list[str]:
    """What is wrong beside the manual: other pages than drawn, other titles, or an answer that is not there."""
    found = []
    drawn = [page.name for page in draw(folder, questions.seed, questions.count)]
    if drawn != [one.page for one in questions.questions]:
        found.append("the pages are not the ones that the seed draws, in the order of the draw")
    for one in questions.questions:
        page = read_page(folder / one.page)
        if page.title != one.title:
            found.append(f"{one.page}: is titled {page.title!r}")
        if " ".join(one.answer.split()) not in page.prose:
            found.append(f"{one.page}: does not hold the passage {one.answer!r}")
    return found


def main() -> None:
    """Exits with 1 when something is wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("questions", type=Path)
    parser.add_argument("--folder", type=Path, help="the manual's HTML pages")
    given = parser.parse_args()
    questions = read_questions(given.questions)
    found = faults(questions) + (faults_with(questions, given.folder) if given.folder else [])
    print("\n".join(found) or f"{len(questions.questions)} questions are in order.")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
