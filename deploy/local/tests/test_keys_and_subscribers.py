"""The files behind ``minirag keys`` and ``minirag subscriber``, without a stack."""

import asyncio
import json
from pathlib import Path
from uuid import UUID

import pytest
from minirag_admin import keys
from minirag_local import nats_server, outside
from minirag_local.backup import backup, restore
from minirag_local.cli import main
from minirag_local.credentials import Credentials
from minirag_local.deployment import LocalDeployment
from minirag_local.errors import NotRunning, StackError
from minirag_local.folder import DataFolder
from minirag_local.subscribers import Subscriber, Subscribers
from minirag_service.sealing import key_id

TENANT = UUID(int=0xA)


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    made = DataFolder(tmp_path / "data")
    made.create()
    Credentials.of(made)
    return made


def test_a_new_key_goes_in_front_and_only_ids_are_shown(
    folder: DataFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    (old,) = Credentials.of(folder).keys
    keys.add(LocalDeployment(folder))
    new, second = Credentials.of(folder).keys
    assert second == old != new
    keys.listed(LocalDeployment(folder))
    printed = capsys.readouterr().out
    assert f"{key_id(new)} seals and opens\n{key_id(old)} opens only\n" in printed
    assert new not in printed and old not in printed
    assert folder.secrets.stat().st_mode & 0o077 == 0


def test_the_last_key_is_not_dropped(folder: DataFolder) -> None:
    with pytest.raises(StackError, match="only one key"):
        asyncio.run(keys.drop(LocalDeployment(folder)))


@pytest.mark.parametrize("step", [keys.rotate, keys.drop])
def test_without_a_running_stack_nobody_can_tell_what_is_sealed(folder: DataFolder, step: object) -> None:
    keys.add(LocalDeployment(folder))
    before = Credentials.of(folder)
    with pytest.raises(NotRunning, match="No MiniRAG runs"):
        asyncio.run(step(LocalDeployment(folder)))  # type: ignore[operator]
    assert Credentials.of(folder) == before


def test_looking_at_the_keys_of_nothing_makes_none(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="has no keys"):
        keys.listed(LocalDeployment(DataFolder(tmp_path / "nothing")))
    assert not (tmp_path / "nothing").exists()


def test_a_subscriber_is_in_the_servers_configuration_until_it_is_removed(
    folder: DataFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    one = Subscriber.generate(TENANT, "acme")
    Subscribers.of(folder).plus(one).write(folder)
    assert folder.subscribers.stat().st_mode & 0o077 == 0
    server = nats_server.prepare(folder, Credentials.of(folder))
    users = {user["user"]: user for user in json.loads(server.config.read_text())["authorization"]["users"]}
    assert users[one.user]["permissions"]["publish"] == {"deny": [">"]}
    allowed = users[one.user]["permissions"]["subscribe"]["allow"]
    assert all(str(TENANT) in subject or subject == f"{one.inbox}.>" for subject in allowed)
    assert [user for user, found in users.items() if "permissions" not in found] == ["system"]
    assert one.password not in repr(one)

    outside.listed(folder)
    assert capsys.readouterr().out == f"{one.user} tenant acme ({TENANT})\n"
    asyncio.run(outside.remove(folder, one.user))
    assert Subscribers.of(folder).by_user == {}


def test_a_subscriber_cannot_take_a_services_name(folder: DataFolder) -> None:
    Subscribers({"chat": Subscriber("chat", "mine", str(TENANT), "acme")}).write(folder)
    credentials = Credentials.of(folder)
    users = nats_server.configuration(folder, credentials, 4222)["authorization"]["users"]
    assert [user["password"] for user in users if user["user"] == "chat"] == [credentials.nats["chat"]]


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"subscribers": [{"user": "x"}]}'])
def test_a_damaged_file_of_subscribers_is_reported(folder: DataFolder, content: str) -> None:
    folder.subscribers.write_text(content)
    with pytest.raises(StackError, match="is damaged"):
        Subscribers.of(folder)


def test_subscribers_are_in_a_backup(folder: DataFolder, tmp_path: Path) -> None:
    from minirag_local import data_format

    one = Subscriber.generate(TENANT, "acme")
    Subscribers.of(folder).plus(one).write(folder)
    folder.postgres.mkdir()
    data_format.record(folder)
    backup(folder, tmp_path / "archive")
    restored = DataFolder(tmp_path / "restored")
    restore(restored, tmp_path / "archive")
    assert Subscribers.of(restored).by_user == {one.user: one}
    assert restored.subscribers.stat().st_mode & 0o077 == 0


def test_an_action_that_needs_somebody_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, folder: DataFolder
) -> None:
    monkeypatch.setenv("MINIRAG_DATA_DIR", str(folder.root))
    assert main(["subscriber", "remove"]) == 1
    assert "needs to know whom" in capsys.readouterr().err


def test_the_bus_keeps_the_port_that_it_is_given(folder: DataFolder) -> None:
    assert nats_server.prepare(folder, Credentials.of(folder), 14222).port == 14222
