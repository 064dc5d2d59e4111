"""The LLM worker against a fake OpenAI server: streams, failures, death, cancellation."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from datetime import timedelta

import pytest
from chat_builders import a_prompt
from minirag_chat.adapters.llm.client import LlmClient
from minirag_chat.adapters.llm.process import WorkerProcess
from minirag_chat.adapters.llm.wire import Message
from minirag_chat.domain.models import KEY_VARIABLES
from minirag_chat.errors import LlmFailure, LlmInterrupted
from minirag_chat.ports import Delta, Params, TokenCount
from openai_server import FakeOpenAI, Script, answer_text


@pytest.fixture
async def client(openai: FakeOpenAI) -> AsyncIterator[LlmClient]:
    """Its patience outlasts a busy machine; a test of a model that falls silent has less."""
    client = LlmClient(silence=timedelta(seconds=30))
    yield client
    await client.close()


@pytest.fixture
async def impatient(openai: FakeOpenAI) -> AsyncIterator[LlmClient]:
    client = LlmClient(silence=timedelta(seconds=2))
    yield client
    await client.close()


async def parts_of(client: LlmClient, model: str, api_key: str | None = None) -> list[Delta | TokenCount]:
    params = Params(model, 0.3, 77, api_key)
    return [part async for part in client.stream(a_prompt(), params)]


def said(parts: list[Delta | TokenCount]) -> str:
    return "".join(part.text for part in parts if isinstance(part, Delta))


async def failure_of(client: LlmClient, model: str) -> tuple[str, str, list[Delta | TokenCount]]:
    """Code, sentence, and what came before."""
    parts: list[Delta | TokenCount] = []
    with pytest.raises(LlmFailure) as caught:
        async for part in client.stream(a_prompt(), Params(model, 0.3, 77)):
            parts.append(part)  # noqa: PERF401  # what came before the failure counts
    return caught.value.code, caught.value.detail, parts


async def test_answers_are_streamed_counted_and_many_at_once(client: LlmClient, openai: FakeOpenAI) -> None:
    parts = await parts_of(client, "openai/fake--tokens-12--gap-5", "sk-of-the-bot")
    assert said(parts) == answer_text(12)
    assert isinstance(parts[-1], TokenCount) and parts[-1].completion_tokens == 12
    assert openai.keys[-1] == "sk-of-the-bot"
    asked = openai.requests[-1]
    assert (asked["temperature"], asked["max_tokens"], asked["model"]) == (0.3, 77, "fake--tokens-12--gap-5")
    assert [message["role"] for message in asked["messages"]] == ["system", "user", "assistant", "user"]
    many = await asyncio.gather(*(parts_of(client, f"openai/fake--tokens-{n}--gap-2") for n in range(5, 25)))
    assert [said(one) for one in many] == [answer_text(n) for n in range(5, 25)]
    uncounted = await parts_of(client, "openai/fake--tokens-12--nousage")
    assert isinstance(uncounted[-1], TokenCount) and uncounted[-1].completion_tokens >= 12


async def test_a_piece_is_told_while_the_rest_has_not_come(client: LlmClient) -> None:
    unending = Params("openai/fake--tokens-12--stall-3", 0.3, 77)
    async with aclosing(client.stream(a_prompt(), unending)) as parts:
        first = await anext(parts)
    assert isinstance(first, Delta) and first.text and answer_text(3).startswith(first.text)


async def test_failures_are_told_by_our_own_codes_and_words(client: LlmClient) -> None:
    expected = {
        401: ("llm_authentication_failed", "LLM authentication failed: "),
        429: ("llm_rate_limited", "LLM rate limit exceeded: "),
        400: ("llm_context_exceeded", "LLM request refused: "),
        404: ("llm_request_refused", "LLM request refused: "),
        500: ("llm_unavailable", "LLM provider unavailable: "),
    }
    for status, (code, words) in expected.items():
        found, detail, parts = await failure_of(client, f"openai/fake--status-{status}")
        assert (found, parts) == (code, []) and detail.startswith(words)
        assert "secret" not in detail
    code, _, parts = await failure_of(client, "openai/fake--gap-10--cut-5")
    assert code == "llm_interrupted" and said(parts) == answer_text(5)
    assert isinstance(parts[-1], TokenCount) and parts[-1].completion_tokens >= 5


async def test_a_model_that_falls_silent_is_not_waited_for(impatient: LlmClient) -> None:
    code, detail, _ = await failure_of(impatient, "openai/fake--stall-0")
    assert code == "llm_timeout"
    assert detail.startswith("LLM request timed out: ")


async def test_a_killed_worker_ends_what_had_begun_and_is_replaced_for_the_rest(
    client: LlmClient, openai: FakeOpenAI
) -> None:
    await client.wait_ready()
    openai.script = Script(first=3_600_000)
    begun: list[str] = []

    async def begun_stream() -> None:
        async for part in client.stream(a_prompt(), Params("openai/fake--first-0--stall-1", 0, 100)):
            begun.append(part.text if isinstance(part, Delta) else "")  # noqa: PERF401  # watched while it grows

    running = asyncio.create_task(begun_stream())
    waiting = asyncio.create_task(parts_of(client, "openai/fake--tokens-3"))
    while not begun or openai.completions < 2:
        await asyncio.sleep(0.01)
    first_pid = client.pid
    assert first_pid is not None
    os.kill(first_pid, signal.SIGKILL)
    openai.script = Script()
    with pytest.raises(LlmInterrupted):
        await running
    assert said(await waiting) == answer_text(3)
    assert client.pid not in (None, first_pid)


async def test_who_stops_reading_stops_the_provider(client: LlmClient, openai: FakeOpenAI) -> None:
    params = Params("openai/fake--gap-20--tokens-1000", 0, 100)
    async with aclosing(client.stream(a_prompt(), params)) as parts:
        async for _ in parts:
            break
    async with asyncio.timeout(5):
        while openai.disconnects == 0:
            await asyncio.sleep(0.02)
    assert openai.open_streams == 0


async def test_closing_ends_the_worker(client: LlmClient) -> None:
    await client.wait_ready()
    pid = client.pid
    assert pid is not None
    await client.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_closing_ends_a_worker_that_is_just_being_started(
    client: LlmClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, go_on = WorkerProcess.start, asyncio.Event()
    started: list[WorkerProcess] = []

    async def slowly(on_message: Callable[[Message], None], on_lost: Callable[[], None]) -> WorkerProcess:
        started.append(await start(on_message, on_lost))
        await go_on.wait()
        return started[0]

    monkeypatch.setattr(WorkerProcess, "start", slowly)
    client.warm()
    while not started:
        await asyncio.sleep(0.01)
    closing = asyncio.create_task(client.close())
    await asyncio.sleep(0)
    go_on.set()
    await closing
    with pytest.raises(ProcessLookupError):
        os.kill(started[0].pid, 0)


def test_the_table_of_keys_agrees_with_litellm() -> None:
    """In another process, for the import's sake: every variable that LiteLLM names for a provider's model is ours."""
    code = """
import json, os, sys
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
for name in [name for name in os.environ if name.endswith(("_API_KEY", "_TOKEN"))]:
    del os.environ[name]
import litellm
print(json.dumps({p: litellm.validate_environment(p + "/some-model")["missing_keys"] for p in json.loads(sys.argv[1])}))
"""
    answer = subprocess.check_output(
        [sys.executable, "-c", code, json.dumps(sorted(KEY_VARIABLES))], text=True
    )
    named = json.loads(answer.splitlines()[-1])
    disagreeing = {
        provider: missing
        for provider, missing in named.items()
        if missing and not set(missing) & set(KEY_VARIABLES[provider])
    }
    assert disagreeing == {}
