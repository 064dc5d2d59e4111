"""Writes ``deploy/observability/dashboard.json`` for Grafana: ``python tools/grafana.py`` (``--check`` only compares)."""

import json
import sys
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[1] / "deploy" / "observability" / "dashboard.json"

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH, HEIGHT, ACROSS = 8, 8, 24


def quantile(share: float, histogram: str, by: str = "", where: str = "") -> str:
    """The time that this share of what a histogram counts is faster than."""
    labels = f"le, {by}" if by else "le"
    return (
        f"histogram_quantile({share}, sum by ({labels}) (rate({histogram}_bucket{where}[$__rate_interval])))"
    )


def rate(counter: str, by: str, where: str = "") -> str:
    """How much there is in a second."""
    return f"sum by ({by}) (rate({counter}{where}[$__rate_interval]))"


HTTP, SERVED, ASKED = (
    "minirag_http_request_seconds",
    "minirag_rpc_server_seconds",
    "minirag_rpc_client_seconds",
)
EVENTS, WORK, FIRST = (
    "minirag_event_handling_seconds",
    "minirag_work_seconds",
    "minirag_stream_first_token_seconds",
)
MODELS, EMBEDDING = "minirag_llm_seconds", "minirag_embedding_seconds"
HOOKS, LOOP, WAITS = (
    "minirag_webhook_attempt_seconds",
    "minirag_loop_lag_seconds",
    "minirag_database_acquire_seconds",
)

POOL = 'minirag_database_connections{state="used"} / ignoring (state) minirag_database_connections{state="limit"}'

Panel = tuple[str, str, list[tuple[str, str]]]
"""Title, unit, and each line's expression and name."""

ROWS: list[tuple[str, list[Panel]]] = [
    (
        "Is it well?",
        [
            ("Ready processes", "short", [("sum by (job) (minirag_ready)", "{{job}}")]),
            ("Checks that fail", "short", [("minirag_check == 0", "{{job}} {{instance}} {{check}}")]),
            ("Leaders", "short", [("sum by (job) (minirag_leads)", "{{job}}")]),
        ],
    ),
    (
        "HTTP",
        [
            ("Requests by status", "reqps", [(rate(f"{HTTP}_count", "status"), "{{status}}")]),
            (
                "Requests by route",
                "reqps",
                [(f"topk(15, {rate(f'{HTTP}_count', 'method, route')})", "{{method}} {{route}}")],
            ),
            (
                "Failures by route",
                "reqps",
                [(rate(f"{HTTP}_count", "method, route", '{status="5xx"}'), "{{method}} {{route}}")],
            ),
            (
                "Time to answer",
                "s",
                [(quantile(share, HTTP), f"p{share * 100:.0f}") for share in (0.5, 0.95, 0.99)],
            ),
            ("Slowest routes (p95)", "s", [(f"topk(10, {quantile(0.95, HTTP, 'route')})", "{{route}}")]),
            ("Open streams", "short", [("sum(minirag_open_streams)", "streams")]),
        ],
    ),
    (
        "Chat",
        [
            (
                "First piece of a streamed answer",
                "s",
                [(quantile(s, FIRST), f"p{s * 100:.0f}") for s in (0.5, 0.95)],
            ),
            (
                "First piece from the model (p95)",
                "s",
                [(quantile(0.95, "minirag_llm_first_token_seconds", "model"), "{{model}}")],
            ),
            (
                "Answers of models",
                "reqps",
                [(rate(f"{MODELS}_count", "provider, outcome"), "{{provider}} {{outcome}}")],
            ),
            (
                "Tokens",
                "short",
                [(rate("minirag_llm_tokens_total", "model, direction"), "{{model}} {{direction}}")],
            ),
            (
                "Cost of an hour",
                "currencyUSD",
                [("sum by (model) (increase(minirag_llm_cost_usd_total[1h]))", "{{model}}")],
            ),
            ("Embedded texts", "short", [(rate("minirag_embedded_texts_total", "kind"), "{{kind}}")]),
            ("Embedding (p95)", "s", [(quantile(0.95, EMBEDDING, "kind"), "{{kind}}")]),
        ],
    ),
    (
        "Between the services",
        [
            ("Requests served", "reqps", [(rate(f"{SERVED}_count", "job, outcome"), "{{job}} {{outcome}}")]),
            (
                "Slowest requests (p95)",
                "s",
                [(f"topk(10, {quantile(0.95, SERVED, 'job, verb')})", "{{job}} {{verb}}")],
            ),
            (
                "Requests that failed at the asker",
                "reqps",
                [(rate(f"{ASKED}_count", "service, verb", '{outcome="failed"}'), "{{service}} {{verb}}")],
            ),
            ("Events published", "short", [(rate("minirag_events_published_total", "stream"), "{{stream}}")]),
            ("Relay: events that wait", "short", [("minirag_relay_lag_events", "{{job}}")]),
            ("Relay: age of the oldest", "s", [("minirag_relay_lag_seconds", "{{job}}")]),
            (
                "Consumers: events behind",
                "short",
                [("minirag_consumer_lag_events", "{{durable}} of {{stream}}")],
            ),
            (
                "Events handled",
                "short",
                [(rate(f"{EVENTS}_count", "durable, outcome"), "{{durable}} {{outcome}}")],
            ),
            ("Handling an event (p95)", "s", [(quantile(0.95, EVENTS, "durable"), "{{durable}}")]),
        ],
    ),
    (
        "Work",
        [
            (
                "Waiting and running",
                "short",
                [('minirag_work_items{state=~"waiting|running|stuck"}', "{{kind}} {{state}}")],
            ),
            ("Longest due", "s", [("minirag_work_oldest_seconds", "{{kind}}")]),
            ("Attempts", "short", [(rate(f"{WORK}_count", "kind, outcome"), "{{kind}} {{outcome}}")]),
            ("Duration (p95)", "s", [(quantile(0.95, WORK, "kind"), "{{kind}}")]),
            ("Dead letters", "short", [("minirag_dead_letters > 0", "{{job}} {{kind}}")]),
            ("Webhook calls", "reqps", [(rate(f"{HOOKS}_count", "outcome"), "{{outcome}}")]),
        ],
    ),
    (
        "Processes",
        [
            (
                "CPU",
                "percentunit",
                [(rate("process_cpu_seconds_total", "job, instance"), "{{job}} {{instance}}")],
            ),
            ("Memory", "bytes", [("process_resident_memory_bytes", "{{job}} {{instance}}")]),
            ("Event loop late (p99)", "s", [(quantile(0.99, LOOP, "job, instance"), "{{job}} {{instance}}")]),
            (
                "Database connections in use",
                "percentunit",
                [
                    (POOL, "{{job}} {{instance}} {{pool}}"),
                ],
            ),
            ("Wait for a connection (p95)", "s", [(quantile(0.95, WAITS, "job, pool"), "{{job}} {{pool}}")]),
            ("Events recorded", "short", [(rate("minirag_events_appended_total", "job"), "{{job}}")]),
        ],
    ),
]


def dashboard() -> dict[str, Any]:
    """The whole of it."""
    panels: list[dict[str, Any]] = []
    y = 0
    for title, row in ROWS:
        panels.append(
            {
                "id": len(panels) + 1,
                "type": "row",
                "title": title,
                "gridPos": {"h": 1, "w": ACROSS, "x": 0, "y": y},
            }
        )
        y += 1
        for number, panel in enumerate(row):
            x = number * WIDTH % ACROSS
            panels.append(_panel(len(panels) + 1, panel, x, y + number * WIDTH // ACROSS * HEIGHT))
        y += -(-len(row) * WIDTH // ACROSS) * HEIGHT
    return {
        "uid": "minirag",
        "title": "MiniRAG",
        "tags": ["minirag"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {
            "list": [
                {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Prometheus"}
            ]
        },
        "panels": panels,
    }


def _panel(number: int, panel: Panel, x: int, y: int) -> dict[str, Any]:
    title, unit, lines = panel
    return {
        "id": number,
        "type": "timeseries",
        "title": title,
        "datasource": SOURCE,
        "gridPos": {"h": HEIGHT, "w": WIDTH, "x": x, "y": y},
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + place), "datasource": SOURCE, "expr": expression, "legendFormat": legend}
            for place, (expression, legend) in enumerate(lines)
        ],
    }


def main() -> None:
    """Write, or compare."""
    text = json.dumps(dashboard(), indent=1) + "\n"
    if "--check" not in sys.argv:
        PAGE.write_text(text, encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != text:
        sys.exit("deploy/observability/dashboard.json is not what tools/grafana.py writes: run it.")


if __name__ == "__main__":
    main()
