"""What the services answer to an operator: dead letters, and projections compared with their rebuild."""

from uuid import UUID

from minirag_contracts.requests.common import (
    DeadLettersList,
    DeadLettersReplay,
    DeadLettersReply,
    ProjectionsReply,
    ProjectionsVerify,
    ReplayedReply,
)
from minirag_contracts.requests.gateway import CreateInvite, InviteCreated
from pydantic import ValidationError

from minirag_admin.deployment import OPERATOR, Deployment, services
from minirag_admin.errors import StackError

REBUILD_TIMEOUT = 3600.0
"""Seconds that a fold of all events may take."""


REPLAY_TIMEOUT = 600.0
"""Seconds that the reactions to all letters of a service may take."""


async def list_letters(deployment: Deployment, service: str | None) -> None:
    """Print what was given up on, one line each."""
    async with deployment.access().bus() as bus:
        for name in services(service):
            reply = await bus.ask(name, "dead_letters.list", DeadLettersList(), DeadLettersReply, OPERATOR)
            for found in reply.letters:
                tried_again = f" replayed {found.replayed_at:%F %T}" if found.replayed_at else ""
                print(
                    f"{found.letter_id} {name} {found.kind} {found.key} tenant {found.tenant_id} "
                    f"{found.parked_at:%F %T} after {found.attempts} attempts: {found.error}{tried_again}"
                )


async def replay_letters(deployment: Deployment, service: str | None, letter: str | None) -> bool:
    """Put one letter or all back to work; True when none of them failed again."""
    try:
        only = UUID(letter) if letter else None
    except ValueError as error:
        raise StackError(
            f"{letter!r} is not the id of a letter: `{deployment.command} dead-letters list` shows them."
        ) from error
    well = True
    async with deployment.access().bus() as bus:
        for name in services(service):
            question = DeadLettersReplay(letter_id=only)
            reply = await bus.ask(
                name, "dead_letters.replay", question, ReplayedReply, OPERATOR, REPLAY_TIMEOUT
            )
            errors = ", ".join(f"{error} {count}" for error, count in sorted(reply.failed.items()))
            print(
                f"{name}: {reply.replayed} replayed" + (f", and these stay open: {errors}" if errors else "")
            )
            well = well and not errors
    return well


async def create_invite(deployment: Deployment, days: int) -> None:
    """Print an invite; it is stored nowhere, so this is the only time."""
    try:
        question = CreateInvite(days=days)
    except ValidationError as error:
        raise StackError("An invite is good for 1 to 365 days.") from error
    async with deployment.access().bus() as bus:
        made = await bus.request(question, InviteCreated, OPERATOR)
    print(made.invite)
    print(
        f"Good for one sign-up until {made.expires_at:%F %T} UTC: `invite` in the body of POST /v1/tenants."
    )


async def verify_projections(
    deployment: Deployment, service: str | None, projection: str | None, repair: bool
) -> bool:
    """Print one line for each projection; True when all of them equalled their fold."""
    same = True
    async with deployment.access().bus() as bus:
        for name in services(service):
            question = ProjectionsVerify(projection=projection, repair=repair)
            reply = await bus.ask(
                name, "projections.verify", question, ProjectionsReply, OPERATOR, REBUILD_TIMEOUT
            )
            for report in reply.reports:
                finding = "equals its rebuild" if not report.differences else "; ".join(report.differences)
                print(f"{name} {report.projection}: {report.events} events, {report.rows} rows, {finding}")
                same = same and not report.differences
    return same
