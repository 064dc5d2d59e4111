"""Everything is in a backup: a restored stack answers as the one before did."""

import asyncio
import subprocess
import sys
from pathlib import Path

import httpx
from api import Tenant
from minirag_local.testing import Stack, running_stack

QUESTION = "From which platform does the night train depart?"


def minirag(stack: Stack, data_dir: Path, *arguments: str) -> None:
    """The command as an operator types it."""
    environment = {**stack.environment, "MINIRAG_DATA_DIR": str(data_dir)}
    command = [sys.executable, "-m", "minirag_local", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


async def test_a_backup_of_a_running_stack_answers_elsewhere(
    stack: Stack, tenant: Tenant, tmp_path: Path
) -> None:
    bot_id = await tenant.bot()
    await tenant.ready(
        await tenant.text_source(bot_id, "The night train to Trieste departs from platform eleven.")
    )
    reply = await tenant.ask(bot_id, QUESTION)
    archive, restored = tmp_path / "minirag.backup", tmp_path / "elsewhere" / "data"
    await asyncio.to_thread(minirag, stack, stack.data_dir, "backup", str(archive))
    assert archive.stat().st_mode & 0o077 == 0, "a backup holds secrets"
    restored.parent.mkdir()
    await asyncio.to_thread(minirag, stack, restored, "restore", str(archive))

    with running_stack(restored.parent) as other:
        async with httpx.AsyncClient(base_url=other.url, timeout=60) as client:
            same = Tenant(client, tenant.id, tenant.token, tenant.headers)
            history = await same.call("GET", f"/v1/chat/{reply['chat_id']}/messages", 200)
            assert history[1]["content"] == reply["message"]["content"]
            again = await same.answered(bot_id, QUESTION)
            assert "platform eleven" in again["message"]["content"]
            assert again["sources"][0]["source_id"] == reply["sources"][0]["source_id"]
