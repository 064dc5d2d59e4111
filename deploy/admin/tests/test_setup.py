"""``minirag-admin setup``, ``migrate`` and ``topology``: from an empty server to one that services work on."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from minirag_admin import database
from minirag_admin.cli import main
from minirag_admin.credentials import Credentials
from minirag_contracts.topology import SERVICES
from minirag_eventstore.migrate import migrations_of
from minirag_messaging import Bus, topology
from minirag_messaging.testing import NatsServer, password_of


@pytest.fixture
async def server(postgres_url: str) -> AsyncIterator[tuple[str, str]]:
    """The URL of a database that is still to be made, as a superuser; and the passwords of roles that others use too."""
    name = f"setup_{secrets.token_hex(6)}"
    yield with_database(postgres_url, name), name
    admin = await asyncpg.connect(postgres_url)
    await admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    await admin.close()


def with_database(url: str, name: str) -> str:
    head, _, query = url.partition("?")
    return f"{head.rsplit('/', 1)[0]}/{name}" + (f"?{query}" if query else "")


@pytest.fixture
def deployment(
    server: tuple[str, str],
    nats: NatsServer,
    role_passwords: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    """The environment of an administrator: addresses as variables, secrets as files."""
    folder = tmp_path / "admin"
    folder.mkdir()
    (folder / "MINIRAG_NATS_PASSWORD").write_text(password_of("system") + "\n")
    (folder / "MINIRAG_ADMIN_DATABASE_URL").write_text(server[0])
    (folder / "MINIRAG_ADMIN_ROLES").write_text(json.dumps(role_passwords))
    monkeypatch.setenv("MINIRAG_SECRETS_DIR", str(folder))
    monkeypatch.setenv("MINIRAG_NATS_URL", nats.url)
    return server[0]


async def command(*arguments: str) -> int:
    return await asyncio.to_thread(main, arguments)


async def test_setup_makes_all_that_services_need_and_may_be_repeated(
    deployment: str, nats: NatsServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await command("setup") == 0
    assert "chat: chat/0001_chat.sql" in capsys.readouterr().out
    bus = await Bus.connect(nats.url, name="test")
    assert await topology.check(bus) == []
    connection = await asyncpg.connect(deployment)
    for service in SERVICES:
        assert await connection.fetchval(f"SELECT count(*) FROM {service}.schema_migrations") >= 5
    await connection.close()
    assert await command("setup") == 0
    assert capsys.readouterr().out == "0 migrations were due.\n"
    assert await command("migrate", "--phase", "post") == 0

    await bus.client.jsm().delete_stream("CHAT")
    assert await command("topology") == 0
    assert await topology.check(bus) == []
    await bus.close()


async def test_two_setups_at_once_wait_for_each_other(
    server: tuple[str, str], role_passwords: dict[str, str]
) -> None:
    both = await asyncio.gather(*(database.prepare(server[0], role_passwords, "pre") for _ in range(2)))
    assert sorted(map(bool, both)) == [False, True]


async def test_who_may_only_make_roles_and_databases_can_set_up(
    postgres_url: str, server: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a hosted Postgres has it. Roles of its own, since it may change no others'."""
    url, name = server
    other = f"admin_{name}"
    superuser = await asyncpg.connect(postgres_url)
    await superuser.execute(f"CREATE ROLE {other} LOGIN CREATEROLE CREATEDB PASSWORD 'hosted'")
    await superuser.close()
    monkeypatch.setattr(database, "OWNER", f"owner_{name}")
    monkeypatch.setattr(database, "SERVICES", (f"x{name}",))
    monkeypatch.setattr(database, "service_roles", lambda: (f"x{name}", f"x{name}_system"))
    core = [migration for migration in migrations_of("analytics") if migration.name.startswith("core/")]
    monkeypatch.setattr("minirag_eventstore.migrate.migrations_of", lambda _: core)
    passwords = dict.fromkeys(database.service_roles(), "secret")
    hosted = url.replace(url.split("//")[1].split("@")[0], f"{other}:hosted")
    assert await database.prepare(hosted, passwords, "pre")
    assert await database.prepare(hosted, passwords, "pre") == []


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [
        ("MINIRAG_ADMIN_DATABASE_URL", "MINIRAG_ADMIN_DATABASE_URL is missing"),
        ("MINIRAG_ADMIN_ROLES", "no password for gateway, gateway_system"),
    ],
)
async def test_what_is_missing_is_named(
    deployment: str, tmp_path: Path, missing: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "admin" / missing).unlink()
    assert await command("setup") == 1
    assert sentence in capsys.readouterr().err


async def test_what_cannot_be_reached_is_named(
    deployment: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MINIRAG_ADMIN_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/minirag")
    assert await command("migrate", "--phase", "pre") == 1
    assert "database cannot be reached" in capsys.readouterr().err
    monkeypatch.setenv("MINIRAG_NATS_PASSWORD", "wrong")
    assert await command("topology") == 1
    assert "The bus refuses" in capsys.readouterr().err


def test_a_new_deployments_roles_are_all_named() -> None:
    made = Credentials.generate()
    assert set(made.roles) == {role for service in SERVICES for role in (service, f"{service}_system")}
