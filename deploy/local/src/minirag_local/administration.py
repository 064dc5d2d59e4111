"""What the services answer to an operator: dead letters, and projections compared with their rebuild."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from minirag_contracts.context import Context
from minirag_contracts.errors import Refusal
from minirag_contracts.requests.common import (
    DeadLettersList,
    DeadLettersReplay,
    DeadLettersReply,
    ProjectionsReply,
    ProjectionsVerify,
    ReplayedReply,
)
from minirag_contracts.requests.gateway import CreateInvite, InviteCreated
from minirag_contracts.topology import SERVICES
from minirag_messaging import Bus
from pydantic import ValidationError

from minirag_local.credentials import SYSTEM, Credentials
from minirag_local.errors import StackError
from minirag_local.folder import DataFolder
from minirag_local.state import RunState

REBUILD_TIMEOUT = 3600.0
"""Seconds that a fold of all events may take."""

CONNECT_TIMEOUT = 10.0

OPERATOR = Context.for_system("operator")
"""In whose name an operator's requests are made."""


async def list_letters(folder: DataFolder, service: str | None) -> None:
    """Print what was given up on, one line each."""
    async with operators_bus(folder) as bus:
        for name in _services(service):
            reply = await bus.ask(name, "dead_letters.list", DeadLettersList(), DeadLettersReply, OPERATOR)
            for found in reply.letters:
                tried_again = f" replayed {found.replayed_at:%F %T}" if found.replayed_at else ""
                print(
                    f"{found.letter_id} {name} {found.kind} {found.key} tenant {found.tenant_id} "
                    f"{found.parked_at:%F %T} after {found.attempts} attempts: {found.error}{tried_again}"
                )


async def replay_letters(folder: DataFolder, service: str | None, letter: str | None) -> None:
    """Put one letter or all back to work."""
    try:
        only = UUID(letter) if letter else None
    except ValueError as error:
        raise StackError(
            f"{letter!r} is not the id of a letter: `minirag dead-letters list` shows them."
        ) from error
    async with operators_bus(folder) as bus:
        for name in _services(service):
            question = DeadLettersReplay(letter_id=only)
            reply = await bus.ask(name, "dead_letters.replay", question, ReplayedReply, OPERATOR)
            print(f"{name}: {reply.replayed}")


async def create_invite(folder: DataFolder, days: int) -> None:
    """Print an invite; it is stored nowhere, so this is the only time."""
    try:
        question = CreateInvite(days=days)
    except ValidationError as error:
        raise StackError("An invite is good for 1 to 365 days.") from error
    async with operators_bus(folder) as bus:
        made = await bus.request(question, InviteCreated, OPERATOR)
    print(made.invite)
    print(
        f"Good for one sign-up until {made.expires_at:%F %T} UTC: `invite` in the body of POST /v1/tenants."
    )


async def verify_projections(
    folder: DataFolder, service: str | None, projection: str | None, repair: bool
) -> bool:
    """Print one line for each projection; True when all of them equalled their fold."""
    same = True
    async with operators_bus(folder) as bus:
        for name in _services(service):
            question = ProjectionsVerify(projection=projection, repair=repair)
            reply = await bus.ask(
                name, "projections.verify", question, ProjectionsReply, OPERATOR, REBUILD_TIMEOUT
            )
            for report in reply.reports:
                finding = "equals its rebuild" if not report.differences else "; ".join(report.differences)
                print(f"{name} {report.projection}: {report.events} events, {report.rows} rows, {finding}")
                same = same and not report.differences
    return same


def _services(service: str | None) -> Sequence[str]:
    if service is None:
        return SERVICES
    if service not in SERVICES:
        raise StackError(f"There is no service {service!r}: they are {', '.join(SERVICES)}.")
    return (service,)


@asynccontextmanager
async def operators_bus(folder: DataFolder) -> AsyncIterator[Bus]:
    """A connection to the running stack that may ask everything; refusals become a StackError."""
    state = RunState.read(folder)
    password = Credentials.of(folder).nats[SYSTEM]
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT):
            bus = await Bus.connect(state.addresses.of("nats"), SYSTEM, password, "operator")
    except TimeoutError:
        raise StackError("The bus does not answer: `minirag status` shows what is wrong.") from None
    try:
        yield bus
    except Refusal as refusal:
        raise StackError(refusal.detail) from refusal
    finally:
        await bus.close()
