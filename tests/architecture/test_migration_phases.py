"""A *pre* migration only adds: the version before works on while it runs and afterwards."""

import re
from pathlib import Path

import pytest
from minirag_contracts.topology import SERVICES
from minirag_eventstore.migrate import Migration, migrations_of

BASELINE = {
    "retrieval/0002_hidden_sources.sql",
    "retrieval/0004_hidden_sources_alone.sql",
    "chat/0002_reach_and_faces.sql",
    "analytics/0003_bots_count_either_way.sql",
    "gateway/0003_sessions_and_embed_keys.sql",
}
"""From before there were phases. No name is ever added here."""

_MUST_BE_GIVEN = (
    r"\bADD\s+(?:COLUMN\s+)?(?:IF\s+NOT\s+EXISTS\s+)?(?!CONSTRAINT)\w+\s"
    r"(?=[^,]*\bNOT\s+NULL\b)(?![^,]*\b(?:DEFAULT|GENERATED)\b)"
)

ANYWHERE = {
    "takes something away": r"\bDROP\s+(?!NOT\s+NULL|IDENTITY)\w+",
    "renames": r"\bRENAME\b|\bSET\s+SCHEMA\b",
    "changes a type": r"\bALTER\s+(COLUMN\s+)?\w+\s+(SET\s+DATA\s+)?TYPE\b|\bALTER\s+TYPE\b",
    "removes rows": r"^\s*(DELETE\s+FROM|TRUNCATE)\b",
    "adds a column that must be given": _MUST_BE_GIVEN,
}
ON_WHAT_IS_THERE = {
    "forbids a null": r"\bSET\s+NOT\s+NULL\b",
    "demands more of rows": r"\bADD\s+(CONSTRAINT\b|CHECK\b|UNIQUE\b|FOREIGN\s+KEY|PRIMARY\s+KEY|EXCLUDE\b)",
    "demands that rows differ": r"\bCREATE\s+UNIQUE\s+INDEX\b",
    "takes a right": r"^\s*REVOKE\b",
}
"""Allowed on a table that the same migration makes."""


def contracting(migration: Migration) -> list[str]:
    """What in a migration the version before could not live with."""
    text = re.sub(r"--[^\n]*|/\*.*?\*/", "", migration.sql, flags=re.DOTALL)
    made = set(re.findall(r"\bCREATE\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?(\w+)", text, re.IGNORECASE))
    found = []
    for statement in text.split(";"):
        table = re.search(r"\b(?:ON|TABLE)\s+(?:IF\s+EXISTS\s+|ONLY\s+)*(\w+)", statement, re.IGNORECASE)
        on_new = table is not None and table[1] in made
        for what, pattern in {**ANYWHERE, **({} if on_new else ON_WHAT_IS_THERE)}.items():
            if re.search(pattern, statement, re.IGNORECASE):
                found.append(f"{what}: {' '.join(statement.split())[:80]}")
    return found


def everything() -> dict[str, Migration]:
    return {migration.name: migration for service in SERVICES for migration in migrations_of(service)}


def test_a_pre_migration_takes_nothing_away() -> None:
    found = {
        name: contracting(migration)
        for name, migration in everything().items()
        if migration.phase == "pre" and name not in BASELINE
    }
    assert {name: reasons for name, reasons in found.items() if reasons} == {}, "that belongs in a .post.sql"


def test_the_baseline_needs_its_exception() -> None:
    assert {name for name, migration in everything().items() if contracting(migration)} >= BASELINE


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE chats",
        "ALTER TABLE chats DROP COLUMN label",
        "ALTER TABLE chats ALTER label DROP DEFAULT",
        "DROP INDEX chats_by_label",
        "ALTER TABLE chats RENAME COLUMN a TO b",
        "ALTER TABLE chats RENAME TO talks",
        "ALTER TABLE chats ALTER COLUMN label TYPE uuid",
        "ALTER TABLE chats ALTER label SET DATA TYPE uuid",
        "ALTER TABLE chats ALTER label SET NOT NULL",
        "ALTER TABLE chats ADD COLUMN label text NOT NULL",
        "ALTER TABLE chats ADD COLUMN a text NOT NULL DEFAULT '', ADD COLUMN b text NOT NULL",
        "ALTER TABLE chats ADD CONSTRAINT positive CHECK (n > 0)",
        "CREATE TABLE new (id uuid); CREATE UNIQUE INDEX one ON chats (label)",
        "UPDATE chats SET label = ''; DELETE FROM chats WHERE label = ''",
        "TRUNCATE chats",
        "REVOKE UPDATE ON chats FROM {service}",
        "-- a comment\ndrop table chats",
    ],
)
def test_what_takes_away_is_seen(sql: str) -> None:
    assert contracting(Migration("chat/0009_planted.sql", sql))


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE new (id uuid NOT NULL); ALTER TABLE new ADD CONSTRAINT one UNIQUE (id)",
        "CREATE TABLE new (id uuid); CREATE UNIQUE INDEX two ON new (id); REVOKE UPDATE ON new FROM {service}",
        "ALTER TABLE chats ADD COLUMN label text",
        "ALTER TABLE chats ADD COLUMN label text NOT NULL DEFAULT ''",
        "ALTER TABLE chats ALTER COLUMN label DROP NOT NULL",
        "CREATE INDEX some ON chats (label)",
        "UPDATE chats SET label = '' WHERE label IS NULL",
        "CREATE TABLE new (id uuid REFERENCES chats ON DELETE CASCADE)",
        "-- DROP TABLE chats comes with the next version\nSELECT 1",
    ],
)
def test_what_adds_is_allowed(sql: str) -> None:
    assert contracting(Migration("chat/0009_planted.sql", sql)) == []


def test_every_migration_has_a_number_of_its_own() -> None:
    names = [Path(name).parent / Path(name).name.split("_")[0] for name in everything()]
    assert len(names) == len(set(names))
