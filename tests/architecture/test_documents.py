"""The documents name what the code has."""

import re
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


def test_every_fault_of_the_earlier_system_has_its_tests() -> None:
    """Each S, D and P row names tests that exist, or says what owns it."""
    page = (ROOT / "docs/lessons.md").read_text()
    rows = re.findall(r"^\| ([SDP]\d+) \| [^|]+ \| ([^|]+) \|$", page, re.MULTILINE)
    assert [row for row, _ in rows] == [
        f"{kind}{number}" for kind, last in (("S", 19), ("D", 19), ("P", 8)) for number in range(1, last + 1)
    ]
    tests = "\n".join(
        path.read_text()
        for folder in ("libs", "services", "deploy", "tests")
        for path in (ROOT / folder).rglob("test_*.py")
    )
    for row, kept in rows:
        names = re.findall(r"`(test_\w+)`", kept)
        assert not [name for name in names if f"def {name}(" not in tests], row
        files = re.findall(r"`((?:tests|services|bench)[\w/.]*)`", kept)
        assert not [file for file in files if not (ROOT / file).exists()], row
        assert names or files or "belong" in kept or "lock" in kept or "know no key" in kept, row
