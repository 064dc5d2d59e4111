"""schemathesis against a running stack: thousands of generated requests, each answer held against the document."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from estate import Estate
from operations import OPERATIONS

CONFIG = Path(__file__).with_name("schemathesis.toml")

OFTEN = 0.5
"""How often an id is one that exists; otherwise it is made up, or taken from an answer."""


@dataclass(frozen=True, slots=True)
class Round:
    """One run of schemathesis."""

    cases: int
    failures: list[dict[str, Any]]
    complete: bool
    tested: int
    accepted: set[str]
    """Operations of which at least one request was a success."""
    output: str


def document(url: str, folder: Path) -> Path:
    """The served document, its examples' addresses replaced by ones that lead nowhere (RFC 2606)."""
    text = httpx.get(f"{url}/openapi.json").raise_for_status().text
    path = folder / "openapi.json"
    path.write_text(text.replace("example.com", "example.invalid"), encoding="utf-8")
    return path


def config(estate: Estate, folder: Path) -> Path:
    """The committed configuration, and the ids of the estate for the parameters and fields that take them."""
    names = {
        name
        for operation in OPERATIONS
        for name in (*operation.path_ids, *operation.query_ids, *operation.body_ids)
    }
    known = {name: estate.ids[name] for name in sorted(names & set(estate.ids))}
    hooks = CONFIG.with_name("fuzzing_hooks.py")
    lines = [CONFIG.read_text(encoding="utf-8").replace(hooks.name, str(hooks))]
    lines += [f'[dictionaries.{name}]\nvalues = ["{value}"]' for name, value in known.items()]
    lines.append("[parameters]")
    lines += [
        f'"{place}.{name}" = {{ dictionary = "{name}", probability = {OFTEN} }}'
        for name in known
        for place in ("path", "query", "body")
    ]
    path = folder / "schemathesis.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def run(url: str, estate: Estate, folder: Path, *, seed: int, per_operation: int) -> Round:
    """One round with every phase: examples, coverage, fuzzing and sequences of requests."""
    report = folder / f"report-{seed}.json"
    command = [
        *(sys.executable, "-m", "schemathesis.cli.__main__", "--config-file", str(config(estate, folder))),
        *(
            "run",
            str(document(url, folder)),
            "--url",
            url,
            "--header",
            f"Authorization: Bearer {estate.tenant.token}",
        ),
        *("--seed", str(seed), "--max-examples", str(per_operation), "--no-color", "--no-shrink"),
        *("--report", "json", "--report-json-path", str(report)),
    ]
    done = subprocess.run(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert report.exists(), done.stdout
    return _read(json.loads(report.read_text(encoding="utf-8")), done)


def _read(report: dict[str, Any], done: subprocess.CompletedProcess[str]) -> Round:
    assert not report["errors"], done.stdout
    assert report["exit_code"] == done.returncode
    rates: dict[str, dict[str, dict[str, int]]] = report["valid_rates"]
    return Round(
        cases=report["test_cases"]["generated"],
        failures=report["failures"],
        complete=report["complete"],
        tested=report["operations"]["tested"],
        accepted={
            name for name, phases in rates.items() if any(phase["accepted"] for phase in phases.values())
        },
        output=done.stdout,
    )
