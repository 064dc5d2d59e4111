"""Every service is arranged alike, and the doors to other tenants' rows are few and known."""

import ast
import re
from pathlib import Path

import pytest
from minirag_contracts.topology import SERVICES
from source_tree import ROOT, module_of, parsed, service_files, service_folder, source_files, strings_of

REQUIRED = {
    "__main__",
    "settings",
    "bootstrap",
    "ports",
    "projections",
    "queries",
    "adapters",
    "entrypoints",
    "migrations",
}
OPTIONAL = {"domain", "commands", "reactions", "errors", "testing"}
"""What a service has if it has use for it: analytics decides nothing, most services react to nothing."""

EXTRA = {"retrieval": {"engine", "model_files"}}
"""A process of its own and generated files, each with an ADR; a new name needs one as well."""

MAY_OPEN_THE_SYSTEM_POOL = {
    "minirag_eventstore.backlog",  # counts, for the operator
    "minirag_eventstore.projector",
    "minirag_eventstore.reactor",
    "minirag_eventstore.worker",
    "minirag_service.common",
    # Who was erased lately: tenants, persons.
    "minirag_service.erasure",
    "minirag_service.persons",
    "minirag_service.events",
    "minirag_service.rotation",
    # Named look-ups before there is a tenant: who is it that brings this?
    "minirag_gateway.adapters.credentials",
    # Rooms that serve all tenants at once.
    "minirag_ingest.adapters.refresh_rows",
    "minirag_retrieval.adapters.bot_rows",
    "minirag_chat.queries.material",
    # Forgets by age what was delivered, of all tenants.
    "minirag_webhooks.adapters.archive",
}
"""Modules that may see the rows of all tenants. Whoever adds one says here why."""

MAY_HAVE_A_SYSTEM_SESSION = {
    "minirag_eventstore.leader",
    "minirag_eventstore.rebuild",
}

INLINE_TENANT = re.compile(r"tenant_id\s*(=|<>|!=|\bIN\b)\s*(\$\d|ANY|\()", re.IGNORECASE)
"""A comparison of the tenant in SQL text: the tenant's transaction does that, for every statement alike."""


def rooms_of(service: str) -> set[str]:
    found = (
        path for path in service_folder(service).iterdir() if not path.name.startswith((".", "__pycache__"))
    )
    return {path.stem for path in found if path.name not in ("__init__.py", "py.typed")}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_the_rooms_of_every_service(service: str) -> None:
    rooms = rooms_of(service)
    assert rooms >= REQUIRED, f"missing: {sorted(REQUIRED - rooms)}"
    unknown = rooms - REQUIRED - OPTIONAL - EXTRA.get(service, set())
    assert not unknown, f"a new name needs an ADR: {sorted(unknown)}"


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_says_in_a_few_lines_what_it_is(service: str) -> None:
    text = (ROOT / "services" / service / "README.md").read_text()
    assert len(text.splitlines()) <= 20
    for word in ("Owns", "Consumes", "Emits", "Answers"):
        assert word.lower() in text.lower(), word


def calls_of(path: Path, method: str) -> bool:
    """Whether a file calls ``<something>database.<method>()``, under whatever name the database goes there."""
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == method
        and not node.args
        and "database" in ast.unparse(node.func.value).lower()
        for node in ast.walk(parsed(path))
    )


@pytest.mark.parametrize(
    ("method", "allowed"), [("system", MAY_OPEN_THE_SYSTEM_POOL), ("session", MAY_HAVE_A_SYSTEM_SESSION)]
)
def test_only_named_modules_may_see_all_tenants(method: str, allowed: set[str]) -> None:
    found = {module_of(path) for path in source_files() if calls_of(path, method)}
    assert found <= allowed, f"not allowed to: {sorted(found - allowed)}"
    assert allowed <= found, f"no longer needed: {sorted(allowed - found)}"


def test_no_service_filters_by_tenant_itself() -> None:
    """Projections name the tenant in their keys, since a rebuild folds all tenants; nobody else has reason to."""
    found = [
        f"{module_of(path)}: {' '.join(match.group(0).split())}"
        for path in service_files()
        if ".projections" not in module_of(path)
        for text in strings_of(path)
        for match in [INLINE_TENANT.search(text)]
        if match
    ]
    assert found == []


@pytest.mark.parametrize(
    "text", ["WHERE tenant_id = $1", "AND t.tenant_id=$2", "tenant_id = ANY($1)", "tenant_id IN ($1)"]
)
def test_the_tenant_rule_sees_a_planted_filter(text: str) -> None:
    assert INLINE_TENANT.search(text)


def test_vectors_are_filtered_in_one_function_of_each_adapter_which_adds_the_tenant() -> None:
    """Qdrant's server and its embedded engine: whoever makes a filter goes through the one that names the tenant."""
    made = {
        f"{module_of(path)}.{function.name}": ast.unparse(call)
        for path in source_files(service_folder("retrieval"))
        for function in ast.walk(parsed(path))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for call in ast.walk(function)
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith(".Filter")
    }
    assert {name.rsplit(".", 1)[0] for name in made} == {
        "minirag_retrieval.adapters.qdrant",
        "minirag_retrieval.engine.shard",
    }
    assert len(made) == 2
    assert all("tenant" in call for call in made.values())


@pytest.mark.parametrize("service", SERVICES)
def test_every_table_is_under_row_level_security(service: str) -> None:
    folders = [
        service_folder(service) / "migrations",
        ROOT / "libs/eventstore/src/minirag_eventstore/migrations",
    ]
    sql = "\n".join(path.read_text() for folder in folders for path in sorted(folder.glob("0*.sql")))
    made = set(re.findall(r"CREATE TABLE (?:IF NOT EXISTS )?(\w+)", sql))
    protected = set(re.findall(r"minirag\.protect\('(\w+)'\)", sql))
    without_tenants = {"relay", "lost_positions", "progress"}
    assert made - protected == without_tenants
    for body in re.findall(r"CREATE TABLE (?:IF NOT EXISTS )?(\w+) \((.*?)\n\);", sql, re.DOTALL):
        assert body[0] in without_tenants or re.search(
            r"tenant_id\s+uuid\s+(NOT NULL|PRIMARY KEY)", body[1]
        ), body[0]


def test_no_exception_is_swallowed_without_a_word() -> None:
    found = [
        f"{module_of(path)}:{node.lineno}"
        for path in source_files()
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in ("Exception", "BaseException"))
        and all(isinstance(line, ast.Pass | ast.Continue) or _is_docstring(line) for line in node.body)
    ]
    assert found == []


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
