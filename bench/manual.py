"""Bring a manual in and ask about it: `python -m bench.manual FOLDER QUESTIONS.json`.

Uploads every HTML page of the folder, waits until all are ready, asks every question in a conversation of its own,
and looks whether the page that a question was drawn from is among the five citations. Starts a stack of its own, unless
--url (and --token, and --data-dir for the memory) name one that runs.
"""

import argparse
import asyncio
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from bench.client import Client, client_of
from bench.corpus import all_settled, cited, gathered, print_ingested
from bench.processes import MemorySampler
from bench.questions import Question, Questions, read_questions
from bench.report import Clock, heading, line, percentile, print_cpu, print_memory
from bench.stack import Measured, own_stack, running


async def ingest(client: Client, bot_id: str, files: list[Path], in_flight: int) -> dict[str, str]:
    """Bring every file in; source id → page."""
    clock = Clock()
    ids = await gathered(files, lambda file: client.upload(bot_id, file.name, file.read_bytes()), in_flight)
    pages = {source_id: file.name for source_id, file in zip(ids, files, strict=True)}
    line("pages uploaded", f"{len(files)} in {clock.seconds:.1f} s")
    print_ingested(await all_settled(client, bot_id, len(files), clock), pages)
    return pages


async def ask(client: Client, bot_id: str, questions: Questions, pages: dict[str, str]) -> int:
    """Ask every question; how many found their page."""
    found, times = 0, []
    for one in questions.questions:
        clock = Clock()
        answer = await client.ask(bot_id, one.question)
        times.append(clock.seconds * 1000)
        names = [pages[source_id] for source_id in cited(answer)]
        found += one.page in names
        if one.page not in names:
            print_miss(one, names, answer)
    line("right page among the five citations", f"{found} of {len(questions.questions)}")
    line("time per answer, p50 / p95", f"{percentile(times, 50):.0f} / {percentile(times, 95):.0f} ms")
    return found


def print_miss(question: Question, names: list[str], answer: dict[str, Any]) -> None:
    """A question whose page was not found, with what was found instead."""
    line(f"missed: {question.page}", question.question)
    for name, source in zip(names, answer["sources"], strict=False):
        line(f"  {name}", f"{source['score']}  {source.get('heading') or ''}")


async def measure(
    stack: Measured, token: str | None, files: list[Path], questions: Questions, in_flight: int
) -> int:
    """The whole run; how many questions found their page."""
    sampler: AbstractContextManager[MemorySampler | None] = (
        MemorySampler(stack.tree) if stack.tree else nullcontext()
    )
    before = stack.tree.cpu() if stack.tree else None
    async with client_of(stack.url, token) as client:
        bot_id = await client.bot("Manual")
        heading("Ingestion")
        with sampler as samples:
            pages = await ingest(client, bot_id, files, in_flight)
            if stack.tree and before:
                print_cpu(stack.tree.cpu().since(before), len(files), "page")
            heading("Questions")
            found = await ask(client, bot_id, questions, pages)
    if samples and stack.tree:
        heading("Memory")
        print_memory("peak", samples.peak)
        print_memory("afterwards", stack.tree.memory())
    return found


def main() -> None:
    """Exits with 1 when fewer questions than --least find their page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("questions", type=Path)
    parser.add_argument("--url", help="a stack that runs already")
    parser.add_argument("--token", help="its API token; without one a new tenant is made")
    parser.add_argument("--data-dir", type=Path, help="its data folder, to measure memory and CPU")
    parser.add_argument("--in-flight", type=int, default=8, help="uploads at a time")
    parser.add_argument("--least", type=int, default=36, help="questions that must find their page")
    given = parser.parse_args()
    questions = read_questions(given.questions)
    files = sorted(given.folder.glob("*.html"))
    with nullcontext(running(given.url, given.data_dir)) if given.url else own_stack() as stack:
        found = asyncio.run(measure(stack, given.token, files, questions, given.in_flight))
    sys.exit(found < given.least)


if __name__ == "__main__":
    main()
