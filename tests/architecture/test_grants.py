"""The table of who may ask whom is what the services' code asks, no more and no less."""

import ast
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

import pytest
from minirag_contracts.grants import ASKS, service_grants
from minirag_contracts.requests import Request
from minirag_contracts.requests.common import COMMON, common_subject
from minirag_contracts.topology import SERVICES
from source_tree import ROOT, parsed, service_folder, source_files
from subjects import matches

VOCABULARY = "minirag_contracts.requests."


def asked_in(tree: ast.Module, service: str) -> set[str]:
    """Subjects of other services' requests whose model a module names: to send one, it has to be named."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(VOCABULARY):
            models = (getattr(import_module(node.module or ""), name.name) for name in node.names)
            found |= {
                model.subject()
                for model in models
                if isinstance(model, type) and issubclass(model, Request) and hasattr(model, "verb")
                if model.service != service
            }
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "ask":
            verbs = [arg.value for arg in node.args[1:2] if isinstance(arg, ast.Constant)]
            whom = [arg.value for arg in node.args[:1] if isinstance(arg, ast.Constant)] or SERVICES
            found |= {common_subject(owner, verb) for verb in verbs if verb in COMMON for owner in whom}
    return found


def asked_by(service: str, files: Iterable[Path]) -> set[str]:
    return set().union(*(asked_in(parsed(path), service) for path in files))


def missing(service: str, asked: set[str]) -> set[str]:
    granted = service_grants(service).publish
    return {subject for subject in asked if not any(matches(subject, allowed) for allowed in granted)}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_may_ask_whatever_its_code_asks(service: str) -> None:
    asked = asked_by(service, source_files(service_folder(service)))
    lacking = missing(service, asked)
    assert not lacking, f"add to ASKS[{service!r}] in contracts/grants.py: {sorted(lacking)}"


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_may_ask_nothing_that_its_code_does_not(service: str) -> None:
    asked = asked_by(service, source_files(service_folder(service)))
    unused = [row for row in ASKS[service] if not any(matches(subject, f"rpc.{row}") for subject in asked)]
    assert not unused, f"nobody asks any more: {unused}"


def test_every_request_that_a_model_names_can_be_seen_by_the_rule() -> None:
    """The rule stands on imports by name: nobody imports the module whole, and nobody sends around the bus' two doors."""
    for path in (path for service in SERVICES for path in source_files(service_folder(service))):
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Import):
                assert not any(name.name.startswith(VOCABULARY) for name in node.names), path
            if isinstance(node, ast.ImportFrom) and node.module == VOCABULARY.rstrip("."):
                assert {name.name for name in node.names} <= {"REQUESTS", "Done", "Page", "Reply", "Request"}


@pytest.mark.parametrize(
    ("service", "line", "subject"),
    [
        ("chat", "from minirag_contracts.requests.ingest import CreateSource", "rpc.ingest.sources.create"),
        (
            "webhooks",
            "from minirag_contracts.requests.retrieval import Search as Ask",
            "rpc.retrieval.search",
        ),
        ("ingest", "bus.ask('chat', 'health', question, reply, context)", "rpc.chat.health"),
        (
            "gateway",
            "bus.ask(name, 'dead_letters.replay', question, reply, context)",
            "rpc.chat.dead_letters.replay",
        ),
    ],
)
def test_a_planted_request_without_a_grant_is_caught(service: str, line: str, subject: str) -> None:
    assert subject in missing(service, asked_in(ast.parse(line), service))


def test_the_streams_page_shows_every_services_grants() -> None:
    page = (ROOT / "docs/streams.md").read_text()
    for service in SERVICES:
        row = next(line for line in page.splitlines() if line.startswith(f"| {service} |"))
        assert all(f"`{asked}`" in row for asked in ASKS[service]), row
