"""Every projection of every service equals its rebuild from position 0, after a life as it is lived."""

from importlib import import_module

import pytest
from api import Tenant
from minirag_contracts.topology import SERVICES
from minirag_local.testing import Stack
from owners import verify_projections


@pytest.fixture
async def lived_in(stack: Stack, tenant: Tenant) -> Stack:
    """Something of everything has happened."""
    bot_id = await tenant.bot()
    source_id = await tenant.text_source(
        bot_id, "Herons nest in the old poplars by the weir. They return in March."
    )
    await tenant.ready(source_id)
    await tenant.call("POST", f"/v1/sources/{source_id}/ingest", 202)
    await tenant.ready(source_id)
    failing = {
        "bot_profile_id": bot_id,
        "name": "x",
        "source_type": "url",
        "config": {"url": "http://10.0.0.1/"},
    }
    failed = await tenant.call("POST", "/v1/sources", 201, json=failing)
    await tenant.call("POST", f"/v1/sources/{failed['id']}/ingest", 202)
    await tenant.settled(failed["id"])
    gone = await tenant.ready(await tenant.text_source(bot_id, "The weir was closed in 1950."))
    await tenant.call("DELETE", f"/v1/sources/{gone['id']}", 204)
    await tenant.call("PATCH", f"/v1/sources/{gone['id']}", 200, json={"name": "Gone"})
    await tenant.call("PATCH", f"/v1/sources/{gone['id']}", 200, json={"is_active": True})
    await tenant.ready(gone["id"])
    reply = await tenant.ask(bot_id, "When do herons return?")
    path = f"/v1/chat/{reply['chat_id']}/messages/{reply['message']['id']}/feedback"
    for feedback in ("positive", "negative"):
        await tenant.call("PATCH", path, 200, json={"feedback": feedback})
    hook = await tenant.call(
        "POST", "/v1/webhooks", 201, json={"url": "https://hooks.example/x", "events": []}
    )
    await tenant.call("DELETE", f"/v1/webhooks/{hook['id']}", 204)
    return stack


@pytest.mark.parametrize("service", SERVICES)
async def test_every_projection_equals_its_rebuild(lived_in: Stack, service: str) -> None:
    declared = {projection.name for projection in import_module(f"minirag_{service}.projections").PROJECTIONS}
    reports = (await verify_projections(lived_in, service)).reports
    assert {report.projection for report in reports} == declared != set()
    assert {report.projection: report.differences for report in reports if report.differences} == {}
    assert all(report.events for report in reports)
