"""What is sealed is declared, so that no rotation of keys forgets it."""

import ast
from typing import Protocol

import asyncpg
from minirag_contracts.topology import SERVICES
from minirag_service.rotation import REPLIES
from source_tree import parsed, service_folder


class Whole(Protocol):
    admin: str


def declared(service: str) -> dict[tuple[str, str], tuple[str, ...]]:
    """Table and column → key, of each ``runtime.sealed(…)`` in the service's bootstrap."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for node in ast.walk(parsed(service_folder(service) / "bootstrap.py")):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "runtime.sealed":
            options = {word.arg: ast.literal_eval(word.value) for word in node.keywords}
            table = ast.literal_eval(node.args[0])
            found[table, options.get("column", "sealed")] = tuple(options["key"])
    return found


async def test_every_sealed_column_is_declared_with_its_key(whole_database: Whole) -> None:
    admin = await asyncpg.connect(whole_database.admin)
    rows = await admin.fetch(
        "SELECT table_schema, table_name FROM information_schema.columns "
        "WHERE data_type = 'bytea' AND column_name = 'sealed' AND table_schema = ANY($1)",
        SERVICES,
    )
    there = {(row["table_schema"], row["table_name"], "sealed") for row in rows}
    keys = {(service, *where): key for service in SERVICES for where, key in declared(service).items()}
    assert there, "chat and webhooks seal"
    assert there <= set(keys), "declare it in the service's bootstrap: runtime.sealed(table, key=(…))"
    keys |= {(service, REPLIES.table, REPLIES.column): REPLIES.key for service in SERVICES}
    for (service, table, column), key in keys.items():
        primary = await admin.fetch(
            "SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid "
            "AND a.attnum = ANY(i.indkey) WHERE i.indrelid = $1::regclass AND i.indisprimary",
            f"{service}.{table}",
        )
        assert {row["attname"] for row in primary} == set(key), (service, table)
        kind = await admin.fetchval(
            "SELECT format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = $1::regclass AND attname = $2",
            f"{service}.{table}",
            column,
        )
        assert kind == "bytea", (service, table, column)
    await admin.close()
