"""What every service answers: its events, its health, its projections, its dead letters, its secrets, what it erases."""

from datetime import timedelta

from minirag_contracts.context import Context, TenantScope
from minirag_contracts.requests.common import (
    AuditRead,
    AuditReply,
    DeadLetter,
    DeadLettersList,
    DeadLettersReplay,
    DeadLettersReply,
    EventsRead,
    EventsReply,
    EventsTail,
    HealthCheck,
    HealthReply,
    PersonErase,
    PersonEraseReply,
    ProjectionReport,
    ProjectionsReply,
    ProjectionsVerify,
    ReplayedReply,
    SecretsReply,
    SecretsRotate,
    TailReply,
    TenantErase,
    TenantEraseReply,
)
from minirag_contracts.topology import ERASURES
from minirag_eventstore import Projection, RetryPolicy, dead_letters
from minirag_eventstore.rebuild import Report, rebuild_foreign, rebuild_own
from minirag_messaging.rpc_lane import Lane

from minirag_service.erasure import Erasure, erase_person
from minirag_service.events import read_events
from minirag_service.replays import replay
from minirag_service.rotation import rotate
from minirag_service.runtime import Runtime
from minirag_service.tenant_events import audit_events, tail_events

JANITOR_KEEPS = timedelta(days=1)
"""How long the replies of commands are kept for repetition."""


AUDITS, AUDITS_WAITING = 2, 30
"""Audit logs that one process reads at a time, so that they never hold all connections, and those that wait for it."""


UNTIL_ERASED = RetryPolicy(tuple(timedelta(seconds=seconds) for seconds in (1, 5, 30, 60)), forever=True)
"""What was promised to be erased is, however long what holds it is away."""


class Common:
    """The common requests of one running service."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._audits = Lane(AUDITS, AUDITS_WAITING)
        self._erasure = Erasure(runtime.store, runtime.kept_tables, runtime.erasers)

    def register(self) -> None:
        """Answers all of them."""
        rpc = self._runtime.rpc
        rpc.on_common("events.read", self.events_read)
        self._runtime.on_common("events.tail", self.events_tail)
        self._runtime.on_common("audit.read", self.audit_read)
        rpc.on_common("health", self.health)
        rpc.on_common("projections.verify", self.projections_verify)
        rpc.on_common("dead_letters.list", self.dead_letters_list)
        rpc.on_common("dead_letters.replay", self.dead_letters_replay)
        rpc.on_common("secrets.rotate", self.secrets_rotate)
        rpc.on_common("tenant.erase", self.tenant_erase)
        rpc.on_common("person.erase", self.person_erase)
        self._runtime.react(ERASURES, self._erasure.react, UNTIL_ERASED, from_start=True)
        self._runtime.sweep(self._erasure.erase_again)

    async def events_read(self, request: EventsRead, context: Context) -> EventsReply:
        """The owner's events, for other services."""
        return await read_events(self._runtime.database, self._runtime.service, request)

    async def events_tail(self, request: EventsTail, context: Context) -> TailReply:
        """The caller's tenant's events, in order."""
        return await tail_events(self._runtime.database, self._runtime.service, request, context.scope)

    async def audit_read(self, request: AuditRead, context: Context) -> AuditReply:
        """Who did what in the caller's tenant."""
        runtime = self._runtime
        self._audits.enter(context.tenant_id)
        try:
            async with self._audits.turn_of(context.tenant_id):
                return await audit_events(runtime.database, runtime.service, request, context.scope)
        finally:
            self._audits.leave(context.tenant_id)

    async def health(self, request: HealthCheck, context: Context) -> HealthReply:
        """How the service is."""
        return await self._runtime.health()

    async def projections_verify(self, request: ProjectionsVerify, context: Context) -> ProjectionsReply:
        """Folds every event again and compares; repairs if asked."""
        reports = [
            await self._rebuild(projection, request.repair)
            for projection in self._runtime.store.projections
            if request.projection in (None, projection.name)
        ]
        return ProjectionsReply(reports=[_report(report) for report in reports])

    async def _rebuild(self, projection: Projection, repair: bool) -> Report:
        runtime = self._runtime
        if projection.owner == runtime.service:
            return await rebuild_own(runtime.database, runtime.service, projection, repair=repair)
        projector = next(p for p in runtime.projectors if p.spec.owner == projection.owner)
        return await rebuild_foreign(runtime.database, projection, projector, runtime.reader, repair=repair)

    async def dead_letters_list(self, request: DeadLettersList, context: Context) -> DeadLettersReply:
        """What was given up on."""
        async with self._runtime.database.system() as connection:
            rows = await dead_letters.listing(connection, request.limit)
        return DeadLettersReply(letters=[DeadLetter(**row) for row in rows])

    async def dead_letters_replay(self, request: DeadLettersReplay, context: Context) -> ReplayedReply:
        """Puts letters back to work, and tells which errors keep the others open."""
        async with self._runtime.database.system() as connection:
            letters = await dead_letters.waiting(connection, request.letter_id)
        return await replay(self._runtime, letters)

    async def secrets_rotate(self, request: SecretsRotate, context: Context) -> SecretsReply:
        """Seals everything anew that is not under the newest key."""
        runtime = self._runtime
        tables = [
            await rotate(runtime.database, runtime.sealer, column, dry_run=request.dry_run)
            for column in runtime.sealed_columns
        ]
        return SecretsReply(tables=tables)

    async def tenant_erase(self, request: TenantErase, context: Context) -> TenantEraseReply:
        """What came after the erasure goes as well; without the event nothing is touched."""
        return TenantEraseReply(heard=await self._erasure.heard_of(TenantScope(request.tenant_id)))

    async def person_erase(self, request: PersonErase, context: Context) -> PersonEraseReply:
        """What somebody said here, and from where."""
        runtime = self._runtime
        scope = TenantScope(request.tenant_id)
        rows = await erase_person(runtime.store, scope, request.actor, runtime.person_erasers)
        return PersonEraseReply(rows=rows)


def _report(report: Report) -> ProjectionReport:
    return ProjectionReport(
        projection=report.projection, events=report.events, rows=report.rows, differences=report.differences
    )


async def sweep(runtime: Runtime) -> None:
    """Forgets the replies of commands that nobody repeats any more, and what the service itself keeps no longer."""
    async with runtime.database.system() as connection:
        await connection.execute(
            "DELETE FROM commands WHERE created_at < now() - $1::interval", JANITOR_KEEPS
        )
    for forget in runtime.sweeps:
        await forget()
