"""What one object says of another is so: selectors, ports, probes, volumes, accounts, targets, consumers."""

import shutil
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from minirag_contracts.topology import CONSUMERS, SERVICES
from minirag_service.settings import Duration
from minirag_service.telemetry.operations import Operations
from pydantic import TypeAdapter
from rendered_chart import (
    CHART,
    NAMESPACE,
    RELEASE,
    Rendered,
    containers,
    environment,
    ports,
    template,
    values_of,
)

SERVED = set(Operations()._answers)
MARGIN = 10
"""Seconds in which a pod that has drained gives back what has not ended, and ends."""


def test_every_service_has_a_deployment_that_selects_its_own_pods(chart: Rendered) -> None:
    assert set(chart.services()) == set(SERVICES)
    for name, deployment in chart.kind("Deployment").items():
        labels = deployment["spec"]["selector"]["matchLabels"]
        assert chart.selected(labels) == {f"Deployment/{name}"}


def test_services_find_pods_and_ports(chart: Rendered) -> None:
    pods = dict(chart.pods())
    found = chart.kind("Service")
    reached = {name: chart.selected(each["spec"]["selector"]) for name, each in found.items()}
    assert reached == {
        "minirag-gateway": {"Deployment/minirag-gateway"},
        "minirag-operations": {f"Deployment/minirag-{service}" for service in SERVICES},
    }
    for name, service in found.items():
        for port in service["spec"]["ports"]:
            assert all(port["targetPort"] in ports(pods[pod]) for pod in reached[name]), (name, port)


def test_ports_of_containers_are_those_where_services_listen(chart: Rendered) -> None:
    for service, pod in chart.services().items():
        (container,) = pod["spec"]["containers"]
        variables = environment(container)
        listened = {"operations": int(variables["MINIRAG_OPERATIONS_PORT"])}
        assert variables["MINIRAG_OPERATIONS_HOST"] == "0.0.0.0"
        if service == "gateway":
            listened["http"] = int(variables["MINIRAG_PORT"])
            assert variables["MINIRAG_HOST"] == "0.0.0.0"
        assert ports(pod) == listened


def test_pods_listen_on_ipv6_where_a_cluster_has_it() -> None:
    for service, pod in Rendered("-f", values_of("minimal"), "--set", "common.host=::").services().items():
        variables = environment(pod["spec"]["containers"][0])
        assert variables["MINIRAG_OPERATIONS_HOST"] == "::"
        assert variables.get("MINIRAG_HOST") == ("::" if service == "gateway" else None)


def test_probes_ask_what_the_operations_port_serves(chart: Rendered) -> None:
    for pod in chart.services().values():
        (container,) = pod["spec"]["containers"]
        asked = {name: container[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
        assert {each["port"] for each in asked.values()} == {"operations"}
        assert {each["path"] for each in asked.values()} <= SERVED
        assert asked["liveness"]["path"] == "/live"
        assert asked["readiness"]["path"] == "/ready"


def test_mounts_name_volumes_and_secrets_are_read_only(chart: Rendered) -> None:
    for name, pod in chart.pods():
        volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
        assert {"secrets", "tmp"} <= set(volumes)
        mounted = {mount["name"]: mount for each in containers(pod) for mount in each.get("volumeMounts", ())}
        assert set(mounted) == set(volumes), name
        folder = environment(pod["spec"]["containers"][0])["MINIRAG_SECRETS_DIR"]
        assert (mounted["secrets"]["mountPath"], mounted["secrets"]["readOnly"]) == (folder, True)
        assert volumes["secrets"]["secret"]["secretName"].startswith("minirag-")
        data = environment(pod["spec"]["containers"][0]).get("MINIRAG_DATA_DIR")
        assert data == mounted.get("data", {}).get("mountPath")


def test_no_two_services_share_a_secret(chart: Rendered) -> None:
    names = [
        next(
            volume["secret"]["secretName"] for volume in pod["spec"]["volumes"] if volume["name"] == "secrets"
        )
        for pod in chart.services().values()
    ]
    assert len(set(names)) == len(SERVICES)


def test_accounts_exist_and_carry_no_token(chart: Rendered) -> None:
    accounts = chart.kind("ServiceAccount")
    used = {pod["spec"]["serviceAccountName"] for _, pod in chart.pods()}
    assert used == set(accounts)
    assert not any(each["automountServiceAccountToken"] for each in accounts.values())
    assert not any(pod["spec"]["automountServiceAccountToken"] for _, pod in chart.pods())


def test_every_container_is_locked_down_and_limited(chart: Rendered) -> None:
    for name, pod in chart.pods():
        whole = pod["spec"]["securityContext"]
        assert (whole["runAsUser"], whole["runAsNonRoot"]) == (10001, True)
        assert whole["seccompProfile"] == {"type": "RuntimeDefault"}
        for each in containers(pod):
            own = each["securityContext"]
            assert own["readOnlyRootFilesystem"], name
            assert not own["allowPrivilegeEscalation"], name
            assert own["capabilities"] == {"drop": ["ALL"]}, name
            assert "memory" in each["resources"]["limits"], name
            assert {"cpu", "memory"} <= set(each["resources"]["requests"]), name


def test_images_are_those_of_the_service(chart: Rendered, keda: Rendered) -> None:
    for service, pod in chart.services().items():
        image = pod["spec"]["containers"][0]["image"].partition("@")[0].rsplit("/", 1)[-1].partition(":")[0]
        assert image == f"minirag-{service}"
        assert (
            "/" in pod["spec"]["containers"][0]["image"]
        )  # no example leaves out where a cluster has it from
    pinned = keda.services()["gateway"]["spec"]["containers"][0]["image"]
    assert pinned == f"registry.example.com:5000/minirag-gateway@sha256:{'0f' * 32}"


def test_what_runs_has_all_of_a_pods_grace_but_what_it_takes_to_give_it_back(chart: Rendered) -> None:
    for service, pod in chart.services().items():
        (container,) = pod["spec"]["containers"]
        drain = TypeAdapter(Duration).validate_python(environment(container)["MINIRAG_DRAIN"]).total_seconds()
        assert ("lifecycle" in container) == (service == "gateway")
        before = container["lifecycle"]["preStop"]["sleep"]["seconds"] if service == "gateway" else 0
        assert before + drain + MARGIN == pod["spec"]["terminationGracePeriodSeconds"], service
        assert drain >= 30, service  # a model that talks for long is not cut off by an upgrade


def test_a_pod_without_time_to_drain_is_refused() -> None:
    made = template("-f", values_of("minimal"), "--set", "gateway.preStopSeconds=70")
    assert made.returncode
    assert "services.gateway.terminationGracePeriodSeconds leaves -5 s" in made.stderr


def test_nothing_is_taken_away_before_its_successor_is_ready(chart: Rendered) -> None:
    for deployment in chart.kind("Deployment").values():
        assert deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_scaled_deployments_leave_their_replicas_to_who_scales(chart: Rendered) -> None:
    targets = {
        each["spec"]["scaleTargetRef"]["name"]
        for kind in ("HorizontalPodAutoscaler", "ScaledObject")
        for each in chart.kind(kind).values()
    }
    deployments = chart.kind("Deployment")
    assert targets <= set(deployments)
    for name, deployment in deployments.items():
        assert ("replicas" in deployment["spec"]) == (name not in targets), name
        assert (
            "cpu" in deployment["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]
        )  # what a utilisation is a part of


def test_keda_asks_about_consumers_of_the_topology(keda: Rendered) -> None:
    """Of reactors: a second replica does not make a projector faster."""
    found = keda.kind("ScaledObject")
    assert set(found) == {"minirag-gateway", "minirag-chat", "minirag-webhooks"}
    reactors = {
        (f"minirag-{spec.service}", spec.stream, spec.durable) for spec in CONSUMERS if spec.kind == "reactor"
    }
    asked = {
        (name, trigger["metadata"]["stream"], trigger["metadata"]["consumer"])
        for name, each in found.items()
        for trigger in each["spec"]["triggers"]
        if trigger["type"] == "nats-jetstream"
    }
    assert asked == {each for each in reactors if each[0] in found}
    assert asked


def test_disruption_budgets_select_one_service_each(production: Rendered, keda: Rendered) -> None:
    for chart in (production, keda):
        budgets = chart.kind("PodDisruptionBudget")
        assert len(budgets) == len(SERVICES)
        for name, each in budgets.items():
            assert chart.selected(each["spec"]["selector"]["matchLabels"]) == {f"Deployment/{name}"}


def test_spread_counts_pods_of_the_same_service(production: Rendered) -> None:
    for name, pod in production.pods():
        if not name.startswith("Deployment/"):
            continue
        rules = pod["spec"]["topologySpreadConstraints"]
        assert [rule["topologyKey"] for rule in rules] == [
            "kubernetes.io/hostname",
            "topology.kubernetes.io/zone",
        ]
        for rule in rules:
            assert production.selected(rule["labelSelector"]["matchLabels"]) == {name}


def test_ways_in_lead_to_a_port_of_the_gateway(production: Rendered, keda: Rendered) -> None:
    (route,) = production.kind("HTTPRoute").values()
    service = production.kind("Service")["minirag-gateway"]
    (backend,) = route["spec"]["rules"][0]["backendRefs"]
    assert backend == {"name": "minirag-gateway", "port": service["spec"]["ports"][0]["port"]}
    (ingress,) = keda.kind("Ingress").values()
    hosts = {rule["host"] for rule in ingress["spec"]["rules"]}
    assert hosts == set(ingress["spec"]["tls"][0]["hosts"]) == {"rag.example.com", "widget.example.com"}
    for rule in ingress["spec"]["rules"]:
        reached = rule["http"]["paths"][0]["backend"]["service"]
        assert reached == {"name": "minirag-gateway", "port": {"name": "http"}}


@pytest.mark.parametrize("kind", ["NodePort", "LoadBalancer"])
def test_the_gateway_sees_its_clients_addresses_where_no_proxy_tells_them(
    kind: str, production: Rendered
) -> None:
    """By them logins are limited; a Service inside the cluster may not say such a thing at all."""
    assert "externalTrafficPolicy" not in production.kind("Service")["minirag-gateway"]["spec"]
    asked = ("-f", values_of("minimal"), "--set", f"gateway.service.type={kind}")
    service = Rendered(*asked).kind("Service")["minirag-gateway"]
    assert (service["spec"]["type"], service["spec"]["externalTrafficPolicy"]) == (kind, "Local")
    assert kubernetes_validate.validate(service, "1.31", strict=True)
    any_node = Rendered(*asked, "--set", "gateway.service.externalTrafficPolicy=Cluster")
    assert any_node.kind("Service")["minirag-gateway"]["spec"]["externalTrafficPolicy"] == "Cluster"


def test_a_service_monitor_finds_the_operations_port(production: Rendered) -> None:
    (monitor,) = production.kind("ServiceMonitor").values()
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    found = [
        each for each in production.kind("Service").values() if wanted <= each["metadata"]["labels"].items()
    ]
    assert [each["metadata"]["name"] for each in found] == ["minirag-operations"]
    assert monitor["spec"]["namespaceSelector"] == {"matchNames": [NAMESPACE]}
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint["path"] in SERVED
    assert endpoint["port"] in {port["name"] for port in found[0]["spec"]["ports"]}
    assert monitor["metadata"]["labels"]["release"] == "prometheus"


def test_alerts_are_those_of_the_observability_folder(tmp_path: Path) -> None:
    """A chart without the file says so; Prometheus' own templates in it are not taken for helm's."""
    chart = Path(shutil.copytree(CHART, tmp_path / "minirag"))
    alerts = chart / "files/alerts.yml"
    alerts.unlink(missing_ok=True)
    asked = ("-f", values_of("production"), "--set", "prometheusRule.enabled=true")
    refused = template(*asked, chart=chart)
    assert "prometheusRule.enabled: this chart carries no alerts" in refused.stderr
    rule = {"alert": "Gone", "expr": "up == 0", "annotations": {"summary": "{{ $labels.job }} is gone."}}
    groups = [{"name": "minirag", "rules": [rule]}]
    alerts.write_text(yaml.safe_dump({"groups": groups}))
    made = [each for each in yaml.safe_load_all(template(*asked, chart=chart).stdout) if each]
    (found,) = [each for each in made if each["kind"] == "PrometheusRule"]
    assert found["spec"]["groups"] == groups
    schema = yaml.safe_load((Path(__file__).parent / "schemas/PrometheusRule.yaml").read_text())
    jsonschema.Draft202012Validator(schema).validate(found)


def test_alerts_lead_to_runbooks_that_can_be_opened() -> None:
    page = "https://git.example.com/minirag/docs/operations.md"
    asked = ("-f", values_of("minimal"), "--set", "prometheusRule.enabled=true")
    told, as_they_are = (
        [
            rule["annotations"]["runbook_url"]
            for rule in next(iter(chart.kind("PrometheusRule").values()))["spec"]["groups"][0]["rules"]
        ]
        for chart in (Rendered(*asked, "--set", f"prometheusRule.runbooks={page}"), Rendered(*asked))
    )
    assert told == [url.replace("docs/operations.md", page) for url in as_they_are]
    assert {url.partition("#")[0] for url in told} == {page}


def test_jobs_run_around_an_upgrade(chart: Rendered) -> None:
    jobs = chart.kind("Job")
    told = {
        name: (
            each["metadata"]["annotations"]["helm.sh/hook"],
            each["spec"]["template"]["spec"]["containers"],
        )
        for name, each in jobs.items()
    }
    assert {name: (hook, box[0]["args"]) for name, (hook, box) in told.items()} == {
        f"{RELEASE}-setup": ("pre-install,pre-upgrade", ["setup"]),
        f"{RELEASE}-migrate-post": ("post-upgrade", ["migrate", "--phase", "post"]),
    }
    waits = jobs[f"{RELEASE}-migrate-post"]["spec"]["template"]["spec"]["initContainers"][-1]["command"][-1]
    longest = max(pod["spec"]["terminationGracePeriodSeconds"] for pod in chart.services().values())
    assert waits == f"import time; time.sleep({longest + 15})"


def test_what_the_jobs_need_is_there_before_them(chart: Rendered) -> None:
    """Helm makes hooks before all else, in the order of their weights."""
    needed: list[dict[str, Any]] = [
        chart.kind("ServiceAccount")["minirag-admin"],
        chart.kind("NetworkPolicy")["minirag-admin"],
    ]
    for each in needed:
        notes = each["metadata"]["annotations"]
        assert notes["helm.sh/hook"] == "pre-install,pre-upgrade"
        assert int(notes["helm.sh/hook-weight"]) < 0


def test_an_operator_has_a_pod_to_run_commands_in_and_it_never_runs_by_itself(chart: Rendered) -> None:
    (cron,) = chart.kind("CronJob").values()
    assert cron["spec"]["suspend"] is True
    assert "annotations" not in cron["metadata"]  # no hook: it is there from the installation on
    pod = dict(chart.pods())[f"CronJob/{RELEASE}-admin"]
    (container,) = pod["spec"]["containers"]
    assert container["command"] == ["sleep", "3600"]
    assert "args" not in container
    (setup,) = chart.kind("Job")[f"{RELEASE}-setup"]["spec"]["template"]["spec"]["containers"]
    ends = {"command", "args"}
    assert {k: v for k, v in container.items() if k not in ends} == {
        k: v for k, v in setup.items() if k not in ends
    }


def test_an_operator_may_do_without() -> None:
    assert not Rendered("-f", values_of("minimal"), "--set", "jobs.operator=false").kind("CronJob")


@pytest.mark.parametrize("value", ["jobs.setup", "jobs.post"])
def test_a_job_can_be_left_to_the_operator(value: str) -> None:
    left = Rendered("-f", values_of("minimal"), "--set", f"{value}=false").kind("Job")
    assert len(left) == 1
