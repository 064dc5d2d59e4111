"""A small ledger service to try the event core with: accounts that are opened and paid into."""

import asyncio
from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import UUID

from minirag_contracts.context import Context
from minirag_contracts.envelope import Envelope
from minirag_contracts.events import EventPayload
from minirag_contracts.ids import new_id
from minirag_contracts.requests import Reply, Request
from minirag_eventstore import Database, EventStore, Projection, log, on, tail
from minirag_eventstore.migrate import Migration, migrations_of

SERVICE = "ledger"

TABLES = Migration(
    "ledger/0001_accounts.sql",
    """CREATE TABLE accounts (tenant_id uuid NOT NULL, account_id uuid PRIMARY KEY, balance bigint NOT NULL,
                              opened_at timestamptz NOT NULL);
       SELECT minirag.protect('accounts');""",
)


class AccountOpened(EventPayload):
    """For tests."""

    type: ClassVar[str] = "account.opened"
    owner: ClassVar[str] = SERVICE
    account_id: UUID


class MoneyPaid(EventPayload):
    """For tests."""

    type: ClassVar[str] = "account.paid"
    owner: ClassVar[str] = SERVICE
    account_id: UUID
    amount: int


class Balance(Reply):
    """For tests."""

    balance: int


class Pay(Request):
    """For tests."""

    service: ClassVar[str] = SERVICE
    verb: ClassVar[str] = "pay"
    Returns: ClassVar[type[Reply]] = Balance
    account_id: UUID
    amount: int


class Accounts(Projection):
    """The balances."""

    name = "accounts"
    tables = ("accounts",)
    owner = SERVICE

    @on(AccountOpened)
    async def opened(self, connection: Any, event: Envelope, payload: AccountOpened) -> None:
        await connection.execute(
            "INSERT INTO accounts VALUES ($1, $2, 0, $3)",
            event.tenant_id,
            payload.account_id,
            event.recorded_at,
        )

    @on(MoneyPaid)
    async def paid(self, connection: Any, event: Envelope, payload: MoneyPaid) -> None:
        await connection.execute(
            "UPDATE accounts SET balance = balance + $2 WHERE account_id = $1",
            payload.account_id,
            payload.amount,
        )


class PlainSeal:
    """Marks what would be encrypted."""

    def seal(self, plain: bytes) -> bytes:
        return b"sealed:" + plain

    def open(self, sealed: bytes) -> bytes:
        return sealed.removeprefix(b"sealed:")


def balance_of(state: int, event: EventPayload) -> int:
    """The fold of an account."""
    return state + (event.amount if isinstance(event, MoneyPaid) else 0)


def core_and(*own: Migration) -> list[Migration]:
    """The event core's migrations and the test's."""
    core = [migration for migration in migrations_of("eventstore") if migration.name.startswith("core/")]
    return [*core, *own]


async def open_account(store: EventStore, context: Context, payments: int = 0) -> UUID:
    """An account with that many payments of 1."""
    account_id = new_id()
    async with store.transaction(context.scope) as transaction:
        await transaction.append(context, f"account-{account_id}", 0, [AccountOpened(account_id=account_id)])
    for number in range(payments):
        async with store.transaction(context.scope) as transaction:
            payment = MoneyPaid(account_id=account_id, amount=1)
            await transaction.append(context, f"account-{account_id}", number + 1, [payment])
    return account_id


class StoreReader:
    """Reads a store directly, as ``events.read`` does in its owner."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def after(
        self, owner: str, position: int, patterns: Sequence[str], limit: int = 500
    ) -> tuple[list[Envelope], int]:
        async with self._database.system() as connection:
            await tail.number(connection, owner)
            return await tail.read(connection, owner, position, patterns=patterns, limit=limit)

    async def stream(self, owner: str, stream: str, after_version: int) -> list[Envelope]:
        async with self._database.system() as connection:
            return await log.load(connection, owner, stream, after_version)


async def done_or_waiting(task: "asyncio.Task[Any]", database: Database) -> None:
    """Until the task has ended, or waits for what another transaction holds."""
    async with asyncio.timeout(10), database.session() as connection:
        while not task.done() and not await connection.fetchval(
            """SELECT EXISTS (SELECT FROM pg_locks JOIN pg_stat_activity USING (pid)
                              WHERE NOT granted AND datname = current_database())"""
        ):
            await asyncio.sleep(0.01)
