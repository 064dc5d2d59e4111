"""Who may import whom: the rules hold, and a planted violation of each is caught."""

import configparser
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from source_tree import PACKAGES, ROOT, imports_of, module_of, source_files

PLANTED = {
    "services": [
        ("minirag_chat/queries", "minirag_ingest.errors"),
        ("minirag_gateway/commands", "minirag_chat.domain"),
    ],
    "libraries": [
        ("minirag_service/runtime", "minirag_chat.settings"),
        ("minirag_eventstore/store", "minirag_service.sealing"),
        ("minirag_messaging/bus", "minirag_eventstore"),
        ("minirag_contracts/ids", "minirag_messaging"),
    ],
    "supervisor": [
        ("minirag_local/stack", "minirag_gateway.settings"),
        ("minirag_admin/cli", "minirag_chat.settings"),
    ],
    "operators": [
        ("minirag_admin/cli", "minirag_local.folder"),
        ("minirag_service/runtime", "minirag_admin.errors"),
    ],
    "layers": [
        ("minirag_webhooks/domain", "minirag_webhooks.ports"),
        ("minirag_webhooks/ports", "minirag_webhooks.commands"),
        ("minirag_webhooks/commands", "minirag_webhooks.adapters"),
        ("minirag_webhooks/queries", "minirag_webhooks.entrypoints"),
        ("minirag_webhooks/reactions", "minirag_webhooks.adapters"),
        ("minirag_webhooks/adapters", "minirag_webhooks.entrypoints"),
        ("minirag_webhooks/entrypoints", "minirag_webhooks.adapters"),
        ("minirag_webhooks/errors", "minirag_webhooks.domain"),
    ],
    "projections": [("minirag_webhooks/projections", "minirag_webhooks.domain")],
    "domain": [("minirag_chat/domain", "minirag_eventstore"), ("minirag_ingest/domain", "minirag_messaging")],
    "adapters": [("minirag_webhooks/adapters/delivery_rows", "minirag_webhooks.adapters.http_sender")],
    "drivers": [
        ("minirag_webhooks/domain", "asyncpg"),
        ("minirag_chat/commands", "httpx"),
        ("minirag_gateway/queries", "fastapi"),
        ("minirag_analytics/projections", "asyncpg"),
    ],
    "contracts": [("minirag_contracts/ids", "httpx")],
    "nats": [("minirag_service/runtime", "nats"), ("minirag_chat/adapters", "nats")],
    "litellm": [("minirag_chat/adapters", "litellm"), ("minirag_retrieval/adapters", "litellm")],
}
"""Contract of ``.importlinter`` → files of a copy, and the import that is added to each."""


def contracts() -> list[str]:
    """The names of the contracts in ``.importlinter``."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / ".importlinter")
    sections = (section.partition("importlinter:contract:") for section in parser.sections())
    return sorted(name for _, prefix, name in sections if prefix)


class Copy:
    """The source of all packages, to plant violations in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for package in PACKAGES:
            shutil.copytree(package, folder / package.name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / ".importlinter", folder / ".importlinter")

    def file(self, name: str) -> Path:
        """A module, or the ``__init__`` of a package."""
        module, package = self.folder / f"{name}.py", self.folder / name / "__init__.py"
        return package if package.exists() else module

    def lint(self, contract: str | None = None) -> subprocess.CompletedProcess[str]:
        """import-linter on the copy and on nothing else, for one contract or all."""
        script = "import sys; from importlinter.cli import lint_imports_command; lint_imports_command()"
        command = [sys.executable, "-c", script, "--config", ".importlinter", "--cache-dir", ".cache"]
        command += ["--contract", contract] if contract else []
        environment = {**os.environ, "PYTHONPATH": str(self.folder), "NO_COLOR": "1", "COLUMNS": "200"}
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """One copy for all tests; each puts back what it changed."""
    return Copy(tmp_path_factory.mktemp("source"))


def test_the_rules_hold(copy: Copy) -> None:
    done = copy.lint()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_every_contract_has_a_planted_violation() -> None:
    assert sorted(PLANTED) == contracts()


@pytest.mark.parametrize(
    ("contract", "name", "imported"),
    [(contract, *planted) for contract, violations in PLANTED.items() for planted in violations],
)
def test_a_planted_violation_is_caught(copy: Copy, contract: str, name: str, imported: str) -> None:
    path = copy.file(name)
    before = path.read_text()
    path.write_text(f"{before}\nimport {imported}\n")
    try:
        done = copy.lint(contract)
    finally:
        path.write_text(before)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "BROKEN" in done.stdout


def test_contracts_need_pydantic_and_the_standard_library_alone() -> None:
    allowed = {*sys.stdlib_module_names, "pydantic", "uuid_utils", "minirag_contracts"}
    for path in source_files(ROOT / "libs/contracts/src/minirag_contracts"):
        assert {name.split(".")[0] for name in imports_of(path)} <= allowed, module_of(path)


def test_litellm_is_named_by_one_module() -> None:
    found = [
        module_of(path)
        for path in source_files()
        if any(n.split(".")[0] == "litellm" for n in imports_of(path))
    ]
    assert found == ["minirag_chat.adapters.llm.worker"]


def test_nats_is_named_by_the_messaging_library_alone() -> None:
    found = {
        module_of(path) for path in source_files() if any(n.split(".")[0] == "nats" for n in imports_of(path))
    }
    assert found and {module.split(".")[0] for module in found} == {"minirag_messaging"}
