"""A first conversation with the client that is generated from the OpenAPI document, and with nothing else.

Whatever is wrong in the document – a missing field, a type, a status – breaks it here.
"""

import asyncio
import importlib
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from minirag_local.testing import Stack
from receiver import receiving

ROOT = Path(__file__).parents[2]
GENERATED = ROOT / "clients" / "python"

FACTS = "The oldest piece of the museum is a tower clock from 1531, built by the locksmith Hans Ehemann."


@pytest.fixture(scope="session")
def generated() -> Iterator[Path]:
    """Made from today's document: nobody can have forgotten to."""
    subprocess.run([sys.executable, "tools/client.py"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    sys.path.insert(0, str(GENERATED))
    yield GENERATED
    sys.path.remove(str(GENERATED))


class Api:
    """The generated package: its operations as methods, which answer the model that the document promises."""

    def __init__(self, url: str, token: str | None = None) -> None:
        client = importlib.import_module("minirag_client.client")
        options: dict[str, Any] = {"base_url": url, "raise_on_unexpected_status": True, "timeout": 60}
        self.client = (
            client.AuthenticatedClient(token=token, **options) if token else client.Client(**options)
        )
        self.models: Any = importlib.import_module("minirag_client.models")

    async def call(
        self, operation: str, expected: type | tuple[type, ...] | None, *path: str, **options: Any
    ) -> Any:
        """One operation, by ``tag.operation``; a problem where a model is expected fails with its sentence."""
        module: ModuleType = importlib.import_module(f"minirag_client.api.{operation}")
        answer = await module.asyncio_detailed(*path, client=self.client, **options)
        if expected is None:
            assert answer.status_code == 204 and answer.content == b""
        else:
            assert isinstance(answer.parsed, expected), (
                f"{operation}: {answer.status_code} {answer.content!r}"
            )
        return answer.parsed


@pytest.fixture
async def api(stack: Stack, generated: Path) -> Api:
    """The client of a new tenant."""
    anonymous = Api(stack.url)
    models = anonymous.models
    slug = f"client-{secrets.token_hex(6)}"
    body = models.TenantCreate(
        tenant_name="Clock Museum",
        tenant_slug=slug,
        owner_email=f"owner@{slug}.example",
        owner_password=secrets.token_urlsafe(16),
    )
    signed_up = await anonymous.call("tenants.create_tenant", models.TenantSignedUp, body=body)
    assert signed_up.tenant.slug == slug
    return Api(stack.url, signed_up.api_token)


async def a_guide(api: Api) -> tuple[str, str]:
    """A bot with a source that is ready: their ids."""
    models = api.models
    bot = await api.call(
        "bot_profiles.create_bot_profile", models.BotRead, body=models.BotProfileCreate(name="Guide")
    )
    body = models.SourceCreate(bot_profile_id=bot.id, name="Visitor guide", source_type="text", content=FACTS)
    source = await api.call("sources.create_source", models.SourceRead, body=body)
    await api.call("sources.ingest_source", models.IngestionAccepted, source.id)
    async with asyncio.timeout(60):
        while source.status != "ready":
            assert source.status != "error", source.error_message
            await asyncio.sleep(0.1)
            source = await api.call("sources.read_source", models.SourceRead, source.id)
    return bot.id, source.id


async def test_a_first_conversation(api: Api) -> None:
    models = api.models
    bot_id, source_id = await a_guide(api)
    question = models.ChatCreate(bot_profile_id=bot_id, message="Who built the oldest clock?")
    answer = await api.call("chat.create_chat_message", models.ChatAnswer, body=question)
    assert "Hans Ehemann" in answer.message.content
    assert answer.sources[0].source_id == source_id and 0 <= answer.sources[0].score <= 1
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens

    judged = await api.call(
        "chat.set_message_feedback",
        models.MessageRead,
        answer.chat_id,
        answer.message.id,
        body=models.FeedbackWrite(feedback="positive"),
    )
    assert judged.feedback == "positive"
    history = await api.call("chat.list_messages", list, answer.chat_id)
    assert [message.role for message in history] == ["user", "assistant"]
    assert history[1].sources[0].title == "Visitor guide"
    assert [chat.id for chat in await api.call("chat.list_chats", list, bot_profile_id=bot_id)] == [
        answer.chat_id
    ]


async def test_statistics_arrive(api: Api) -> None:
    bot_id, _ = await a_guide(api)
    question = api.models.ChatCreate(bot_profile_id=bot_id, message="Who built the oldest clock?")
    answer = await api.call("chat.create_chat_message", api.models.ChatAnswer, body=question)
    async with asyncio.timeout(30):
        while True:
            overview = await api.call("stats.read_stats_overview", api.models.Overview)
            counts = (overview.bot_profiles, overview.sources, overview.chats)
            if overview.total_tokens and counts == (1, 1, 1):
                break
            await asyncio.sleep(0.2)
    assert overview.total_tokens == answer.usage.total_tokens


async def test_a_webhook_is_registered_told_and_taken_away(api: Api) -> None:
    models = api.models
    async with receiving() as receiver:
        body = models.WebhookCreate(url=receiver.url(), events=["chat.message"])
        webhook = await api.call("webhooks.create_webhook", models.WebhookCreatedReply, body=body)
        assert webhook.secret and webhook.has_secret
        bot_id, _ = await a_guide(api)
        question = models.ChatCreate(bot_profile_id=bot_id, message="Who built the oldest clock?")
        await api.call("chat.create_chat_message", models.ChatAnswer, body=question)
        await receiver.wait(1)
    assert [hook.id for hook in await api.call("webhooks.list_webhooks", list)] == [webhook.id]
    await api.call("webhooks.delete_webhook", None, webhook.id)
    gone = await api.call("webhooks.read_webhook", models.Problem, webhook.id)
    assert (gone.status, gone.code, gone.detail) == (404, "not_found", "Webhook not found")


async def test_a_problem_and_an_idempotency_key_are_typed(api: Api) -> None:
    models = api.models
    body, key = models.BotProfileCreate(name="Guide"), "client-key-1"
    first = await api.call("bot_profiles.create_bot_profile", models.BotRead, body=body, idempotency_key=key)
    again = await api.call("bot_profiles.create_bot_profile", models.BotRead, body=body, idempotency_key=key)
    assert first == again
    other = models.BotProfileCreate(name="Another")
    problem = await api.call(
        "bot_profiles.create_bot_profile", models.Problem, body=other, idempotency_key=key
    )
    assert problem.status == 422 and problem.detail


async def test_a_file_is_uploaded(api: Api) -> None:
    bot_id, _ = await a_guide(api)
    types: Any = importlib.import_module("minirag_client.types")
    file = types.File(payload=FACTS.encode(), file_name="guide.txt", mime_type="text/plain")
    form: Any = importlib.import_module("minirag_client.models.upload_source_body").UploadSourceBody
    source = await api.call(
        "sources.upload_source", api.models.SourceRead, body=form(file=file, bot_profile_id=bot_id)
    )
    assert (source.name, source.config["original_filename"]) == ("guide.txt", "guide.txt")


def test_the_client_knows_every_operation(generated: Path) -> None:
    from operations import OPERATIONS

    modules = {path.stem for path in (generated / "minirag_client" / "api").rglob("*.py")} - {"__init__"}
    assert {operation.name for operation in OPERATIONS} == modules


def test_the_client_is_a_package_that_type_checks(generated: Path) -> None:
    """A typed client with errors in its types would be none; ``pip install clients/python`` builds it as it is."""
    assert (generated / "pyproject.toml").exists() and (generated / "minirag_client" / "py.typed").exists()
    command = [sys.executable, "-m", "mypy", "--config-file", "", "--follow-imports=silent", "minirag_client"]
    done = subprocess.run(
        command, cwd=generated, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
