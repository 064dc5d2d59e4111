"""The table of formats, and every file that failed or of which much is missing, by name."""

import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bench.formats_corpus import Sample
from bench.report import heading

ENOUGH: Final = 0.9  # of the reference's words; files below it are named, but for pages, whose menus are left out on purpose


@dataclass(frozen=True)
class Outcome:
    """What became of one file. ``recovered`` is a share of the reference's words, None where there is no reference."""

    sample: Sample
    seconds: float
    chunks: int = 0
    language: str | None = None
    recovered: float | None = None
    error: str | None = None


def print_outcomes(outcomes: Sequence[Outcome]) -> None:
    """One line a format, then the exceptions."""
    formats: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        formats[outcome.sample.format].append(outcome)
    heading("Formats: seconds are from the upload until the file is searchable")
    print(f"{'format':7} {'files':>5} {'ready':>5} {'failed':>6} {'s p50':>6} {'p95':>6} {'max':>6} {'chunks':>7} "
          f"{'recovered p50':>13} {'p10':>6}")  # fmt: skip
    for name, of_format in sorted(formats.items()):
        print(_row(name, of_format))
    print(_row("all", outcomes))
    print("languages:", dict(Counter(outcome.language or "-" for outcome in outcomes).most_common()))
    for outcome in outcomes:
        if outcome.error:
            print(f"failed: {outcome.sample.format} {outcome.sample.path.name}: {outcome.error}")
    for outcome in sorted(outcomes, key=lambda each: each.recovered or 0):
        if outcome.recovered is not None and outcome.recovered < ENOUGH and outcome.sample.format != "html":
            print(f"recovered {outcome.recovered:.2f}: {outcome.sample.format} {outcome.sample.path.name}")


def _row(name: str, outcomes: Sequence[Outcome]) -> str:
    ready = [outcome for outcome in outcomes if outcome.error is None]
    times = sorted(outcome.seconds for outcome in ready) or [0.0]
    shares = sorted(outcome.recovered for outcome in ready if outcome.recovered is not None) or [0.0]
    return (
        f"{name:7} {len(outcomes):5} {len(ready):5} {len(outcomes) - len(ready):6} {statistics.median(times):6.2f} "
        f"{_at(times, 0.95):6.2f} {times[-1]:6.2f} {sum(outcome.chunks for outcome in ready):7} "
        f"{statistics.median(shares):13.3f} {_at(shares, 0.1):6.3f}"
    )


def _at(values: Sequence[float], share: float) -> float:
    return values[min(len(values) - 1, int(len(values) * share))]
