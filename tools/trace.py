"""Runs one chat turn on a stack of its own and shows its trace as a tree: ``python tools/trace.py`` (``make trace``).

The tree is put into docs/operations.md, between its two marks.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests/support"))
import otlp  # type: ignore[import-not-found]  # noqa: E402  the tests' collector
import receiver  # type: ignore[import-not-found]  # noqa: E402
import telemetry  # type: ignore[import-not-found]  # noqa: E402

PAGE = ROOT / "docs" / "operations.md"
BEGIN, END = "<!-- trace: written by tools/trace.py -->\n", "<!-- end of the trace -->\n"


async def trace() -> str:
    """The tree of one streamed turn with a webhook."""
    with (
        tempfile.TemporaryDirectory() as folder,
        telemetry.looked_at(Path(folder), MINIRAG_LOG_LEVEL="WARNING") as looked,
    ):
        async with (
            receiver.receiving() as hooks,
            httpx.AsyncClient(base_url=looked.stack.url, timeout=60) as http,
        ):
            turn = await telemetry.one_turn(looked, http, hooks)
    return str(otlp.tree(turn.spans))


def main() -> None:
    """Print it, and write it into the page."""
    shown = asyncio.run(trace())
    sys.stdout.write(shown)
    text = PAGE.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    PAGE.write_text(f"{head}{BEGIN}```text\n{shown}```\n{END}{tail}", encoding="utf-8")


if __name__ == "__main__":
    main()
