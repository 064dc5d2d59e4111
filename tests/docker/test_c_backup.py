"""Backup, everything away, restore: every tenant's answers are what they were. The last test here: it replaces the deployment."""

import asyncio
import subprocess
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

    await asyncio.to_thread(deployment.destroy)
    with pytest.raises(httpx.TransportError):
        await http.get("/health")
    restored = await asyncio.to_thread(restoring, deployment, archive)
    assert restored.returncode == 0, restored.stderr[-4000:]

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
