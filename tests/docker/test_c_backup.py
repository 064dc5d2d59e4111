"""Backup, everything away, restore: every tenant's answers are what they were. The last test here: it replaces the deployment."""

import asyncio
import io
import json
import subprocess
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from api import Tenant
from deployment import Deployment

TENANTS = 3
FACTS = (
    (
        "The night train to Trieste departs from platform {n}.",
        "From which platform does the night train to Trieste depart?",
    ),
    ("The museum of clocks opens at {n} in the morning.", "When does the museum of clocks open?"),
)


@dataclass
class Lived:
    """A tenant with what it was answered."""

    tenant: Tenant
    bot_id: str
    chat_id: str
    answers: dict[str, Any]
    history: list[dict[str, Any]]


async def live(http: httpx.AsyncClient, number: int) -> Lived:
    """A tenant that has sources and a conversation, and a provider's key that lies sealed in the database."""
    tenant = await Tenant.sign_up(http, f"Tenant{number}")
    bot_id = await tenant.bot()
    for fact, _ in FACTS:
        await tenant.ready(await tenant.text_source(bot_id, fact.format(n=20 + number)))
    first = await tenant.ask(bot_id, FACTS[0][1])
    await tenant.call(
        "POST", "/v1/bot-profiles", 201, json={"name": "Sealed", "credentials": {"api_key": "sk-sealed"}}
    )
    answers = {question: told(await tenant.ask(bot_id, question)) for _, question in FACTS}
    history = await tenant.call("GET", f"/v1/chat/{first['chat_id']}/messages", 200)
    assert all(str(20 + number) in answer["content"] for answer in answers.values()), answers
    return Lived(tenant, bot_id, first["chat_id"], answers, history)


def told(reply: dict[str, Any]) -> dict[str, Any]:
    """What an answer says and from where."""
    return {
        "content": reply["message"]["content"],
        "sources": [
            (source["source_id"], source.get("text", source.get("snippet"))) for source in reply["sources"]
        ],
    }


@pytest.mark.timeout(600)
async def test_a_backup_brings_back_every_tenants_answers(
    deployment: Deployment, http: httpx.AsyncClient, tmp_path: Path
) -> None:
    lives = [await live(http, number) for number in range(TENANTS)]
    archive = tmp_path / "minirag.backup"
    await asyncio.to_thread(deployment.script, "backup", str(archive))
    assert archive.stat().st_mode & 0o077 == 0, "a backup holds secrets"
    refused = await asyncio.to_thread(restoring, deployment, archive)
    assert refused.returncode == 1 and "there is a deployment already" in refused.stderr
    tag = deployment.environment.get("MINIRAG_TAG", "0.1.0")
    before = Deployment({**deployment.environment, "MINIRAG_TAG": "0.9.0"})
    newer = changed(archive, {"tag": lambda was: b"0.10.0\n" if was == f"{tag}\n".encode() else was})
    refused = await asyncio.to_thread(restoring, before, newer)
    assert refused.returncode == 1 and "is of version 0.10.0 and the images are 0.9.0" in refused.stderr
    granted = json.loads(await asyncio.to_thread(deployment.secret, "nats", "nats.conf"))

    await asyncio.to_thread(deployment.destroy)
    with pytest.raises(httpx.TransportError):
        await http.get("/health")
    older = changed(archive, {"tag": lambda _: None, "secrets.tar": with_fewer_permissions})
    restored = await asyncio.to_thread(restoring, deployment, older)
    assert restored.returncode == 0, restored.stderr[-4000:]
    assert restored.stdout.endswith("migrations were due.\n")
    assert json.loads(await asyncio.to_thread(deployment.secret, "nats", "nats.conf")) == granted

    async with httpx.AsyncClient(base_url=deployment.url, timeout=60) as client:
        for lived in lives:
            same = Tenant(client, lived.tenant.id, lived.tenant.token, lived.tenant.headers)
            assert await same.call("GET", f"/v1/chat/{lived.chat_id}/messages", 200) == lived.history
            assert {
                question: told(
                    await same.answered(lived.bot_id, question, seconds=120, refusals=range(500, 600))
                )
                for question in lived.answers
            } == lived.answers
    await asyncio.to_thread(deployment.wait_healthy, 60)
    assert deployment.bus_violations() == []


def changed(archive: Path, changes: Mapping[str, Callable[[bytes], bytes | None]]) -> Path:
    """Another archive beside it, with other contents of these members, or without them."""
    other = archive.with_name("changed")
    other.write_bytes(rewritten(archive.read_bytes(), changes))
    return other


def rewritten(archive: bytes, changes: Mapping[str, Callable[[bytes], bytes | None]]) -> bytes:
    """Owners and modes stay."""
    result = io.BytesIO()
    met = set()
    with (
        tarfile.open(fileobj=io.BytesIO(archive)) as source,
        tarfile.open(fileobj=result, mode="w") as target,
    ):
        for member in source:
            content = source.extractfile(member)
            data = content.read() if content else b""
            if member.name in changes:
                met.add(member.name)
                new = changes[member.name](data)
                if new is None:
                    continue
                data, member.size = new, len(new)
            target.addfile(member, io.BytesIO(data))
    assert met == set(changes)
    return result.getvalue()


def with_fewer_permissions(folders: bytes) -> bytes:
    """As an older version has written them: the bus' gateway may ask for nothing yet."""

    def older(configuration: bytes) -> bytes:
        found = json.loads(configuration)
        for user in found["authorization"]["users"]:
            if user["user"] == "gateway":
                user["permissions"]["publish"]["allow"] = ["signal.gateway.>"]
        return json.dumps(found).encode()

    return rewritten(folders, {"./nats/nats.conf": older})


def restoring(deployment: Deployment, archive: Path) -> "subprocess.CompletedProcess[str]":
    """The script, whatever comes of it."""
    script = Path(deployment.environment["COMPOSE_FILE"].split(":")[0]).with_name("restore")
    return subprocess.run(
        [script, archive],
        env=dict(deployment.environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
