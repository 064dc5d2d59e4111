"""Writers that make a tail's life hard, and an auditor who finds every fault in what a reader saw of them."""

import asyncio
import random
from collections.abc import Sequence
from uuid import UUID

from ledger import AccountOpened, MoneyPaid
from minirag_contracts.context import Context
from minirag_contracts.envelope import Envelope
from minirag_contracts.ids import new_id
from minirag_eventstore import EventStore

WRITERS = 8
TRANSACTIONS = 40


class RolledBack(Exception):
    """Somebody changed their mind."""


async def write(store: EventStore, context: Context, seed: int, committed: set[UUID]) -> None:
    """Appends to streams of its own, sometimes slowly, sometimes rolling back."""
    dice = random.Random(seed)
    versions: dict[UUID, int] = {}
    for _ in range(TRANSACTIONS):
        account_id = dice.choice([*versions, new_id()])
        version = versions.get(account_id, 0)
        payload = (
            MoneyPaid(account_id=account_id, amount=1) if version else AccountOpened(account_id=account_id)
        )
        more = [MoneyPaid(account_id=account_id, amount=1)] * dice.randrange(3)
        try:
            async with store.transaction(context.scope) as transaction:
                events = await transaction.append(context, f"account-{account_id}", version, [payload, *more])
                if dice.random() < 0.3:
                    await asyncio.sleep(dice.random() * 0.05)
                if dice.random() < 0.2:
                    raise RolledBack
        except RolledBack:
            continue
        versions[account_id] = version + len(events)
        committed.update(event.event_id for event in events)


def audit(seen: Sequence[Envelope], committed: set[UUID]) -> list[str]:
    """Every fault of what a reader saw against what was committed."""
    faults = []
    ids = [event.event_id for event in seen]
    if len(set(ids)) != len(ids):
        faults.append(f"{len(ids) - len(set(ids))} doubled")
    if missing := committed - set(ids):
        faults.append(f"{len(missing)} of {len(committed)} skipped")
    if extra := set(ids) - committed:
        faults.append(f"{len(extra)} never committed")
    versions: dict[str, int] = {}
    for event in seen:
        if event.version != versions.get(event.stream, 0) + 1:
            faults.append(f"{event.stream} jumps from {versions.get(event.stream, 0)} to {event.version}")
        versions[event.stream] = event.version
    return faults
