"""The data folder: modes, secrets, formats."""

import json
import os
import stat
from pathlib import Path

import pytest
from minirag_contracts.topology import SERVICES
from minirag_local import data_format
from minirag_local.credentials import Credentials
from minirag_local.environment import inherited, service_environment
from minirag_local.errors import StackError
from minirag_local.folder import DataFolder, FolderLock
from minirag_local.listening import listen, url_of
from minirag_local.settings import StackSettings, operations_port_of
from minirag_local.state import Addresses

ADDRESSES = Addresses("http://127.0.0.1:1", 4222, "/run", "/run/vectors.sock")


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    folder = DataFolder(tmp_path / "data")
    folder.create()
    return folder


def test_folder_and_secrets_are_closed_to_others(folder: DataFolder) -> None:
    Credentials.of(folder)
    assert stat.S_IMODE(folder.root.stat().st_mode) == 0o700
    assert stat.S_IMODE(folder.secrets.stat().st_mode) == 0o600


def test_secrets_are_made_once_and_kept(folder: DataFolder) -> None:
    assert Credentials.of(folder) == Credentials.of(folder)
    assert Credentials.generate() != Credentials.generate()


def test_secrets_that_were_opened_to_others_are_closed_again(folder: DataFolder) -> None:
    Credentials.of(folder)
    folder.secrets.chmod(0o644)
    Credentials.of(folder)
    assert stat.S_IMODE(folder.secrets.stat().st_mode) == 0o600


def test_missing_secrets_of_an_existing_database_are_not_replaced(folder: DataFolder) -> None:
    folder.postgres.mkdir()
    (folder.postgres / "PG_VERSION").write_text("18\n")
    with pytest.raises(StackError, match="is missing, and the database needs it"):
        Credentials.of(folder)


@pytest.mark.parametrize("content", ["{", "[]", '{"secret_key": "x"}'])
def test_damaged_secrets_are_reported(folder: DataFolder, content: str) -> None:
    folder.secrets.write_text(content)
    with pytest.raises(StackError, match="damaged"):
        Credentials.of(folder)


def test_a_service_that_came_with_a_newer_version_gets_its_secrets(folder: DataFolder) -> None:
    Credentials.of(folder)
    stored = json.loads(folder.secrets.read_text())
    del stored["nats"]["chat"]
    folder.secrets.write_text(json.dumps(stored))
    assert Credentials.of(folder).nats["chat"] == Credentials.of(folder).nats["chat"]


def test_a_folder_written_by_a_newer_version_is_refused(folder: DataFolder) -> None:
    folder.format.write_text(json.dumps(data_format.current() | {"format": 99, "product": "7.0"}))
    with pytest.raises(StackError, match=r"was written by MiniRAG 7\.0 \(format 99\)"):
        data_format.open_folder(folder)


def test_a_folder_of_another_postgres_is_refused(folder: DataFolder) -> None:
    folder.format.write_text(json.dumps(data_format.current() | {"postgres_major": 12}))
    with pytest.raises(StackError, match="holds a Postgres 12 cluster"):
        data_format.open_folder(folder)


def test_an_older_folder_is_upgraded_step_by_step(folder: DataFolder) -> None:
    data_format.record(folder)
    done: list[int] = []
    upgrades = {1: lambda _: done.append(1), 2: lambda _: done.append(2)}
    data_format.open_folder(folder, upgrades, target=3)
    assert done == [1, 2]
    assert json.loads(folder.format.read_text())["format"] == 3


def test_the_cluster_is_flushed_file_by_file(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = folder.postgres / "base" / "1"
    inner.mkdir(parents=True)
    (inner / "1259").write_bytes(b"rows")
    (folder.postgres / "gone").symlink_to(folder.postgres / "a file that was removed meanwhile")
    flushed: set[str] = set()
    monkeypatch.setattr(
        os, "fsync", lambda descriptor: flushed.add(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
    )
    folder.flush()
    assert flushed == {str(path) for path in (folder.postgres, inner.parent, inner, inner / "1259")}


def test_only_one_can_hold_the_lock(folder: DataFolder) -> None:
    first, second = FolderLock(folder), FolderLock(folder)
    assert first.acquire()
    assert not second.acquire()
    first.release()
    assert second.acquire()


def test_only_those_who_talk_to_providers_see_the_keys(folder: DataFolder) -> None:
    outer = {
        "OPENAI_API_KEY": "sk-1",
        "PATH": "/bin",
        "PYTHONDONTWRITEBYTECODE": "1",
        "MINIRAG_EGRESS_ALLOW": "h",
    }
    credentials = Credentials.generate()
    seen = {name: service_environment(name, folder, credentials, ADDRESSES, outer) for name in SERVICES}
    assert {name for name, environment in seen.items() if "OPENAI_API_KEY" in environment} == {
        "chat",
        "retrieval",
    }
    assert all(environment["MINIRAG_EGRESS_ALLOW"] == "h" for environment in seen.values())
    assert not any("PYTHONDONTWRITEBYTECODE" in environment for environment in seen.values())
    passwords = {environment["MINIRAG_NATS_PASSWORD"] for environment in seen.values()}
    assert len(passwords) == len(SERVICES)


def test_the_environment_of_the_servers_has_no_foreign_keys() -> None:
    assert "AWS_SECRET_ACCESS_KEY" not in inherited({"AWS_SECRET_ACCESS_KEY": "x", "PATH": "/bin"})


@pytest.mark.parametrize("port", ["http", "-1", "70000"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    with pytest.raises(StackError, match="MINIRAG_PORT must be a number"):
        StackSettings.from_environment({"MINIRAG_PORT": port})


def test_every_service_has_an_operations_port_of_its_own() -> None:
    assert StackSettings.from_environment({}).operations_port is None
    first = StackSettings.from_environment({"MINIRAG_OPERATIONS_PORT": "9400"}).operations_port
    assert first == 9400
    ports = {operations_port_of(service, first, replica) for service in SERVICES for replica in range(10)}
    assert ports == set(range(9400, 9460))


@pytest.mark.parametrize("port", ["0", "-1", "x", "65500"])
def test_an_operations_port_that_cannot_be(port: str) -> None:
    with pytest.raises(StackError, match="MINIRAG_OPERATIONS_PORT"):
        StackSettings.from_environment({"MINIRAG_OPERATIONS_PORT": port})


def test_a_host_that_is_not_ours_is_refused() -> None:
    with pytest.raises(StackError, match="is not an address of this machine"):
        listen("192.0.2.1", 0)


def test_the_url_names_an_address_that_a_browser_can_open() -> None:
    with listen("0.0.0.0", 0) as listener:
        assert url_of(listener) == f"http://127.0.0.1:{listener.getsockname()[1]}"
