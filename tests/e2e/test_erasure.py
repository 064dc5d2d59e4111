"""``minirag erase``: nothing of a tenant is left but its events, a service that was down does its part, others keep all."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from importlib import import_module
from uuid import UUID

import asyncpg
import httpx
from api import Tenant
from minirag_contracts.topology import SERVICES
from minirag_local.testing import Stack
from minirag_service.erasure import BOOKKEEPING
from owners import events_of_owner, verify_projections
from stack_rows import admin_of, held

WITH_CONTENT = set(SERVICES) - {"analytics"}

SECRET = "the otters of the mill pond"


async def run(stack: Stack, *arguments: str, status: int = 0) -> str:
    def command() -> str:
        environment = {**stack.environment, "MINIRAG_DATA_DIR": str(stack.data_dir)}
        line = [sys.executable, "-m", "minirag_local", *arguments]
        done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=90, check=False)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout if status == 0 else done.stderr

    return await asyncio.to_thread(command)


async def lived(tenant: Tenant) -> tuple[str, str]:
    """Bot and source of a tenant with something of everything."""
    bot_id = await tenant.bot(credentials={"api_key": "sk-one"})
    source_id = await tenant.text_source(bot_id, f"Everybody comes to see {SECRET}. They are fed at noon.")
    await tenant.ready(source_id)
    await tenant.ask(bot_id, f"When are {SECRET} fed?")
    hook = {"url": "https://hooks.example/otters", "events": ["source.failed"]}  # of which it is told nothing
    await tenant.call("POST", "/v1/webhooks", 201, json=hook)
    return bot_id, source_id


async def rows_of(stack: Stack, tenant_id: str) -> dict[str, int]:
    """Table → rows of a tenant, over all services; without the events and what is folded from them."""
    connection = await admin_of(stack)
    found = {}
    try:
        for service in SERVICES:
            projections = import_module(f"minirag_{service}.projections").PROJECTIONS
            folded = {table for projection in projections for table in projection.tables}
            for table in await tables_of(connection, service):
                if table in BOOKKEEPING | folded:
                    continue
                query = f"SELECT count(*) FROM {service}.{table} WHERE tenant_id = $1"
                if count := await connection.fetchval(query, UUID(tenant_id)):
                    found[f"{service}.{table}"] = count
    finally:
        await connection.close()
    return found


async def tables_of(connection: asyncpg.Connection, service: str) -> list[str]:
    rows = await connection.fetch(
        """SELECT table_name FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
           WHERE table_schema = $1 AND column_name = 'tenant_id' AND table_type = 'BASE TABLE'""",
        service,
    )
    return [row["table_name"] for row in rows]


async def texts_with(stack: Stack, words: str) -> list[str]:
    """Tables of any service in which some row has these words, whatever the column."""
    connection = await admin_of(stack)
    try:
        return [
            f"{service}.{table}"
            for service in SERVICES
            for table in await tables_of(connection, service)
            if await connection.fetchval(
                f"SELECT EXISTS (SELECT FROM {service}.{table} t WHERE strpos(t::text, $1) > 0)", words
            )
        ]
    finally:
        await connection.close()


async def test_a_tenant_is_erased_in_every_service_and_another_keeps_everything(
    stack: Stack, http: httpx.AsyncClient, tenant: Tenant, stranger: Tenant
) -> None:
    slug = (await tenant.call("GET", "/v1/tenants/me", 200))["slug"]
    bot_id, _ = await lived(tenant)
    their_bot, _ = await lived(stranger)
    before = await rows_of(stack, stranger.id)
    points = (await held(stack, tenant.id, bot_id)).points
    assert points and {name.split(".")[0] for name in await rows_of(stack, tenant.id)} >= WITH_CONTENT
    assert "--yes" in await run(stack, "erase", "tenant", slug, status=1)
    assert await rows_of(stack, tenant.id) != {}

    printed = await run(stack, "erase", "tenant", slug, "--yes")
    assert all(f"{service}: erased" in printed for service in SERVICES)
    assert await rows_of(stack, tenant.id) == {"gateway.slugs": 1}
    assert (await held(stack, tenant.id, bot_id)).points == 0
    owners = f"owner@{slug}.example"
    assert await texts_with(stack, owners) == []
    await tenant.refused("/v1/tenants/me", 403)
    assert (
        await http.post("/v1/auth/login", json={"email": owners, "password": "x" * 20})
    ).status_code == 401

    for service in SERVICES:
        reports = (await verify_projections(stack, service)).reports
        assert {report.projection: report.differences for report in reports if report.differences} == {}
    events = await events_of_owner(stack, "chat", ["chat.>"])
    assert [event for event in events if str(event.tenant_id) == tenant.id], "the events are still there"
    after = await rows_of(stack, stranger.id)
    written_later = {"gateway.token_use"}  # the uses of their token, twice a minute
    assert after.keys() - written_later == before.keys() - written_later
    assert SECRET.rsplit(maxsplit=1)[-1] in json.dumps(
        await stranger.ask(their_bot, f"When are {SECRET} fed?")
    )

    assert "nothing of it can come back" in await run(stack, "tenants", "resume", slug, status=1)
    await run(stack, "erase", "tenant", slug, "--yes")
    endings = await events_of_owner(stack, "gateway", ["tenant.erased"])
    assert [str(event.tenant_id) for event in endings].count(tenant.id) == 1
    again = {
        "tenant_name": "X",
        "tenant_slug": slug,
        "owner_email": owners,
        "owner_password": "a long password",
    }
    assert (await http.post("/v1/tenants", json=again)).status_code == 409


async def test_a_service_that_is_down_erases_when_it_runs_again(stack: Stack, tenant: Tenant) -> None:
    """The webhooks service is stopped as a whole, so that it can neither hear nor answer."""
    await lived(tenant)
    pid = next(entry["pid"] for entry in stack.status() if entry["name"] == "webhooks")
    os.kill(pid, signal.SIGSTOP)
    try:
        refusal = await run(stack, "erase", "tenant", tenant.id, "--yes", "--wait", "3", status=1)
        assert refusal.startswith("minirag: webhooks cannot be reached")
        assert {name.split(".")[0] for name in await rows_of(stack, tenant.id)} == {"gateway", "webhooks"}
    finally:
        os.kill(pid, signal.SIGCONT)
    began = time.monotonic()
    while (left := await rows_of(stack, tenant.id)) != {"gateway.slugs": 1}:
        assert time.monotonic() - began < 60, left
        await asyncio.sleep(0.1)


async def test_a_person_is_erased_and_their_colleagues_are_not(
    stack: Stack, http: httpx.AsyncClient, tenant: Tenant
) -> None:
    slug = (await tenant.call("GET", "/v1/tenants/me", 200))["slug"]
    bot_id = await tenant.bot()
    email, password = f"ada@{slug}.example", "a long enough password"
    user = {"email": email, "display_name": "Ada Countess", "password": password, "role": "member"}
    await tenant.call("POST", "/v1/users", 201, json=user)
    login = (await http.post("/v1/auth/login", json={"email": email, "password": password})).json()
    ada = tenant.bearing(login["access_token"])
    hers = await ada.ask(bot_id, "Where does Ada bury her treasure?")
    ours = await tenant.ask(bot_id, "Where do the others bury theirs?")

    assert "--yes" in await run(stack, "erase", "person", slug, "--email", email, status=1)
    printed = await run(stack, "erase", "person", slug, "--email", email, "--yes")
    assert re.search(r"^chat: [3-9] rows of user:", printed, re.MULTILINE)
    for words in ("her treasure", email, "Ada Countess"):
        assert [table for table in await texts_with(stack, words) if not table.endswith(".commands")] == []
    await ada.refused(status=401)
    assert (await http.post("/v1/auth/login", json={"email": email, "password": password})).status_code == 401
    left = await tenant.call("GET", f"/v1/chat/{hers['chat_id']}/messages", 200)
    assert not any("treasure" in json.dumps(message) for message in left)
    kept = await tenant.call("GET", f"/v1/chat/{ours['chat_id']}/messages", 200)
    assert any("others bury" in json.dumps(message) for message in kept)
    reports = (await verify_projections(stack, "chat")).reports
    assert reports and not [report for report in reports if report.differences]
    assert "User not found" in await run(stack, "erase", "person", slug, "--email", email, "--yes", status=1)
    printed = await run(stack, "erase", "person", slug, "--visitor", "nobody", "--yes")
    assert "chat: 0 rows of visitor:nobody" in printed
