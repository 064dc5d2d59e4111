"""The one place that joins ports and adapters."""

import asyncio
import hashlib
import logging
from functools import partial

from minirag_service import Runtime

from minirag_gateway.adapters import disk
from minirag_gateway.adapters.passwords import Argon2Passwords
from minirag_gateway.adapters.postgres import PostgresCredentials, ReachableStore
from minirag_gateway.adapters.turns import BusTurns
from minirag_gateway.commands.tenants import TenantCommands
from minirag_gateway.entrypoints import rpc
from minirag_gateway.entrypoints.http.app import build
from minirag_gateway.entrypoints.http.calls import Services
from minirag_gateway.entrypoints.http.server import HttpServer
from minirag_gateway.queries.operators import OperatorQueries
from minirag_gateway.queries.principals import Principals
from minirag_gateway.settings import Settings

logger = logging.getLogger(__name__)

STATE_TIMEOUT = 5.0
"""Seconds to wait for the state of a turn: whoever follows it asks again anyway."""


def services_of(runtime: Runtime, settings: Settings) -> Services:
    """What the routes work with."""
    passwords = Argon2Passwords(settings.password_concurrency)
    runtime.on_stop(passwords.close)
    principals = Principals(
        PostgresCredentials(runtime.database),
        ttl=settings.principal_ttl.total_seconds(),
        size=settings.principal_cache_size,
    )
    return Services(
        settings=settings,
        bus=runtime.bus,
        tenants=TenantCommands(ReachableStore(runtime.store), passwords, _proof_key(settings)),
        principals=principals,
        turns=BusTurns(runtime.bus, min(settings.request_timeout.total_seconds(), STATE_TIMEOUT)),
        disk_is_low=partial(disk.is_low, settings.data_dir),
    )


async def assemble(runtime: Runtime, settings: Settings) -> None:
    """The gateway: HTTP in front, and the notes of which tokens were used."""
    services = services_of(runtime, settings)
    rpc.register(runtime, OperatorQueries(PostgresCredentials(runtime.database).find_tenant))
    server = HttpServer(build(services), settings)
    runtime.on_stop(partial(_write_uses_once, services.principals))
    runtime.on_stop(server.stop)
    runtime.background("http", server.run)
    runtime.background(
        "token-use", partial(_write_uses, services.principals, settings.token_use_interval.total_seconds())
    )


async def _write_uses(principals: Principals, every: float) -> None:
    while True:
        await asyncio.sleep(every)
        await _write_uses_once(principals)


async def _write_uses_once(principals: Principals) -> None:
    try:
        await principals.write_uses()
    except Exception as error:  # figures for people to look at: kept and written the next time
        logger.warning("use of tokens not written", extra={"error": type(error).__name__}, exc_info=error)


def _proof_key(settings: Settings) -> bytes:
    """A key of its own purpose, derived from the newest secret key."""
    return hashlib.sha256(b"minirag-gateway password proof\x00" + settings.secret_keys[0].encode()).digest()
