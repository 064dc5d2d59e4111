"""The Postman collection, run by newman as a client of the earlier system runs it, with a language model's real protocol."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from minirag_dashboard import node
from minirag_local.testing import Stack
from operations import OPERATIONS

ROOT = Path(__file__).parents[2]
COLLECTION = ROOT / "postman" / "MiniRAG.postman_collection.json"
NEWMAN = ROOT / "tools" / "newman" / "run.js"

FORMER = {"0": 1, "1": 4, "2": 3, "3": 6, "4": 18, "5": 10, "6": 6, "7": 5}
"""Folder → its requests, as spec §18 lists them: 53."""


@pytest.fixture(scope="module")
def newman() -> list[str]:
    """The command; it is installed from the npm registry, and without it this fails."""
    environment = {**os.environ, "VIRTUAL_ENV": sys.prefix}
    subprocess.run(["make", "--silent", "newman"], cwd=ROOT, env=environment, check=True, timeout=300)
    return [node.required().node, str(NEWMAN)]


def collection() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(COLLECTION.read_text(encoding="utf-8"))
    return loaded


def is_served(request: dict[str, Any]) -> bool:
    """Whether the application has the route."""
    path = "/" + "/".join(request["url"]["path"])
    return any(
        operation.method == request["method"] and fits(operation.path, path) for operation in OPERATIONS
    )


def fits(route: str, path: str) -> bool:
    """Literal parts are equal, and a variable stands for each parameter."""
    wanted, sent = route.split("/"), path.split("/")
    return len(wanted) == len(sent) and all(
        part == given or (part.startswith("{") and (given.startswith("{{") or len(given) == 36))
        for part, given in zip(wanted, sent, strict=True)
    )


def test_it_has_the_requests_of_the_earlier_collection_and_more() -> None:
    folders = {folder["name"].split()[0]: len(folder["item"]) for folder in collection()["item"]}
    assert {number: folders[number] for number in FORMER} == FORMER
    assert sum(FORMER.values()) == 53 and sum(folders.values()) >= 53 + 20
    assert all(item["event"] for folder in collection()["item"] for item in folder["item"])


def test_every_request_of_it_has_a_route() -> None:
    items = [item for folder in collection()["item"] for item in folder["item"]]
    assert [item["name"] for item in items if not is_served(item["request"])] == []


@pytest.mark.timeout(300)
def test_every_request_and_assertion_of_it_holds(stack: Stack, newman: list[str], tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    done = subprocess.run(
        [*newman, str(COLLECTION), stack.url, "gpt-4o-mini", str(report)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    run = json.loads(report.read_text(encoding="utf-8"))["run"]
    asked = {execution["item"]["name"] for execution in run["executions"]}
    assert asked == {item["name"] for folder in collection()["item"] for item in folder["item"]}
    assert run["stats"]["assertions"]["total"] > 2 * len(asked) - 10
    assert run["stats"]["assertions"]["failed"] == run["stats"]["requests"]["failed"] == 0
