"""What ``minirag-admin secrets`` makes: all that each service reads, and nothing that anybody else may read."""

import asyncio
import json
import os
import re
import stat
import subprocess
from pathlib import Path

import nats.errors
import pytest
from cryptography.fernet import Fernet
from minirag_admin.cli import main
from minirag_contracts.grants import ASKS, inbox_prefix
from minirag_contracts.topology import SERVICES
from minirag_messaging import Bus, topology
from minirag_messaging.testing import find_nats_server


def made(folder: Path, *options: str) -> Path:
    assert main(["secrets", str(folder), *options]) == 0
    return folder


def content(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_each_service_finds_its_own_and_nobody_elses(tmp_path: Path) -> None:
    found = content(
        made(tmp_path / "secrets", "--postgres-host", "db", "--postgres-options", "sslmode=require")
    )
    for service in SERVICES:
        own = {name.split("/")[1] for name in found if name.startswith(f"{service}/")}
        assert own - {"QDRANT_API_KEY"} == {
            f"MINIRAG_{name}"
            for name in ("NATS_PASSWORD", "DATABASE_URL", "DATABASE_SYSTEM_URL", "SECRET_KEY")
        }
        url = found[f"{service}/MINIRAG_DATABASE_URL"]
        assert re.fullmatch(rf"postgresql://{service}:\w{{64}}@db:5432/minirag\?sslmode=require", url)
        Fernet(found[f"{service}/MINIRAG_SECRET_KEY"])
    passwords = [found[f"{service}/MINIRAG_NATS_PASSWORD"] for service in (*SERVICES, "admin")]
    assert len(set(passwords)) == len(passwords)
    assert found["postgres/password"] in found["admin/MINIRAG_ADMIN_DATABASE_URL"]
    assert found["retrieval/QDRANT_API_KEY"] in found["qdrant/config.yaml"]


def test_no_two_deployments_share_a_secret(tmp_path: Path) -> None:
    one, other = content(made(tmp_path / "one")), content(made(tmp_path / "other"))
    assert one.keys() == other.keys()
    assert not [name for name in one if one[name] == other[name]]


def test_files_are_their_owners_alone_unless_more_is_asked_for(tmp_path: Path) -> None:
    def modes(folder: Path) -> set[tuple[bool, int]]:
        return {(path.is_dir(), stat.S_IMODE(path.stat().st_mode)) for path in folder.rglob("*")}

    closed, opened = made(tmp_path / "closed"), made(tmp_path / "opened", "--mode", "644")
    assert modes(closed) == {(True, 0o700), (False, 0o600)}
    assert modes(opened) == {(True, 0o755), (False, 0o644)}
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in (closed, opened)} == {0o700}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_files_are_given_to_the_user_of_the_containers(tmp_path: Path) -> None:
    folder = made(tmp_path / "secrets", "--owner", "10001")
    assert {(path.stat().st_uid, path.stat().st_gid) for path in folder.rglob("*")} == {(10001, 10001)}


def test_what_is_there_is_never_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = made(tmp_path / "secrets")
    before = content(folder)
    assert main(["secrets", str(folder)]) == 1
    assert "is not empty" in capsys.readouterr().err
    assert content(folder) == before


@pytest.mark.parametrize("options", [("--mode", "666"), ("--mode", "rw"), ("--owner", "root")])
def test_what_cannot_be_meant_is_refused(tmp_path: Path, options: tuple[str, str]) -> None:
    with pytest.raises(SystemExit):
        main(["secrets", str(tmp_path / "secrets"), *options])
    assert not (tmp_path / "secrets").exists()


def test_a_cluster_has_a_name_and_routes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["secrets", str(tmp_path / "secrets"), "--nats-cluster", "minirag"]) == 1
    assert "--nats-route" in capsys.readouterr().err
    routes = [f"nats://nats-{number}.nats:6222" for number in range(3)]
    folder = made(
        tmp_path / "secrets", "--nats-cluster", "minirag", *(f"--nats-route={route}" for route in routes)
    )
    written = json.loads((folder / "nats/nats.conf").read_text())
    assert written["cluster"]["routes"] == routes and "server_name" not in written
    command = [find_nats_server(), "--config", folder / "nats/nats.conf", "--name", "nats-0", "-t"]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


async def test_a_real_server_takes_the_configuration_and_holds_to_it(tmp_path: Path) -> None:
    ports = "--nats-host=127.0.0.1", "--nats-port=-1", f"--nats-store-dir={tmp_path}/store"
    folder = made(tmp_path / "secrets", *ports)
    process = subprocess.Popen(  # noqa: ASYNC220 -- a moment
        [find_nats_server(), "--config", folder / "nats/nats.conf", "--ports_file_dir", tmp_path],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = await port_of(tmp_path / f"nats-server_{process.pid}.ports")
        system = await Bus.connect(url, "system", (folder / "admin/MINIRAG_NATS_PASSWORD").read_text())
        await topology.apply(system)
        assert await topology.check(system) == []
        await system.close()
        password = (folder / "chat/MINIRAG_NATS_PASSWORD").read_text()
        chat = await Bus.connect(url, "chat", password, inbox_prefix=inbox_prefix("chat"))
        await chat.client.publish("rpc.ingest.sources.create", b"")
        async with asyncio.timeout(5):
            while not chat.violations:
                await chat.settled()
        await chat.close()
        with pytest.raises(nats.errors.Error):
            await Bus.connect(url, "gateway", password)
    finally:
        process.terminate()
        process.wait()


async def port_of(file: Path) -> str:
    def written() -> str:
        return file.read_text() if file.exists() else ""

    async with asyncio.timeout(10):
        while not written():
            await asyncio.sleep(0.02)
    return str(json.loads(written())["nats"][0])


def test_a_new_versions_permissions_are_added_to_the_same_passwords(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = made(tmp_path / "secrets", "--mode", "644", "--nats-port", "4333")
    file = folder / "nats/nats.conf"
    before = json.loads(file.read_text())
    before["authorization"]["users"].append({"user": "monitor", "password": "operators own"})
    file.write_text(json.dumps(before))
    monkeypatch.setitem(ASKS, "webhooks", ("chat.bots.get",))
    made(folder, "--renew-bus")
    after = json.loads(file.read_text())
    grants = {user["user"]: user for user in after["authorization"]["users"]}
    assert "rpc.chat.bots.get" in grants["webhooks"]["permissions"]["publish"]["allow"]
    assert grants["monitor"]["password"] == "operators own"
    assert {user["user"]: user["password"] for user in before["authorization"]["users"]} == {
        name: user["password"] for name, user in grants.items()
    }
    assert {**after, "authorization": 0} == {**before, "authorization": 0}
    assert stat.S_IMODE(file.stat().st_mode) == 0o644


def test_permissions_are_renewed_only_where_secrets_were_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["secrets", str(tmp_path), "--renew-bus"]) == 1
    assert "nats.conf is not as" in capsys.readouterr().err


def test_keys_are_added_for_every_service_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = made(tmp_path / "secrets", "--mode", "644")
    monkeypatch.setenv("MINIRAG_ADMIN_SECRETS", str(folder))
    old = (folder / "chat/MINIRAG_SECRET_KEY").read_text()
    assert main(["keys", "add"]) == 0
    files = [folder / service / "MINIRAG_SECRET_KEY" for service in SERVICES]
    (value,) = {file.read_text() for file in files}
    assert value.split(",")[0] == old and value.split(",")[1] != old, "it seals nothing before all open it"
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o644}
    capsys.readouterr()
    assert main(["keys", "list"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("\n") == 2 and not any(key in printed for key in value.split(","))
    files[0].write_text(old)
    assert main(["keys", "list"]) == 1
    assert "different values" in capsys.readouterr().err
