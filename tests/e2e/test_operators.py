"""What an operator does to a running stack: a subscriber from outside, and new keys for the secrets."""

import asyncio
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from api import Tenant
from minirag_local.credentials import Credentials
from minirag_local.testing import Stack, running_stack
from minirag_messaging import Bus


@pytest.fixture
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that may be restarted."""
    with running_stack(tmp_path_factory.mktemp("operators")) as stack:
        yield stack


def minirag(stack: Stack, *arguments: str, status: int = 0) -> str:
    """The command as an operator types it; what it printed, for a refusal on the error output."""
    environment = {**stack.environment, "MINIRAG_DATA_DIR": str(stack.data_dir)}
    command = [sys.executable, "-m", "minirag_local", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout if status == 0 else done.stderr


async def run(stack: Stack, *arguments: str, status: int = 0) -> str:
    return await asyncio.to_thread(minirag, stack, *arguments, status=status)


def field(printed: str, name: str) -> list[str]:
    return re.findall(rf"^{name}\s+(\S+)", printed, re.MULTILINE)


async def test_a_subscriber_hears_its_tenants_events_until_it_is_removed(
    stack: Stack, tenant: Tenant, stranger: Tenant
) -> None:
    slug = (await tenant.call("GET", "/v1/tenants/me", 200))["slug"]
    before = {entry["name"]: entry["pid"] for entry in stack.status()}
    printed = await run(stack, "subscriber", "add", slug)
    assert stack.folder.subscribers.stat().st_mode & 0o077 == 0
    (user,), (password,) = field(printed, "user"), field(printed, "password")
    assert f"{user} tenant {slug} ({tenant.id})" in await run(stack, "subscriber", "list")
    assert password not in await run(stack, "subscriber", "list")
    heard: list[tuple[str, str]] = []
    outsider = await connected(printed)

    async def take(msg: object) -> None:
        heard.append((msg.subject, msg.headers["ce-type"]))  # type: ignore[attr-defined]

    for subject in field(printed, "subject"):
        await outsider.client.subscribe(subject, cb=take)
    await outsider.settled()
    await stranger.bot()
    await tenant.bot()
    async with asyncio.timeout(10):
        while not heard:
            await asyncio.sleep(0.02)
    await outsider.settled()
    assert heard == [(f"bot.created.{tenant.id}", "bot.created")] and not outsider.violations
    await outsider.client.subscribe("bot.>", cb=take)
    await outsider.settled()
    assert outsider.violations

    assert "its connections are closed" in await run(stack, "subscriber", "remove", user)
    async with asyncio.timeout(10):
        while outsider.connected.is_set():
            await asyncio.sleep(0.02)
    await outsider.close()
    after = {entry["name"]: entry["pid"] for entry in stack.status()}
    assert before == after, "nothing was restarted"
    await tenant.bot()


async def test_a_suspended_tenant_is_shut_out_on_every_path_until_it_is_resumed(
    stack: Stack, http: httpx.AsyncClient, tenant: Tenant, stranger: Tenant
) -> None:
    slug = (await tenant.call("GET", "/v1/tenants/me", 200))["slug"]
    printed, others = [await run(stack, "subscriber", "add", who.id) for who in (tenant, stranger)]
    ours, theirs = await connected(printed), await connected(others)
    assert f"{slug} ({tenant.id}) suspended" in await run(stack, "tenants", "suspend", slug)
    await tenant.refused("/v1/tenants/me", 403)
    async with asyncio.timeout(10):
        while ours.connected.is_set():
            await asyncio.sleep(0.02)
    await ours.close()
    (user,) = field(printed, "user")
    assert user not in await run(stack, "subscriber", "list")
    assert f"{slug} ({tenant.id}) suspended" in await run(stack, "tenants", "list")
    assert theirs.connected.is_set() and await stranger.bot()
    await theirs.close()

    assert f"{slug} ({tenant.id}) served" in await run(stack, "tenants", "resume", slug)
    since = began = time.monotonic()
    while (await tenant.request("GET", "/v1/tenants/me")).status_code != 200:
        assert began - since < 1, "still shut out a second after it was resumed"
        await asyncio.sleep(0.02)
        began = time.monotonic()
    assert f"{slug} ({tenant.id}) served" in await run(stack, "tenants", "list")


async def connected(printed: str) -> Bus:
    """As the subscriber to whom this was printed."""
    (url,), (user,), (password,), (inbox,) = (
        field(printed, name) for name in ("url", "user", "password", "inbox")
    )
    return await Bus.connect(url, user, password, user, inbox_prefix=inbox)


async def test_who_cannot_be_a_subscriber_is_told_why(stack: Stack) -> None:
    for arguments, sentence in (
        (("add", "nobody-has-this-slug"), "no such tenant"),
        (("add", str(UUID(int=9))), "no such tenant"),
        (("remove", "subscriber-x"), "There is no subscriber 'subscriber-x'"),
        (("add",), "needs to know whom"),
    ):
        assert sentence in await run(stack, "subscriber", *arguments, status=1)


async def test_the_same_verbs_serve_a_deployment_that_the_environment_names(
    stack: Stack, tenant: Tenant, tmp_path: Path
) -> None:
    """``minirag-admin`` is told where the bus is, and finds the password in a file; it knows no data folder."""
    bus = next(entry["address"] for entry in stack.status() if entry["name"] == "nats")
    (tmp_path / "MINIRAG_NATS_PASSWORD").write_text(Credentials.of(stack.folder).nats["system"])
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("MINIRAG_")},
        "MINIRAG_NATS_URL": bus,
        "MINIRAG_SECRETS_DIR": str(tmp_path),
    }

    async def admin(*arguments: str, status: int = 0) -> str:
        command = [sys.executable, "-m", "minirag_admin", *arguments]
        process = await asyncio.create_subprocess_exec(
            *command, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        printed, refused = await process.communicate()
        assert process.returncode == status, (printed, refused)
        return (printed if status == 0 else refused).decode()

    assert f"({tenant.id}) served" in await admin("tenants", "list")
    assert "equals its rebuild" in await admin("verify", "chat", "bots")
    assert "Good for one sign-up" in await admin("invite")
    await admin("dead-letters", "list")
    assert await admin("dead-letters", "replay", "chat") == "chat: 0 replayed\n"
    assert "There is no service 'x'" in await admin("verify", "x", status=1)
    assert "MINIRAG_ADMIN_SECRETS is missing" in await admin("keys", "list", status=1)


async def test_keys_are_added_rotated_and_dropped(own_stack: Stack) -> None:
    stack = own_stack
    async with httpx.AsyncClient(base_url=stack.url, timeout=60) as http:
        tenant = await Tenant.sign_up(http)
        body = {"name": "B", "credentials": {"api_key": "sk-one"}}
        await tenant.call("POST", "/v1/bot-profiles", 201, json=body)
        webhook = {"url": "https://example.com/hook", "events": ["chat.message"]}
        await tenant.call("POST", "/v1/webhooks", 201, json=webhook)
    old = Credentials.of(stack.folder).keys
    assert "it is needed" in await run(stack, "keys", "drop", status=1)
    await run(stack, "keys", "add")
    ids = (await run(stack, "keys", "list")).split()
    assert not any(key in " ".join(ids) for key in Credentials.of(stack.folder).keys)
    assert "restart MiniRAG" in await run(stack, "keys", "rotate", status=1)
    assert "restart MiniRAG" in await run(stack, "keys", "drop", status=1)

    await asyncio.to_thread(stack.stop)
    await asyncio.to_thread(stack.start)
    refusal = await run(stack, "keys", "drop", status=1)
    assert "chat bot_credentials" in refusal and "minirag keys rotate" in refusal
    printed = await run(stack, "keys", "rotate")
    assert "chat bot_credentials: 1 of 1 sealed anew" in printed
    assert "webhooks endpoint_secrets: 1 of 1 sealed anew" in printed
    assert "no key opens" not in printed
    await run(stack, "keys", "drop")
    new = Credentials.of(stack.folder).keys
    assert len(new) == 1 and new != old

    await asyncio.to_thread(stack.stop)
    await asyncio.to_thread(stack.start)
    printed = await run(stack, "keys", "rotate")
    assert "chat bot_credentials: 0 of 1 sealed anew" in printed and "no key opens" not in printed
