"""Looking through a site: its pages become children, each ingested by itself, and follow what is added and removed.

A crawl keeps what it has seen, so that it goes on where it was interrupted; nothing changes before it has come to its end.
"""

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from minirag_contracts.context import TenantScope
from minirag_eventstore import EventStore, Postpone, Transaction, WorkItem

from minirag_ingest.commands.exploring import ComeBackLater, Explorer, Seen
from minirag_ingest.commands.given import Given
from minirag_ingest.commands.ingestion import PATIENCE, Ingestion, Outcomes
from minirag_ingest.commands.pages import SitePages, VersionEnded
from minirag_ingest.commands.progress import Meter, Meters
from minirag_ingest.commands.rules import Rules
from minirag_ingest.commands.unpacking import DISK_AGAIN, NoRoom
from minirag_ingest.commands.versioned_work import ACTIVATING, context_of, source_id_of, version_of
from minirag_ingest.domain import source
from minirag_ingest.domain.crawl_plan import CrawlPlan
from minirag_ingest.domain.frontier import Candidate, Frontier, Visit
from minirag_ingest.domain.site import Crawl, NotSeen, SiteShrunk, Verdict, judge
from minirag_ingest.errors import DiskFull, IngestRefusal
from minirag_ingest.ports import (
    ContentRows,
    CrawlRows,
    Index,
    KnownPage,
    LastingFailure,
    Target,
    TemporaryFailure,
)

SLICE = timedelta(seconds=60)
"""After so long a crawl lets others have its place, and goes on when it is its turn again."""
SHORT = timedelta(seconds=5)
"""A wait that is not worth giving the place away."""


@dataclass(frozen=True, slots=True)
class Run:
    """A crawl at work: ``known`` are the pages that are there, ``deleted`` those that people do not want."""

    item: WorkItem
    target: Target
    rules: Rules
    expected: bool
    known: dict[str, UUID]
    deleted: frozenset[str]
    frontier: Frontier

    @property
    def scope(self) -> TenantScope:
        """The door to the tenant's rows."""
        return self.item.scope


class Crawls:
    """Work of the kind ``crawl``, which ``Ingestion`` hands over for a source that is a site."""

    def __init__(
        self,
        store: EventStore,
        ingestion: Ingestion,
        outcomes: Outcomes,
        explorer: Explorer,
        rows: CrawlRows,
        contents: ContentRows,
        pages: SitePages,
        index: Index,
        meters: Meters,
        given: Given,
    ) -> None:
        self._store = store
        self._ingestion = ingestion
        self._outcomes = outcomes
        self._explorer = explorer
        self._rows = rows
        self._contents = contents
        self._pages = pages
        self._index = index
        self._meters = meters
        self._given = given

    async def make(self, item: WorkItem) -> None:
        """One attempt, or one slice of it."""
        outcome = await self._ingestion.attempt(item, self._made)
        async with self._store.transaction(item.scope) as tx:
            if outcome is not None:
                await self._outcomes.record(tx, item, outcome)
            is_seen = isinstance(outcome, source.Complete | source.Unchanged)
            is_warned = isinstance(outcome, source.Fail) and outcome.code == SiteShrunk.code
            await self._rows.finish(
                tx, source_id_of(item), version_of(item), is_seen=is_seen, is_warned=is_warned
            )
            await item.finish(tx)

    async def give_up(self, tx: Transaction, item: WorkItem, error: str) -> None:
        """As ``Ingestion.give_up``; what was fetched for no page is needed no more."""
        await self._ingestion.give_up(tx, item, error)
        await self._rows.finish(tx, source_id_of(item), version_of(item))

    async def _made(self, item: WorkItem) -> source.Outcome | None:
        site_id, version = source_id_of(item), version_of(item)
        async with self._store.transaction(item.scope) as tx:
            state, _ = await tx.load(source.stream_of(site_id), source.evolve, source.Source())
            config, _ = await self._contents.outline(tx, site_id)
        if not source.is_current(state, version) or state.bot_id is None:
            return None
        run = await self._begin(item, Target(state.bot_id, site_id, version), config)
        inherited = {key: value for key, value in config.items() if key != "crawl"}
        try:
            await self._explore(run)
            verdict = await self._judged(run)
            new = [url for url in verdict.changed if url not in run.known]
            if new:
                await self._pages.check_room(item.scope, len(new))
            await self._carry_through(item)
            await self._pages.take(context_of(item), run.target, verdict.changed, inherited)
            await self._pages.remove(context_of(item), run.target, verdict.removed)
        except VersionEnded:
            return None
        was_page = await self._hide_own(item, state, run.target)
        if state.visible and not was_page and not verdict.changed and not verdict.removed:
            return source.Unchanged(version)
        return source.Complete(version, chunk_count=0, generation=0, document_count=verdict.count)

    async def _carry_through(self, item: WorkItem) -> None:
        """From here on the crawl cannot be cancelled, since pages come and go some at a time."""
        async with self._store.transaction(item.scope) as tx:
            await item.commit_to(tx.connection, ACTIVATING)

    async def _begin(self, item: WorkItem, target: Target, config: dict[str, Any]) -> Run:
        """From the start, or where an earlier attempt was interrupted."""
        crawl = await self._rows.begin(item.scope, target, _plan_of(config))
        seeds = crawl.seeds
        if seeds is None:
            await self._meter(item, target).tell("crawling")
            try:
                seeds = await self._explorer.seeds(crawl.plan)
            except ComeBackLater as later:
                await self._be_patient(item, target, TemporaryFailure(str(later)))
                raise Postpone(later.after, "the site asks for patience") from later
            await self._rows.keep_seeds(item.scope, target, seeds)
        pages = await self._pages.of(item.scope, target.source_id)
        known = {page.url: page.page_id for page in pages if page.is_active}
        frontier = Frontier(crawl.plan, seeds.pages, known)
        for visit in await self._rows.visits(item.scope, target):
            frontier.record([visit])
        deleted = frozenset(page.url for page in pages if not page.is_active and not page.is_removed)
        rules = self._explorer.rules(crawl.plan, seeds)
        return Run(item, target, rules, crawl.expected, known, deleted, frontier)

    async def _explore(self, run: Run) -> None:
        """Page after page; each is kept before the next is asked for. However long it takes to find one that robots.txt
        allows: a slice gets on by one page at least.
        """
        meter = self._meter(run.item, run.target)
        until = time.monotonic() + SLICE.total_seconds()
        while (candidate := await self._explorer.next(run.rules, run.frontier)) is not None:
            await self._check_disk(run)
            seen = await self._seen(run, candidate)
            if seen is not None:
                await self._keep(run, seen, meter)
            if time.monotonic() > until:
                raise Postpone(timedelta(0), "the crawl goes on")

    async def _keep(self, run: Run, seen: Seen, meter: Meter) -> None:
        """Raises VersionEnded."""
        visits = [_as_wanted(run, visit) for visit in seen.visits]
        page = seen.page if visits[-1].result == "page" else None
        if not await self._rows.keep(run.scope, run.target, len(run.frontier.visits), visits, page):
            raise VersionEnded
        run.frontier.record(visits)
        done = run.frontier.pages
        await meter.tell("crawling", done, min(run.rules.plan.max_pages, done + run.frontier.waiting))

    async def _check_disk(self, run: Run) -> None:
        """There may be room for what is fetched later, and the crawl goes on then."""
        try:
            self._given.check_disk()
        except DiskFull as full:
            await self._be_patient(run.item, run.target, NoRoom(full.detail))
            raise Postpone(DISK_AGAIN, full.detail) from full

    async def _seen(self, run: Run, candidate: Candidate) -> Seen | None:
        """None: the site asked to wait a moment, and the gate sees to it that we do."""

        async def kept(url: str) -> KnownPage | None:
            page_id = run.known.get(url)
            return None if page_id is None else await self._pages.kept(run.scope, page_id)

        try:
            return await self._explorer.visit(run.rules, candidate, kept)
        except ComeBackLater as later:
            await self._be_patient(run.item, run.target, TemporaryFailure(str(later)))
            if later.after > SHORT:
                raise Postpone(later.after, "the site asks for patience") from later
            return None

    async def _be_patient(self, item: WorkItem, target: Target, failure: TemporaryFailure) -> None:
        """Raises the failure once no page has come in for long."""
        quiet = await self._rows.quiet_for(item.scope, target)
        waited = datetime.now(UTC) - item.created_at if quiet is None else timedelta(seconds=quiet)
        if waited > PATIENCE:
            raise failure

    async def _judged(self, run: Run) -> Verdict:
        is_whole = run.rules.seeds.is_whole and not run.frontier.is_cut
        crawl = Crawl(run.rules.plan, [*run.frontier.visits.values()], run.known, is_whole, run.expected)
        try:
            return judge(crawl)
        except NotSeen as unseen:
            raise LastingFailure(unseen.code, str(unseen)) from unseen

    async def _hide_own(self, item: WorkItem, state: source.Source, target: Target) -> bool:
        """A source that was a single page before is none any more: its text is now that of a child."""
        if not state.visible:
            return False
        if await self._contents.document(item.scope, target.source_id, state.visible) is None:
            return False
        await self._index.hide(context_of(item), target.bot_id, {target.source_id: target.version})
        return True

    def _meter(self, item: WorkItem, target: Target) -> Meter:
        return self._meters.of(item.scope, target)


def _plan_of(config: dict[str, Any]) -> CrawlPlan:
    try:
        plan = CrawlPlan.of(config)
    except IngestRefusal as refusal:
        raise LastingFailure(refusal.code, refusal.detail) from refusal
    if plan is None:
        raise LastingFailure("empty_document", "The configuration does not say any more that this is a site.")
    return plan


def _as_wanted(run: Run, visit: Visit) -> Visit:
    """What people have deleted is looked at for its links alone."""
    if visit.is_kept and visit.url in run.deleted:
        return replace(visit, result="skipped", reason="deleted")
    return visit
