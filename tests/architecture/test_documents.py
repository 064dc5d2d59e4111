"""The documents name what the code has."""

import json
import re
import subprocess
import sys
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import pytest
from minirag_contracts.events import REGISTRY
from minirag_contracts.topology import CONSUMERS, SERVICES, STREAMS
from minirag_service import ServiceSettings
from pydantic import TypeAdapter
from pydantic.fields import FieldInfo

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("tool", ["settings", "openapi", "asyncapi", "chart"])
def test_what_is_generated_from_the_code_is_current(tool: str) -> None:
    done = subprocess.run(
        [sys.executable, f"tools/{tool}.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("service", ["Every service", "gateway", "ingest", "chat", "webhooks"])
def test_every_duration_of_the_settings_page_is_read_back_as_the_default(service: str) -> None:
    """What the page shows can be put into the environment as it stands."""
    page = (ROOT / "docs/settings.md").read_text()
    section = page.partition(f"\n## {service}\n")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| `([^`]*)` \|", section, re.MULTILINE))
    durations = durations_of(service)
    assert durations
    for name, each in durations.items():
        text = rows[f"MINIRAG_{name.upper()}"]
        value = json.loads(text) if isinstance(each.default, tuple) else text
        kind: Any = Annotated[(each.annotation, *each.metadata)] if each.metadata else each.annotation
        assert text.lstrip('["').startswith("P"), (name, text)
        assert TypeAdapter(kind).validate_python(value) == each.default, (name, text)


def durations_of(service: str) -> dict[str, FieldInfo]:
    """The settings of a service alone, or those of every service, that are durations."""
    common = ServiceSettings.model_fields
    own = (
        {}
        if service == "Every service"
        else import_module(f"minirag_{service}.settings").Settings.model_fields
    )
    fields = {name: each for name, each in own.items() if name not in common} if own else common
    return {name: each for name, each in fields.items() if is_duration(each.default)}


def is_duration(default: object) -> bool:
    """Whether it is one, or a list of them."""
    items = default if isinstance(default, tuple) else (default,)
    return bool(items) and all(isinstance(item, timedelta) for item in items)


def test_services_without_durations_are_named() -> None:
    """The test above leaves these out, and no others."""
    without = {service for service in SERVICES if not durations_of(service)}
    assert without == {"retrieval", "analytics"}


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


MADE_BY_US = {
    *(
        "code",
        "content_hash",
        "config_hash",
        "email_hash",
        "token_hash",
        "token_prefix",
        "key",
        "detail",
        "reason",
    ),
    *(
        "event",
        "events",
        "how",
        "model",
        "embedding_model",
        "plan",
        "refresh_schedule",
        "scopes",
        "citations",
        "sources",
    ),
}
"""Fields of events with texts that nobody has typed: hashes, codes, what is chosen from a list, parts with ids and figures."""


def test_the_operations_page_names_every_word_that_erasing_leaves_in_events() -> None:
    page = (ROOT / "docs/operations.md").read_text()
    section = page.partition("\n## What erasing leaves\n")[2].partition("\n## ")[0]
    named = {
        (event, field)
        for events, fields in re.findall(r"^\| (`[^|]*`) \| (.*) \|$", section, re.MULTILINE)
        for event in re.findall(r"`([^`]+)`", events)
        for field in re.findall(r"`([^`]+)`", fields)
    }
    words = {
        (event, name)
        for event, model in REGISTRY.items()
        if model.__module__.startswith("minirag_contracts.events.")  # other tests have events of their own
        for name, field in model.model_fields.items()
        if re.search(r"\bstr\b|\bdict\b|\blist\b|\bAny\b", str(field.annotation)) and name not in MADE_BY_US
    }
    assert named == words


def test_every_fault_of_the_earlier_system_has_its_tests() -> None:
    """Each S, D, P and R row names tests that exist, or says what owns it."""
    page = (ROOT / "docs/lessons.md").read_text()
    rows = re.findall(r"^\| ([SDPR]\d+) \| [^|]+ \| ([^|]+) \|$", page, re.MULTILINE)
    assert [row for row, _ in rows] == [
        f"{kind}{number}"
        for kind, last in (("S", 19), ("D", 19), ("P", 8), ("R", 7))
        for number in range(1, last + 1)
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
