"""Keys are replaced while nothing stops opening: interrupted, repeated, with rows that no key opens."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from cryptography.fernet import Fernet, InvalidToken
from minirag_contracts.context import Context
from minirag_contracts.ids import new_id
from minirag_contracts.requests.common import SecretsReply, SecretsRotate
from minirag_eventstore import Database
from minirag_messaging import Bus
from minirag_messaging.testing import NatsServer
from minirag_service import rotation
from minirag_service.rotation import REPLIES, SealedColumn, rotate
from minirag_service.sealing import Sealer, key_id
from minirag_service.testing import running, settings_for
from minirag_webhooks.bootstrap import assemble
from minirag_webhooks.projections import PROJECTIONS
from minirag_webhooks.settings import Settings

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
SECRETS = SealedColumn("endpoint_secrets", ("webhook_id",))


@pytest.fixture
async def webhooks(make_database: Callable[..., Awaitable[Database]]) -> Database:
    return await make_database("webhooks")


async def fill(database: Database, sealer: Sealer, count: int) -> None:
    """Secrets of endpoints and replies with one, each of a tenant of its own."""
    async with database.system() as connection:
        for number in range(count):
            await connection.execute(
                "INSERT INTO endpoint_secrets (webhook_id, tenant_id, sealed) VALUES ($1, $2, $3)",
                new_id(),
                new_id(),
                sealer.seal(f"secret {number}".encode()),
            )
            await connection.execute(
                "INSERT INTO commands (tenant_id, command_id, body_hash, reply, sealed) VALUES ($1, $2, $3, $4, $5)",
                new_id(),
                new_id(),
                b"hash",
                sealer.seal(f"reply {number}".encode()) if number % 2 else b"plain",
                bool(number % 2),
            )


async def opened(database: Database, sealer: Sealer) -> list[bytes]:
    """Everything that is sealed, opened."""
    async with database.system() as connection:
        secrets = await connection.fetch("SELECT sealed AS value FROM endpoint_secrets ORDER BY webhook_id")
        replies = await connection.fetch(
            "SELECT reply AS value FROM commands WHERE sealed ORDER BY created_at"
        )
    return [sealer.open(row["value"]) for row in [*secrets, *replies]]


async def test_after_add_rotate_and_drop_everything_opens(
    webhooks: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "BATCH", 7)
    await fill(webhooks, Sealer([OLD]), 30)
    before = await opened(webhooks, Sealer([OLD]))
    both = Sealer([NEW, OLD])
    dry = [await rotate(webhooks, both, column, dry_run=True) for column in (SECRETS, REPLIES)]
    assert [(report.rows, report.outdated) for report in dry] == [(30, 30), (15, 15)]
    assert await opened(webhooks, Sealer([OLD])) == before, "a dry run changes nothing"
    for column in (SECRETS, REPLIES):
        await rotate(webhooks, both, column, dry_run=False)
    assert await opened(webhooks, Sealer([NEW])) == before
    with pytest.raises(InvalidToken):
        await opened(webhooks, Sealer([OLD]))
    again = [await rotate(webhooks, both, column, dry_run=False) for column in (SECRETS, REPLIES)]
    assert [(report.rows, report.outdated, report.unreadable) for report in again] == [(30, 0, 0), (15, 0, 0)]


class Crash(Exception):
    """Stands for the end of the process."""


async def test_a_crash_in_the_middle_is_repeated_safely(
    webhooks: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "BATCH", 10)
    await fill(webhooks, Sealer([OLD]), 40)
    before = await opened(webhooks, Sealer([OLD]))

    class Mortal(Sealer):
        left = 25

        def reseal(self, sealed: bytes) -> bytes:
            self.left -= 1
            if self.left < 0:
                raise Crash
            return super().reseal(sealed)

    with pytest.raises(Crash):
        await rotate(webhooks, Mortal([NEW, OLD]), SECRETS, dry_run=False)
    assert await opened(webhooks, Sealer([NEW, OLD])) == before, "nothing is lost in between"
    left = await rotate(webhooks, Sealer([NEW, OLD]), SECRETS, dry_run=True)
    assert left.outdated == 20, "whole batches were kept, the interrupted one was not"
    await rotate(webhooks, Sealer([NEW, OLD]), SECRETS, dry_run=False)
    assert (await rotate(webhooks, Sealer([NEW]), SECRETS, dry_run=True)).unreadable == 0


async def test_a_row_that_no_key_opens_is_counted_and_left(webhooks: Database) -> None:
    await fill(webhooks, Sealer([Fernet.generate_key().decode()]), 3)
    await fill(webhooks, Sealer([OLD]), 2)
    report = await rotate(webhooks, Sealer([NEW, OLD]), SECRETS, dry_run=False)
    assert (report.rows, report.outdated, report.unreadable) == (5, 2, 3)


async def test_an_operator_asks_a_running_service(
    database_urls: Callable[..., Awaitable[tuple[str, str]]], nats: NatsServer, bus: Bus, tmp_path: Path
) -> None:
    urls = await database_urls("webhooks")
    database = await Database.connect("webhooks", *urls)
    await fill(database, Sealer([OLD]), 4)
    settings = settings_for(Settings, nats.url, urls).model_copy(
        update={"secret_key": type(settings_for(Settings, nats.url, urls).secret_key)(f"{NEW},{OLD}")}
    )
    async with running(settings, assemble, PROJECTIONS) as runtime:
        details = (await runtime.health()).details
        assert (details["sealing_key"], details["opening_keys"]) == (key_id(NEW), [key_id(NEW), key_id(OLD)])
        reply = await bus.ask(
            "webhooks", "secrets.rotate", SecretsRotate(), SecretsReply, Context.for_system("operator")
        )
    assert {table.table: table.outdated for table in reply.tables} == {"commands": 2, "endpoint_secrets": 4}
    assert len(await opened(database, Sealer([NEW]))) == 6
    await database.close()


def test_the_id_of_a_key_is_not_a_part_of_it() -> None:
    assert len(key_id(OLD)) == 8 and key_id(OLD) not in OLD and key_id(OLD) != key_id(NEW)
    assert Sealer([NEW, OLD]).newest_id == key_id(NEW)
