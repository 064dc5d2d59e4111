"""The one place that joins ports and adapters."""

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from minirag_contracts.signals import Beat, beat_subject
from minirag_eventstore import WorkRunner
from minirag_service import Runtime

from minirag_gateway.adapters import disk
from minirag_gateway.adapters.bots import BusBots
from minirag_gateway.adapters.counters import BusCounters
from minirag_gateway.adapters.credentials import PostgresCredentials
from minirag_gateway.adapters.events import BusEvents
from minirag_gateway.adapters.handover import BusHandover
from minirag_gateway.adapters.identity_feed import BusIdentityFeed
from minirag_gateway.adapters.passwords import Argon2Passwords
from minirag_gateway.adapters.postgres import ReachableStore
from minirag_gateway.adapters.signing import KeyedSigner, derived_key
from minirag_gateway.adapters.turns import BusTurns
from minirag_gateway.adapters.upload_rows import PostgresUploadRows
from minirag_gateway.commands import resumable
from minirag_gateway.commands.accounts import PasswordProofs, erase_account
from minirag_gateway.commands.embed_keys import EmbedKeyCommands
from minirag_gateway.commands.invites import InviteCommands
from minirag_gateway.commands.operators import OperatorCommands
from minirag_gateway.commands.passwords import PasswordCommands
from minirag_gateway.commands.resumable import Making, ResumableUploads
from minirag_gateway.commands.sessions import Lifetimes, SessionCommands
from minirag_gateway.commands.tenants import TenantCommands
from minirag_gateway.commands.tokens import TokenCommands
from minirag_gateway.commands.users import UserCommands
from minirag_gateway.commands.visitors import VisitorCommands
from minirag_gateway.domain.event_cursor import EventCursors
from minirag_gateway.entrypoints import rpc
from minirag_gateway.entrypoints.http.addresses import Addresses
from minirag_gateway.entrypoints.http.app import build
from minirag_gateway.entrypoints.http.calls import Services
from minirag_gateway.entrypoints.http.identity import Identity
from minirag_gateway.entrypoints.http.limits import Limits
from minirag_gateway.entrypoints.http.server import HttpServer
from minirag_gateway.ports import Credentials, Signer, Store
from minirag_gateway.queries.audit import AuditLog
from minirag_gateway.queries.embed_keys import EmbedKeyQueries
from minirag_gateway.queries.event_stream import EventStreams
from minirag_gateway.queries.feed import IdentityFeed
from minirag_gateway.queries.limits import Limiter
from minirag_gateway.queries.operators import OperatorQueries
from minirag_gateway.queries.principals import Principals
from minirag_gateway.queries.streams import OpenStreams
from minirag_gateway.queries.tenants import TenantQueries
from minirag_gateway.queries.tokens import TokenQueries
from minirag_gateway.queries.users import UserQueries
from minirag_gateway.settings import Settings

logger = logging.getLogger(__name__)

STATE_TIMEOUT = 5.0
"""Seconds to wait for the state of a turn: whoever follows it asks again anyway."""


async def assemble(runtime: Runtime, settings: Settings) -> None:
    """The gateway: HTTP in front, the identity feed behind it, the operator's requests, and which tokens were used."""
    credentials = PostgresCredentials(runtime.database)
    services = _services(runtime, settings, credentials)
    operators = OperatorQueries(credentials)
    identity = services.identity
    commands = OperatorCommands(identity.tenants, identity.users, identity.user_queries, operators)
    rpc.register(runtime, InviteCommands(credentials), commands, operators)
    app = build(services, credentials.is_embed_origin)
    server = HttpServer(app, settings, runtime.hurry)
    runtime.sweep(credentials.forget_expired)
    runtime.erases_person(erase_account)
    runtime.outlives_erasure("slugs")  # nobody else shall be found under an old name
    runtime.on_stop(partial(_write_uses_once, services.principals))
    runtime.on_leave(partial(_leave, server, services.streams))
    runtime.check("http", server.check)
    runtime.background("http", server.run)
    runtime.background("streams", services.limits.streams.announce)
    runtime.background("identity-feed", partial(_hear, BusIdentityFeed(runtime.bus, services.principals)))
    runtime.background(
        "token-use", partial(_write_uses, services.principals, settings.token_use_interval.total_seconds())
    )
    if runtime.relay is not None:
        runtime.relay.beat(partial(_beat, runtime), settings.identity_beat)


async def _leave(server: HttpServer, streams: EventStreams) -> None:
    """Event streams, which have no end, are ended; all other responses get their time."""
    await server.leave()
    await streams.close()
    await server.stop()


def _services(runtime: Runtime, settings: Settings, credentials: Credentials) -> Services:
    counters = BusCounters(runtime.bus)
    events = BusEvents(runtime.bus, settings.request_timeout.total_seconds())
    signer = KeyedSigner(settings.secret_keys)
    cursor_keys = [derived_key(key, "event cursor") for key in settings.secret_keys]
    feed = IdentityFeed(patience=settings.identity_patience.total_seconds())
    store = ReachableStore(runtime.store)
    disk_is_low = partial(disk.is_low, settings.data_dir)
    return Services(
        settings=settings,
        bus=runtime.bus,
        identity=_identity(runtime, settings, credentials, signer),
        principals=Principals(credentials, signer, feed, size=settings.principal_cache_size),
        signer=signer,
        turns=BusTurns(runtime.bus, min(settings.request_timeout.total_seconds(), STATE_TIMEOUT)),
        streams=EventStreams(events, EventCursors(cursor_keys)),
        audit=AuditLog(events),
        disk_is_low=disk_is_low,
        addresses=Addresses.of_settings(settings),
        limits=Limits(settings, Limiter(counters), OpenStreams(counters)),
        uploads=_uploads(runtime, settings, store, disk_is_low),
    )


def _uploads(
    runtime: Runtime, settings: Settings, store: Store, disk_is_low: Callable[[], bool]
) -> ResumableUploads:
    rows = PostgresUploadRows(store, settings.resumable_lifetime)
    handover = BusHandover(runtime.bus, settings.upload_timeout.total_seconds())
    making = Making(store, rows, handover, disk_is_low)
    runner = runtime.work(
        WorkRunner(runtime.store, resumable.WORK_KIND, making.make, on_parked=making.give_up)
    )
    return ResumableUploads(store, rows, runner, settings.resumable_uploads)


def _identity(runtime: Runtime, settings: Settings, credentials: Credentials, signer: Signer) -> Identity:
    store = ReachableStore(runtime.store)
    hasher = Argon2Passwords(settings.password_concurrency, settings.password_waiting)
    runtime.on_stop(hasher.close)
    proofs = PasswordProofs(derived_key(settings.secret_keys[0], "password proof"))
    lifetimes = Lifetimes(timedelta(minutes=settings.jwt_expire_minutes), settings.session_lifetime)
    return Identity(
        tenants=TenantCommands(store, hasher, proofs, settings.signup_mode),
        users=UserCommands(store, hasher, proofs, settings.reset_lifetime),
        passwords=PasswordCommands(store, credentials, hasher),
        sessions=SessionCommands(store, credentials, hasher, signer, lifetimes),
        tokens=TokenCommands(store),
        embed_keys=EmbedKeyCommands(store),
        visitors=VisitorCommands(
            credentials,
            signer,
            BusBots(runtime.bus, settings.request_timeout.total_seconds()),
            settings.visitor_lifetime,
        ),
        tenant_queries=TenantQueries(store),
        user_queries=UserQueries(store),
        token_queries=TokenQueries(store),
        embed_key_queries=EmbedKeyQueries(store),
    )


async def _hear(feed: BusIdentityFeed) -> None:
    async with feed.listening():
        await asyncio.Event().wait()


async def _beat(runtime: Runtime, position: int) -> None:
    """Not while the bus is away: what is kept back until it returns would speak of the past."""
    if runtime.bus.connected.is_set():
        await runtime.bus.signal(beat_subject("gateway"), Beat(position=position))


async def _write_uses(principals: Principals, every: float) -> None:
    while True:
        await asyncio.sleep(every)
        await _write_uses_once(principals)


async def _write_uses_once(principals: Principals) -> None:
    try:
        await principals.write_uses()
    except Exception as error:  # figures for people to look at: kept and written the next time
        logger.warning("use of tokens not written", extra={"error": type(error).__name__}, exc_info=error)
