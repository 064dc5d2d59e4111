"""The benchmarks' own parts: the committed questions, the reading of pages, and the reading of /proc."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.check_questions import borrowed_words, faults
from bench.draw_pages import draw, takes_part
from bench.pages import bare_title, read_page
from bench.processes import Cpu, Tree
from bench.questions import Question, read_questions

QUESTIONS = Path(__file__).parent.parent / "postgresql_questions.json"


def a_question(title: str, question: str) -> Question:
    return Question(page="page.html", title=title, question=question, answer="")


def a_page(folder: Path, name: str, body: str, title: str = "1.2. A Title") -> Path:
    path = folder / name
    path.write_text(f"<html><head><title>{title}</title></head><body>{body}</body></html>", encoding="utf-8")
    return path


def test_the_forty_questions_are_in_order() -> None:
    questions = read_questions(QUESTIONS)
    assert (len(questions.questions), questions.seed) == (40, 20261122)
    assert faults(questions) == []


@pytest.mark.parametrize(
    ("title", "question"),
    [
        ("11.12. Examining Index Usage", "How do I examine it?"),
        ("11.12. Examining Index Usage", "Which indexes?"),
        ("CREATE TABLE", "How are tables made?"),
        ("54.19. pg_replication_slots", "What is a slot?"),
        ("20.13. Version and Platform Compatibility", "Is it compatible?"),
    ],
)
def test_a_question_with_a_word_of_the_title_is_caught(title: str, question: str) -> None:
    assert borrowed_words(a_question(title, question))


def test_the_number_of_a_title_is_no_word_of_it() -> None:
    assert [bare_title(title) for title in ("20.5. Write Ahead Log", "Chapter 5. Data", "E.17. Release")] == [
        "Write Ahead Log",
        "Data",
        "Release",
    ]


def test_prose_is_the_text_of_paragraphs_outside_navigation_and_contents(tmp_path: Path) -> None:
    body = '<div class="navheader"><p>No</p></div><p>Yes<br/>and</p><pre>no</pre><div class="toc"><p>no</p></div>'
    page = read_page(a_page(tmp_path, "a.html", body))
    assert (page.title, page.prose, page.lists_pages) == ("1.2. A Title", "Yesand", False)


def test_contents_indexes_and_short_pages_are_not_drawn(tmp_path: Path) -> None:
    long = f"<p>{'word ' * 400}</p>"
    contents = '<div class="toc"><a href="other.html#part">Other</a></div>'
    own_parts = '<div class="toc"><a href="#part">Part</a></div>'
    assert takes_part(read_page(a_page(tmp_path, "good.html", own_parts + long)))
    for name, body in (
        ("short.html", "<p>word</p>"),
        ("toc.html", contents + long),
        ("release-1.html", long),
    ):
        assert not takes_part(read_page(a_page(tmp_path, name, body)))


def test_the_same_seed_draws_the_same_pages(tmp_path: Path) -> None:
    for number in range(20):
        a_page(tmp_path, f"{number}.html", f"<p>{'word ' * 400}</p>")
    first, again, other = (draw(tmp_path, seed, 10) for seed in (1, 1, 2))
    assert first == again != other
    assert len({page.name for page in first}) == 10


def test_cpu_and_memory_of_a_process_and_its_children_are_seen() -> None:
    script = (
        "import subprocess, sys; subprocess.run([sys.executable, '-c', 'sum(range(4 * 10**7)); input()'])"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE) as process:
        tree = Tree({process.pid: "parent"})
        while tree.cpu().since(Cpu({})).get("parent (children)", 0) < 50:
            assert process.poll() is None
        memory = tree.memory()
        process.communicate(b"\n")
    assert set(memory.by_name) == {"parent", "parent (children)"}
    assert 1 < memory.total < 200
    assert Tree({os.getpid(): "me"}).memory().total > 1
