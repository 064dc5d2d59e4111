"""Prometheus and the collector of compose.observability.yaml: where they would be, and that who is there reaches what they ask.

Their images cannot be had where this is run without a registry: they themselves are not started.
"""

import json
import os
from pathlib import Path
from typing import Any

import yaml
from deployment import COMPOSE, SERVICES, Deployment

FETCH = """
import json, sys, urllib.request
for target in json.loads(sys.argv[1]):
    print(urllib.request.urlopen(f"http://{target}/metrics", timeout=10).read().decode())
"""


def watched(deployment: Deployment, **variables: str) -> dict[str, Any]:
    """The services as Compose understands them together with it."""
    files = (
        *deployment.environment["COMPOSE_FILE"].split(os.pathsep),
        COMPOSE / "compose.observability.yaml",
    )
    environment = {**deployment.environment, **variables, "COMPOSE_FILE": os.pathsep.join(map(str, files))}
    found = Deployment(environment).run("--profile", "*", "config", "--format", "json")
    return dict(json.loads(found)["services"])


def test_who_watches_is_inside_and_reached_on_the_loopback_only(deployment: Deployment) -> None:
    services = watched(deployment)
    for name in ("prometheus", "collector"):
        assert "inside" in services[name]["networks"]
        for mount in services[name]["volumes"]:
            assert mount["type"] == "volume" or Path(mount["source"]).is_file()
    assert {port["host_ip"] for port in services["prometheus"]["ports"]} == {"127.0.0.1"}
    assert not services["collector"].get("ports")


def test_traces_are_made_where_a_receiver_is_named(deployment: Deployment) -> None:
    services = watched(deployment, MINIRAG_TRACES_TO="https://traces.example")
    sent = {services[name]["environment"]["OTEL_EXPORTER_OTLP_ENDPOINT"] for name in SERVICES}
    assert sent == {"http://collector:4318"}
    assert services["collector"]["environment"]["MINIRAG_TRACES_TO"] == "https://traces.example"
    unnamed = watched(deployment)
    assert {unnamed[name]["environment"]["OTEL_EXPORTER_OTLP_ENDPOINT"] for name in SERVICES} == {""}


def test_what_prometheus_asks_answers_inside(deployment: Deployment) -> None:
    jobs = yaml.safe_load((COMPOSE / "prometheus.yml").read_text(encoding="utf-8"))["scrape_configs"]
    found = [entry for job in jobs for entry in job["dns_sd_configs"]]
    targets = json.dumps([f"{entry['names'][0]}:{entry['port']}" for entry in found])
    said = deployment.run("exec", "-T", "analytics", "python", "-c", FETCH, targets)
    for service in SERVICES:
        assert f'minirag_service_info{{service="{service}"' in said
