"""values.schema.json refuses what cannot be meant, in a line that names the value."""

import json
from pathlib import Path

import pytest
import yaml
from rendered_chart import CHART, template, values_of

WRONG = {
    "a misspelt service": ({"services": {"chatt": {}}}, "services: Additional property chatt is not allowed"),
    "a misspelt setting": (
        {"services": {"chat": {"settings": {"MINIRAG_CHAT_TOPK": 3}}}},
        "services.chat.settings: Additional property MINIRAG_CHAT_TOPK is not allowed",
    ),
    "a setting of another service": (
        {"services": {"analytics": {"settings": {"MINIRAG_SIGNUP": "open"}}}},
        "services.analytics.settings: Additional property MINIRAG_SIGNUP is not allowed",
    ),
    "a secret among the settings": (
        {"common": {"settings": {"MINIRAG_SECRET_KEY": "x"}}},
        "common.settings: Additional property MINIRAG_SECRET_KEY is not allowed",
    ),
    "a secret among the variables": (
        {"services": {"chat": {"environment": {"OPENAI_API_KEY": "sk-1"}}}},
        'services.chat.environment: Property name of "OPENAI_API_KEY" does not match',
    ),
    "a setting among the variables": (
        {"common": {"environment": {"MINIRAG_LOG_LEVEL": "DEBUG"}}},
        'common.environment: Property name of "MINIRAG_LOG_LEVEL" does not match',
    ),
    "a setting out of range": (
        {"services": {"chat": {"settings": {"MINIRAG_CHAT_TOP_K": 51}}}},
        "services.chat.settings.MINIRAG_CHAT_TOP_K: Must be less than or equal to 50",
    ),
    "a duration in words": (
        {"services": {"chat": {"settings": {"MINIRAG_CHAT_TURN_LEASE": "5 seconds"}}}},
        "services.chat.settings.MINIRAG_CHAT_TURN_LEASE: Does not match pattern",
    ),
    "a number as text": (
        {"services": {"gateway": {"settings": {"MINIRAG_LIMIT_LOGINS": "20"}}}},
        "services.gateway.settings.MINIRAG_LIMIT_LOGINS: Invalid type. Expected: integer, given: string",
    ),
    "a choice that there is not": (
        {"services": {"gateway": {"settings": {"MINIRAG_SIGNUP": "everybody"}}}},
        "services.gateway.settings.MINIRAG_SIGNUP: services.gateway.settings.MINIRAG_SIGNUP must be one of",
    ),
    "an operator's job in words": (
        {"jobs": {"operator": "yes please"}},
        "jobs.operator: Invalid type. Expected: boolean, given: string",
    ),
    "no replica": (
        {"services": {"chat": {"replicas": 0}}},
        "services.chat.replicas: Must be greater than or equal to 1",
    ),
    "an unknown scaler": (
        {"services": {"chat": {"autoscaling": {"kind": "vpa"}}}},
        "services.chat.autoscaling.kind: services.chat.autoscaling.kind must be one of",
    ),
    "no time to drain": (
        {"services": {"ingest": {"terminationGracePeriodSeconds": 5}}},
        "services.ingest.terminationGracePeriodSeconds: Must be greater than or equal to 45",
    ),
    "an address that no probe reaches": (
        {"common": {"host": "127.0.0.1"}},
        "common.host: common.host must be one of",
    ),
    "authorities of two places": (
        {"common": {"authorities": {"configMap": "ours", "secret": "ours"}}},
        "common.authorities.secret: String length must be less than or equal to 0",
    ),
    "authorities of no key": (
        {"common": {"authorities": {"configMap": "ours", "key": ""}}},
        "common.authorities.key: Does not match pattern",
    ),
    "memory in words": (
        {"services": {"ingest": {"resources": {"limits": {"memory": "2 GB"}}}}},
        "services.ingest.resources.limits.memory: Does not match pattern",
    ),
    "a password in an address": (
        {"nats": {"url": "nats://chat:secret@nats:4222"}},
        "nats.url: Does not match pattern",
    ),
    "an address of another kind": ({"qdrant": {"url": "qdrant:6333"}}, "qdrant.url: Does not match pattern"),
    "two copies of a stream": ({"nats": {"replicas": 2}}, "nats.replicas: nats.replicas must be one of"),
    "a proxy that is no network": (
        {"gateway": {"trustedProxies": ["10.0.0.1"]}},
        "gateway.trustedProxies.0: Does not match pattern",
    ),
    "a traffic policy that there is not": (
        {"gateway": {"service": {"externalTrafficPolicy": "local"}}},
        "gateway.service.externalTrafficPolicy: gateway.service.externalTrafficPolicy must be one of",
    ),
    "a port that there is not": (
        {"gateway": {"service": {"port": 70000}}},
        "gateway.service.port: Must be less than or equal to 65535",
    ),
    "an ingress without hosts": (
        {"ingress": {"enabled": True}},
        "ingress.hosts: Array must have at least 1 items",
    ),
    "a route of no gateway": (
        {"gatewayApi": {"enabled": True}},
        "gatewayApi.parents: Array must have at least 1 items",
    ),
    "a peer that is misspelt": (
        {"networkPolicy": {"nats": {"to": [{"namespaceSelectors": {}}]}}},
        "networkPolicy.nats.to.0: Additional property namespaceSelectors is not allowed",
    ),
    "a way out of a service that there is not": (
        {"networkPolicy": {"extra": {"models": []}}},
        "networkPolicy.extra: Additional property models is not allowed",
    ),
    "a way out to everywhere": (
        {"networkPolicy": {"extra": {"chat": [{"to": [], "ports": [11434]}]}}},
        "networkPolicy.extra.chat.0.to: Array must have at least 1 items",
    ),
    "a way out without a port": (
        {"networkPolicy": {"extra": {"chat": [{"to": [{"podSelector": {}}]}]}}},
        "networkPolicy.extra.chat.0: ports is required",
    ),
    "a policy that would open all": (
        {"networkPolicy": {"postgres": {"to": []}}},
        "networkPolicy.postgres.to: Array must have at least 1 items",
    ),
    "a place of runbooks that no link leads to": (
        {"prometheusRule": {"runbooks": "docs/operations.md"}},
        "prometheusRule.runbooks: Does not match pattern",
    ),
    "a digest that is none": (
        {"image": {"digests": {"chat": "sha256:abc"}}},
        "image.digests.chat: Does not match pattern",
    ),
    "a spread that there is not": (
        {"spread": {"zones": "always"}},
        "spread.zones: spread.zones must be one of",
    ),
    "a Secret's name in capitals": (
        {"services": {"chat": {"secret": {"name": "MiniRAG"}}}},
        "services.chat.secret.name: Does not match pattern",
    ),
    "a value that there is not": ({"postgres": {}}, "(root): Additional property postgres is not allowed"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_value_is_refused_by_its_name(case: str, tmp_path: Path) -> None:
    values, sentence = WRONG[case]
    file = tmp_path / "wrong.yaml"
    file.write_text(yaml.safe_dump(values))
    done = template("-f", values_of("minimal"), "-f", file)
    assert done.returncode, case
    assert f"- {sentence}" in done.stderr, done.stderr
    assert not done.stdout


def test_the_two_addresses_have_no_default() -> None:
    done = template()
    assert done.returncode
    for name in ("nats.url", "qdrant.url", "networkPolicy.ingress.from"):
        assert f"- {name}: " in done.stderr


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            {"services": {"chat": {"autoscaling": {"kind": "hpa", "min": 7}}}},
            "services.chat.autoscaling.max (6) is less than its min (7)",
        ),
        (
            {"services": {"webhooks": {"autoscaling": {"kind": "keda"}}}},
            "keda.natsMonitoring has to say where",
        ),
    ],
)
def test_what_a_schema_cannot_say_the_templates_do(values: dict, sentence: str, tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(yaml.safe_dump(values))
    done = template("-f", values_of("minimal"), "-f", file)
    assert sentence in done.stderr


def test_every_object_of_the_schema_is_closed() -> None:
    """But for maps of labels, annotations, variables and prices, whose names are the operator's."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    open_ones: list[str] = []

    def visit(part: object, path: str) -> None:
        if isinstance(part, dict):
            if part.get("type") == "object" and "additionalProperties" not in part:
                open_ones.append(path)
            for key, value in part.items():
                visit(value, f"{path}/{key}")
        elif isinstance(part, list):
            for number, value in enumerate(part):
                visit(value, f"{path}/{number}")

    visit(schema, "")
    assert sorted(open_ones) == [
        "/definitions/chatSettings/properties/MINIRAG_PRICES",
        "/definitions/labelSelector/properties/matchExpressions/items",
        "/definitions/service/properties/settings",  # each service closes its own
        "/properties/common/properties/tolerations/items",
        "/properties/global",
    ]
