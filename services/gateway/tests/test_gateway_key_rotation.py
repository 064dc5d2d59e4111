"""Keys replaced while gateways of old and new settings run side by side: whatever one of them signs or seals, the other reads."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from minirag_admin.cli import main
from minirag_admin.secret_folders import FolderKeys
from minirag_contracts.context import Context
from minirag_contracts.grants import SYSTEM_USER
from minirag_contracts.requests.common import (
    HealthCheck,
    HealthReply,
    SealedTable,
    SecretsReply,
    SecretsRotate,
)
from minirag_contracts.topology import SERVICES
from minirag_gateway.adapters.signing import KeyedSigner, derived_key
from minirag_gateway.domain.event_cursor import EventCursors
from minirag_messaging import Bus, RpcServer
from minirag_messaging.testing import NatsServer, password_of
from minirag_service.sealing import Sealer, key_id


class Pod:
    """A process with the settings that it was started with."""

    def __init__(self, keys: list[str]) -> None:
        self.sealer = Sealer(keys)
        self.signer = KeyedSigner(keys)
        self.cursors = EventCursors([derived_key(key, "event cursor") for key in keys])

    def understands(self, other: "Pod") -> bool:
        """Raises where a token or a secret of the other is refused."""
        session, tenant = uuid4(), uuid4()
        jwt = other.signer.sign("user", {"sub": "ada"}, datetime.now(UTC) + timedelta(minutes=5))
        assert self.signer.read(jwt, ["user"])["sub"] == "ada"
        assert self.signer.read_refresh_token(other.signer.refresh_token(session, 1)) == (session, 1)
        assert self.cursors.read(tenant, other.cursors.write(tenant, {"chat": 7})) == {"chat": 7}
        assert self.sealer.open(other.sealer.seal(b"hook")) == b"hook"
        return self.signer.is_csrf_token(session, other.signer.csrf_token(session))


class Deployment:
    """All services as one process each, which tell the keys that they were started with, as real ones do."""

    def __init__(self, folder: Path) -> None:
        self.ring = FolderKeys(folder)
        self.now = Pod(self.ring.keys())
        self.sealed = self.now.sealer.seal(b"hook")

    def roll(self) -> None:
        """One after the other, so for a moment both kinds run and a client meets both."""
        before, after = self.now, Pod(self.ring.keys())
        assert before.understands(after) and after.understands(before)
        self.now = after

    async def health(self, _: HealthCheck, __: Context) -> HealthReply:
        sealer = self.now.sealer
        details = {"sealing_key": sealer.newest_id, "opening_keys": sealer.ids}
        return HealthReply(status="ok", checks={}, details=details)

    async def rotate(self, request: SecretsRotate, _: Context) -> SecretsReply:
        outdated = not self.now.sealer.is_newest(self.sealed)
        if not request.dry_run:
            self.sealed = self.now.sealer.reseal(self.sealed)
        return SecretsReply(tables=[SealedTable(table="secrets", rows=1, outdated=outdated, unreadable=0)])


@pytest.fixture
async def deployment(
    nats: NatsServer, bus: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Deployment]:
    """Reached by ``minirag-admin``."""
    assert main(["secrets", str(tmp_path / "secrets")]) == 0
    monkeypatch.setenv("MINIRAG_ADMIN_SECRETS", str(tmp_path / "secrets"))
    monkeypatch.setenv("MINIRAG_NATS_URL", nats.url)
    monkeypatch.setenv("MINIRAG_NATS_PASSWORD", password_of(SYSTEM_USER))
    deployment = Deployment(tmp_path / "secrets")
    servers = [RpcServer(bus, service) for service in SERVICES]
    for server in servers:
        server.on_common("health", deployment.health)
        server.on_common("secrets.rotate", deployment.rotate)
        await server.start()
    yield deployment
    for server in servers:
        await server.drain()


async def test_no_token_is_refused_and_no_secret_stays_shut_at_any_step(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    async def keys(*arguments: str, status: int = 0) -> str:
        assert await asyncio.to_thread(main, ["keys", *arguments]) == status
        printed = capsys.readouterr()
        return printed.out if status == 0 else printed.err

    (old,) = deployment.ring.keys()
    printed = await keys("add")
    new = deployment.ring.keys()[-1]
    assert f"keys use {key_id(new)}" in printed and "opens only" in printed
    assert "give the services their secrets anew" in await keys("use", key_id(new), status=1)
    deployment.roll()
    assert deployment.now.sealer.newest_id == key_id(old)
    await keys("use", key_id(new))
    assert deployment.ring.keys() == [new, old]
    assert "not in use yet" in await keys("rotate", status=1)
    deployment.roll()
    assert "keys rotate" in await keys("drop", status=1)
    assert "gateway secrets: 1 of 1 sealed anew" in await keys("rotate")
    await keys("drop")
    deployment.roll()
    assert deployment.ring.keys() == [new]
    assert deployment.now.sealer.open(deployment.sealed) == b"hook"
    assert f"There is no key '{key_id(old)}'" in await keys("use", key_id(old), status=1)
    assert "needs to know which" in await keys("use", status=1)
