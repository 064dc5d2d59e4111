"""NetworkPolicies: nothing is reachable but what has to be, and by nobody else."""

from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

import pytest
from minirag_contracts.topology import SERVICES
from minirag_service.egress.addresses import is_public
from rendered_chart import Rendered, environment, ports, values_of

WEB = {"chat", "ingest", "webhooks"}
ADDRESSES = (
    "10.1.2.3", "172.20.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254", "127.0.0.1", "0.0.0.0", "224.0.0.1",
    "::1", "fe80::1", "fd00::1", "ff02::1", "::ffff:10.0.0.1", "64:ff9b::a00:1",
    "93.184.216.34", "8.8.8.8", "2606:2800:220:1::1",
)  # fmt: skip


def rules_for(chart: Rendered, component: str, way: str) -> list[dict[str, Any]]:
    return chart.kind("NetworkPolicy")[f"minirag-{component}"]["spec"][way]


def reaches(rules: list[dict[str, Any]], address: str) -> bool:
    """Whether a block of addresses in them holds this one."""
    blocks = [peer["ipBlock"] for rule in rules for peer in rule["to"] if "ipBlock" in peer]
    number = ip_address(address)
    return any(
        number in ip_network(block["cidr"])
        and not any(number in ip_network(n) for n in block.get("except", ()))
        for block in blocks
    )


def test_everything_is_closed_first(chart: Rendered) -> None:
    closed = chart.kind("NetworkPolicy")["minirag-closed"]["spec"]
    assert closed["policyTypes"] == ["Ingress", "Egress"]
    assert not {"ingress", "egress"} & set(closed)
    assert chart.selected(closed["podSelector"]["matchLabels"]) == {name for name, _ in chart.pods()}


def test_each_service_and_the_jobs_have_a_policy_of_their_own(chart: Rendered) -> None:
    policies = {name: each["spec"] for name, each in chart.kind("NetworkPolicy").items()}
    assert set(policies) == {f"minirag-{name}" for name in (*SERVICES, "admin", "closed")}
    for service in SERVICES:
        selected = chart.selected(policies[f"minirag-{service}"]["podSelector"]["matchLabels"])
        assert selected == {f"Deployment/minirag-{service}"}
    jobs = {f"{kind}/{name}" for kind in ("Job", "CronJob") for name in chart.kind(kind)}
    assert chart.selected(policies["minirag-admin"]["podSelector"]["matchLabels"]) == jobs


def test_only_the_gateway_is_reachable_and_only_at_its_port(chart: Rendered) -> None:
    pods = chart.services()
    for service in SERVICES:
        named = {port["port"] for rule in rules_for(chart, service, "ingress") for port in rule["ports"]} - {
            "operations"
        }
        assert named == ({"http"} if service == "gateway" else set())
        assert named <= set(ports(pods[service]))
        assert all(rule["from"] for rule in rules_for(chart, service, "ingress"))
    assert rules_for(chart, "admin", "ingress") == []


def test_the_operations_port_is_for_monitoring_alone(production: Rendered, keda: Rendered) -> None:
    monitoring = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]
    for service in SERVICES:
        (rule,) = [
            rule
            for rule in rules_for(production, service, "ingress")
            if {"protocol": "TCP", "port": "operations"} in rule["ports"]
        ]
        assert rule["from"] == monitoring
        assert (
            not [  # the third set names nobody
                rule
                for rule in rules_for(keda, service, "ingress")
                if {"protocol": "TCP", "port": "operations"} in rule["ports"]
            ]
        )


def test_stores_are_reached_at_the_ports_of_their_addresses(chart: Rendered) -> None:
    for service, pod in chart.services().items():
        variables = environment(pod["spec"]["containers"][0])
        opened = {port["port"] for rule in rules_for(chart, service, "egress") for port in rule["ports"]}
        needed = {urlsplit(variables["MINIRAG_NATS_URL"]).port or 4222, 5432, 53}
        if service == "retrieval":
            needed.add(urlsplit(variables["QDRANT_URL"]).port or 6333)
        else:
            assert "QDRANT_URL" not in variables
            assert 6333 not in opened
        assert needed <= opened, service


def test_who_has_business_on_the_web_reaches_what_is_public(chart: Rendered) -> None:
    for service in (*SERVICES, "admin"):
        rules = rules_for(chart, service, "egress")
        public = {address for address in ADDRESSES if reaches(rules, address)}
        wanted = {address for address in ADDRESSES if is_public(ip_address(address))}
        assert public == (wanted if service in WEB else set()), service


@pytest.mark.parametrize("service", ["ingest", "webhooks"])
def test_a_private_network_is_reached_where_it_is_named(keda: Rendered, service: str) -> None:
    assert reaches(rules_for(keda, service, "egress"), "10.20.3.4")
    assert not reaches(rules_for(keda, service, "egress"), "10.21.3.4")
    pod = keda.services()[service]
    assert environment(pod["spec"]["containers"][0])["MINIRAG_EGRESS_ALLOW"] == "10.20.0.0/16"


def test_a_model_server_in_the_cluster_is_reached_by_who_needs_it_alone(keda: Rendered) -> None:
    pod = keda.services()["chat"]
    url = urlsplit(environment(pod["spec"]["containers"][0])["OPENAI_BASE_URL"])
    _, namespace, *_ = (url.hostname or "").split(".")
    there = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    wanted = {
        "to": [{**there, "podSelector": {"matchLabels": {"app": "vllm"}}}],
        "ports": [{"protocol": "TCP", "port": url.port}],
    }
    reaching = [name for name in (*SERVICES, "admin") if wanted in rules_for(keda, name, "egress")]
    assert reaching == ["chat"]


def test_they_can_be_left_out() -> None:
    assert not Rendered("-f", values_of("minimal"), "--set", "networkPolicy.enabled=false").kind(
        "NetworkPolicy"
    )
