"""The documents name what the code has."""

import subprocess
import sys
from pathlib import Path

import pytest
from minirag_contracts.topology import CONSUMERS, SERVICES, STREAMS

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("tool", ["settings", "openapi", "asyncapi"])
def test_what_is_generated_from_the_code_is_current(tool: str) -> None:
    done = subprocess.run(
        [sys.executable, f"tools/{tool}.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_streams_page_has_every_stream_and_consumer() -> None:
    lines = (ROOT / "docs/streams.md").read_text().splitlines()
    rows = {line.split("|")[1].strip(" `"): line for line in lines if line.startswith("| `")}
    for stream in STREAMS:
        assert all(f"`{subject}`" in rows[stream.name] for subject in stream.subjects), stream.name
    for consumer in CONSUMERS:
        row = rows[consumer.durable]
        assert f"`{consumer.stream}`" in row and consumer.kind in row
        assert all(f"`{pattern}`" in row for pattern in consumer.patterns)
    known = {stream.name for stream in STREAMS} | {consumer.durable for consumer in CONSUMERS}
    assert set(rows) == known


def test_the_architecture_page_has_every_service_and_folder() -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text()
    for service in SERVICES:
        assert f"| {service} |" in page
    for folder in [*ROOT.glob("libs/*/pyproject.toml"), *ROOT.glob("deploy/*/pyproject.toml")]:
        assert str(folder.parent.relative_to(ROOT)) in page


def test_every_decision_is_short_and_names_what_keeps_it_true() -> None:
    decisions = sorted(ROOT.glob("docs/decisions/*.md"))
    assert decisions
    for decision in decisions:
        text = decision.read_text()
        assert len(text.splitlines()) < 40, decision.name
        for heading in ("Context", "Decision", "Alternatives", "Consequences", "Kept true by"):
            assert f"**{heading}" in text, (decision.name, heading)
