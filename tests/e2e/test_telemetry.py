"""What an operator sees of a running system: one trace of one turn, metrics of every service, and nobody's words in any of it."""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import promql
import pytest
from minirag_contracts.topology import SERVICES, STREAM_OF
from otlp import tree
from prometheus_client.parser import text_string_to_metric_families
from receiver import receiving
from telemetry import QUESTION, TEXT, Looked, Turn, looked_at, one_turn

PAGE = Path(__file__).parents[2] / "docs/operations.md"

ONLY_IN_BAD_TIMES = {"5xx", "failed", "again"}
"""Values of labels that a healthy system does not tell; tests of the libraries see each of them counted."""


@dataclass(frozen=True, slots=True)
class World:
    looked: Looked
    turn: Turn
    metrics: dict[str, str]


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Looked]:
    with looked_at(tmp_path_factory.mktemp("telemetry")) as looked:
        yield looked


@pytest.fixture(scope="module")
def world(looked: Looked) -> World:
    """One turn, and the metrics once the next look at what waits has been taken."""

    async def live() -> World:
        async with receiving() as receiver, httpx.AsyncClient(base_url=looked.stack.url, timeout=60) as http:
            turn = await one_turn(looked, http, receiver)
            assert (await http.get("/zebrafinch/in/a/path")).status_code == 404
            return World(looked, turn, await settled(looked))

    return asyncio.run(live())


async def settled(looked: Looked) -> dict[str, str]:
    """The metrics once what waits was looked at and there is nothing, or what they are after a while."""
    metrics: dict[str, str] = {}
    for _ in range(40):
        metrics = await looked.metrics()
        text = "".join(metrics.values())
        seen = text.count("minirag_relay_lag_events 0.0") == len(STREAM_OF)
        if seen and "minirag_consumer_lag_events{" in metrics["analytics"]:
            break
        await asyncio.sleep(0.25)
    return metrics


async def test_one_trace_of_one_turn_goes_from_the_request_to_the_webhook(world: World) -> None:
    spans = world.turn.spans
    shown = "\n" + tree(spans)
    by_id = {span.span_id: span for span in spans}
    roots = [span for span in spans if not span.parent_id]
    assert [root.name for root in roots] == ["POST /v1/chat"], shown
    assert all(span.parent_id in by_id for span in spans if span.parent_id), shown
    assert {span.service.removeprefix("minirag-") for span in spans} >= {
        *("gateway", "chat", "retrieval", "webhooks", "analytics")
    }, shown
    for wanted in (
        ("gateway", "chat.turns.start", "client"),
        ("chat", "chat.turns.start", "server"),
        ("chat", "transaction", "internal"),
        ("chat", "publish chat.message.created", "producer"),
        ("chat", "work turn", "consumer"),
        ("retrieval", "retrieval.search", "server"),
        ("retrieval", "embed query", "internal"),
        ("retrieval", "vector query", "client"),
        ("chat", "chat minirag/extractive", "client"),
        ("chat", "publish chat.message.completed", "producer"),
        ("analytics", "process chat.message.completed", "consumer"),
        ("webhooks", "process chat.message.completed", "consumer"),
        ("webhooks", "work delivery", "consumer"),
        ("webhooks", "webhook attempt", "client"),
    ):
        assert wanted in {(s.service.removeprefix("minirag-"), s.name, s.kind) for s in spans}, (
            wanted,
            shown,
        )
    assert not any(span.failed for span in spans), shown


async def test_an_ingestion_is_one_trace_as_well(world: World) -> None:
    traces: dict[str, set[str]] = {}
    for span in world.looked.collector.spans:
        traces.setdefault(span.trace_id, set()).add(f"{span.service.removeprefix('minirag-')} {span.name}")
    wanted = {
        "gateway POST /v1/sources/{source_id}/ingest",
        "ingest work ingestion",
        "retrieval embed batch",
        "retrieval publish index.version.activated",
        "analytics process source.ingest.completed",
    }
    assert any(wanted <= names for names in traces.values()), traces


async def test_the_receiver_of_a_webhook_can_join_the_trace(world: World) -> None:
    [attempt] = [span for span in world.turn.spans if span.name == "webhook attempt"]
    assert world.turn.call.headers["traceparent"][:53] == f"00-{world.turn.trace_id}-{attempt.span_id}-"
    assert attempt.attributes["http.response.status_code"] == 204


async def test_the_model_is_told_by_the_conventions_and_without_the_prompt(world: World) -> None:
    [asked] = [span for span in world.turn.spans if span.name == "chat minirag/extractive"]
    assert asked.attributes["gen_ai.operation.name"] == "chat"
    assert asked.attributes["gen_ai.provider.name"] == "minirag"
    assert asked.attributes["gen_ai.usage.output_tokens"] > 0


async def test_a_problem_its_log_lines_and_its_trace_have_one_id(world: World) -> None:
    async with httpx.AsyncClient(base_url=world.looked.stack.url, timeout=60) as http:
        given = "4bf92f3577b34da6a3ce929d0e0e4736"
        answer = await http.get(
            "/v1/bot-profiles/019a0000-0000-7000-8000-000000000000",
            headers={**world.turn.tenant.headers, "traceparent": f"00-{given}-00f067aa0ba902b7-01"},
        )
    assert answer.status_code == 404
    assert answer.json()["trace_id"] == answer.headers["x-request-id"] == given
    spans = await asyncio.to_thread(world.looked.collector.wait, given, lambda found: len(found) >= 3)
    assert {span.service for span in spans} == {"minirag-gateway", "minirag-chat"}
    [request] = [span for span in spans if span.kind == "server" and span.service == "minirag-gateway"]
    assert request.parent_id == "00f067aa0ba902b7"
    assert f'"trace_id": "{given}"' in world.looked.stack.logs()
    assert f'"trace_id": "{world.turn.trace_id}"' in world.looked.stack.logs()


async def test_nobodys_words_keys_and_tokens_are_in_spans_metrics_and_logs(world: World) -> None:
    """The question, the knowledge, the answer, a path, the token, the webhook's secret, the mail address."""
    turn = world.turn
    assert "Borkum" in turn.answer
    canaries = [
        "zebrafinch",
        "Borkum",
        "lighthouse",
        turn.tenant.token,
        turn.secret,
        ".example",
        QUESTION,
        TEXT,
    ]
    told = {
        "spans": b"".join(world.looked.collector.raw).decode("latin-1"),
        "metrics": "".join(world.metrics.values()),
        "logs": world.looked.stack.logs(),
    }
    assert all(len(text) > 1000 for text in told.values())
    found = [(canary, where) for canary in canaries for where, text in told.items() if canary in text]
    assert found == []
    assert turn.tenant.id not in told["metrics"]


async def test_every_service_tells_its_metrics(world: World) -> None:
    for service in SERVICES:
        families = {family.name for family in text_string_to_metric_families(world.metrics[service])}
        assert {"minirag_ready", "minirag_rpc_server_seconds", "minirag_loop_lag_seconds"} <= families, (
            service
        )
        assert f'minirag_service_info{{service="{service}"}} 1.0' in world.metrics[service]
        assert (await world.looked.get(service, "/ready")).status_code == 200


async def test_figures_are_those_of_what_happened(world: World) -> None:
    gateway, chat = world.metrics["gateway"], world.metrics["chat"]
    assert 'minirag_http_request_seconds_count{method="POST",route="/v1/chat",status="2xx"} 2.0' in gateway
    assert 'route="unmatched",status="4xx"' in gateway
    assert "minirag_stream_first_token_seconds_count 1.0" in gateway
    assert "minirag_open_streams 0.0" in gateway
    assert 'minirag_llm_tokens_total{direction="completion",model="minirag/extractive"' in chat
    assert 'minirag_work_seconds_count{kind="turn",outcome="done"} 2.0' in chat
    assert "minirag_relay_lag_events 0.0" in chat
    assert 'minirag_work_items{kind="turn",state="stuck"} 0.0' in chat
    assert 'minirag_dead_letters{kind="delivery"} 0.0' in world.metrics["webhooks"]
    assert 'minirag_webhook_attempt_seconds_count{outcome="taken"} 2.0' in world.metrics["webhooks"]
    assert 'minirag_embedding_seconds_count{kind="query",outcome="ok"} 2.0' in world.metrics["retrieval"]
    assert "minirag_consumer_lag_events{durable=" in world.metrics["analytics"]


async def test_every_metric_and_label_of_alerts_and_dashboard_exists(world: World) -> None:
    """A name that nobody tells any more would be an alert that never fires."""
    told: dict[str, set[str]] = {name: set() for name in promql.OF_PROMETHEUS}
    values: set[str] = set()
    for text in world.metrics.values():
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                told.setdefault(sample.name, set()).update(sample.labels)
                values.update(sample.labels.values())
    asked = list(promql.questions())
    unknown = {name for question in asked for name in question.matched if name not in told}
    assert unknown == set()
    for question in asked:
        labels = set.union(*(told[name] for name in question.matched)) | promql.OF_TARGETS
        assert question.labels <= labels, question.text
        for name, matched in question.matched.items():
            assert set(matched) <= told[name] | promql.OF_TARGETS, question.text
            assert set(matched.values()) <= values | ONLY_IN_BAD_TIMES | {""}, question.text


@pytest.mark.parametrize("gone", SERVICES)
async def test_a_service_whose_processes_tell_nothing_is_missed(world: World, gone: str) -> None:
    (rule,) = [rule for rule in promql.alerts() if rule["alert"] == "MiniragServiceGone"]

    told = [
        (service, sample)
        for service, text in world.metrics.items()
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]

    def missed(among: set[str]) -> list[dict[str, str]]:
        samples: dict[str, list[dict[str, str]]] = {}
        for service, sample in told:
            if service in among:
                samples.setdefault(sample.name, []).append(sample.labels)
        return promql.missed(rule["expr"], samples)

    assert missed(set(SERVICES)) == []
    assert missed(set(SERVICES) - {gone}) == [{"service": gone}]


async def test_the_page_tells_every_metric_and_no_other(world: World) -> None:
    page = set(re.findall(r"\bminirag_[a-z_]+", PAGE.read_text(encoding="utf-8"))) - {"minirag_service"}
    told = {
        family.name + ("_total" if family.type == "counter" else "")
        for text in world.metrics.values()
        for family in text_string_to_metric_families(text)
        if family.name.startswith("minirag_")
    }
    assert page == told


async def test_the_figures_have_few_series_and_a_small_answer(world: World) -> None:
    """Whatever a tenant writes makes no new series: what it takes is bounded by routes, verbs and kinds."""
    for service, text in world.metrics.items():
        assert len(text) < 200_000, service
