"""The key of the secrets at rest, replaced on a running deployment as docs/installation.md says."""

import asyncio

import pytest
from api import Tenant
from deployment import Deployment

QUESTION = "Who winds the station clock?"


def tables(said: str) -> dict[str, str]:
    """Which were looked through, and what was found."""
    lines = (line.partition(": ") for line in said.splitlines() if " sealed anew" in line)
    return {table: found for table, _, found in lines}


@pytest.mark.timeout(600)
async def test_a_key_is_replaced_and_what_was_sealed_is_still_opened(
    deployment: Deployment, tenant: Tenant
) -> None:
    bot_id = await tenant.bot()
    await tenant.ready(await tenant.text_source(bot_id, "The porter winds the station clock on Mondays."))
    await tenant.call(
        "POST", "/v1/bot-profiles", 201, json={"name": "Sealed", "credentials": {"api_key": "sk-sealed"}}
    )
    before = deployment.secret("chat", "MINIRAG_SECRET_KEY")
    steps = deployment.documented("**A new key**")
    assert [step.split()[5] for step in steps if " run " in step] == ["add", "use", "rotate", "drop"]

    said, new = {}, ""
    for step in steps:
        said[step.split()[5]] = await asyncio.to_thread(
            deployment.shell, step.replace("use ID", f"use {new}")
        )
        new = new or said["add"].split()[0]

    after = deployment.secret("chat", "MINIRAG_SECRET_KEY")
    assert after and "," not in after and after not in before
    assert any(not found.startswith("0 of ") for found in tables(said["rotate"]).values()), said
    await asyncio.to_thread(deployment.shell, steps[1])  # with the new key alone
    again = tables(await asyncio.to_thread(deployment.run, "run", "--rm", "-T", "keys", "rotate"))
    assert again and all(" sealed anew" in found and "no key opens" not in found for found in again.values())
    assert all(found.startswith("0 of ") for found in again.values()), again
    assert "porter" in (await tenant.answered(bot_id, QUESTION))["message"]["content"]
