"""compose.yaml names what there is: images that are built, settings that are read; and gives no right that is not needed."""

import importlib
import re
from datetime import timedelta
from typing import Any

import pytest
import yaml
from minirag_contracts.topology import SERVICES
from minirag_service.settings import Duration
from pydantic import TypeAdapter
from source_tree import ROOT

FOLDER = ROOT / "deploy/compose"
TEXT = (FOLDER / "compose.yaml").read_text(encoding="utf-8")
PARTS: dict[str, dict[str, Any]] = yaml.safe_load(TEXT)["services"]
JOBS = {"setup", "migrate-post", "admin", "keys", "secrets", "volumes"}
WATCHING = yaml.safe_load((FOLDER / "compose.observability.yaml").read_text(encoding="utf-8"))
WATCHERS: dict[str, dict[str, Any]] = {
    name: WATCHING["services"][name] for name in ("prometheus", "collector")
}
IMAGES = {path.stem for path in (ROOT / "requirements/services").glob("*.in")}


def names_of(service: str) -> set[str]:
    """The variables that a service's settings read."""
    settings = importlib.import_module(f"minirag_{service}.settings").Settings
    found: set[str] = set()
    for name, field in settings.model_fields.items():
        alias = field.validation_alias
        found |= set(alias.choices) if alias is not None else {f"MINIRAG_{name.upper()}"}
    return found


def test_every_service_is_there_with_an_image_that_is_built() -> None:
    ours = {name: re.search(r"minirag-(\w+):", part["image"]) for name, part in PARTS.items()}
    built = {name: found[1] for name, found in ours.items() if found}
    assert {name: image for name, image in built.items() if name in SERVICES} == {
        name: name for name in SERVICES
    }
    assert set(built.values()) <= IMAGES
    assert set(PARTS) - set(built) == {"nats", "postgres", "qdrant", "caddy"}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_reads_what_it_is_told(service: str) -> None:
    told = set(PARTS[service]["environment"])
    assert told <= names_of(service), told - names_of(service)
    assert PARTS[service]["environment"]["MINIRAG_NATS_USER"] == service


@pytest.mark.parametrize("service", SERVICES)
def test_what_runs_has_its_time_before_it_is_killed(service: str) -> None:
    period = TypeAdapter(Duration).validate_python(PARTS[service]["stop_grace_period"].removesuffix("s"))
    drain = TypeAdapter(Duration).validate_python(PARTS[service]["environment"]["MINIRAG_DRAIN"])
    assert drain + timedelta(seconds=10) == period


@pytest.mark.parametrize("name", [*PARTS, *WATCHERS])
def test_a_container_has_no_right_by_default(name: str) -> None:
    part = (PARTS | WATCHERS)[name]
    assert part["read_only"] is True
    assert part["cap_drop"] == ["ALL"]
    assert part["security_opt"] == ["no-new-privileges:true"]
    assert part["restart"] == ("no" if name in JOBS else "unless-stopped")
    assert name in JOBS or set(part["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}


def test_what_lasts_starts_when_what_it_needs_is_well() -> None:
    for name in SERVICES:
        needs = {other: entry["condition"] for other, entry in PARTS[name]["depends_on"].items()}
        assert needs["setup"] == "service_completed_successfully"
        assert needs["nats"] == needs["postgres"] == "service_healthy"


def test_nobody_but_who_makes_the_secrets_makes_their_folders() -> None:
    """`up` before `secrets` has to fail: root's empty folders would keep `secrets` from making anything."""
    mounts = {
        name: [m for m in part.get("volumes", ()) if "MINIRAG_SECRETS" in str(m)]
        for name, part in PARTS.items()
    }
    assert all(
        mount["bind"] == {"create_host_path": False}
        for name, found in mounts.items()
        for mount in found
        if name != "secrets"
    )
    assert {name for name, found in mounts.items() if found} >= {
        *SERVICES,
        "nats",
        "postgres",
        "qdrant",
        "admin",
    }


def test_the_vector_server_is_of_the_version_that_its_client_is_made_for() -> None:
    """An older one refuses what the adapter asks: it needs 1.19 and is tested with the locked client."""
    lock = (ROOT / "requirements/services/retrieval.lock").read_text(encoding="utf-8")
    client = re.search(r"^qdrant-client==(\d+\.\d+)\.", lock, re.MULTILINE)
    server = re.search(r":v(\d+\.\d+)\.\d+\}$", PARTS["qdrant"]["image"])
    assert client and server and server[1] == client[1]


def test_prometheus_asks_every_service_where_its_image_answers() -> None:
    image = (ROOT / "deploy/docker/Dockerfile").read_text(encoding="utf-8")
    port = int(re.findall(r"MINIRAG_OPERATIONS_PORT=(\d+)", image)[0])
    configuration = yaml.safe_load((FOLDER / "prometheus.yml").read_text(encoding="utf-8"))
    jobs = {job["job_name"]: job["dns_sd_configs"] for job in configuration["scrape_configs"]}
    assert jobs == {name: [{"names": [name], "type": "A", "port": port}] for name in SERVICES}
    mounted = {volume["target"]: volume["source"] for volume in WATCHERS["prometheus"]["volumes"][:2]}
    for rules in configuration["rule_files"]:
        assert (FOLDER / mounted[f"/etc/prometheus/{rules}"]).is_file()


def test_the_collector_takes_what_services_send_and_hands_it_to_who_is_named() -> None:
    configuration = yaml.safe_load((FOLDER / "collector.yaml").read_text(encoding="utf-8"))
    listens = configuration["receivers"]["otlp"]["protocols"]["http"]["endpoint"]
    for service in SERVICES:
        sends = WATCHING["services"][service]["environment"]["OTEL_EXPORTER_OTLP_ENDPOINT"]
        assert sends == f"${{MINIRAG_TRACES_TO:+http://collector:{listens.rpartition(':')[2]}}}"
    (exporter,) = configuration["service"]["pipelines"]["traces"]["exporters"]
    assert configuration["exporters"][exporter]["endpoint"] == "${env:MINIRAG_TRACES_TO}"
    assert "MINIRAG_TRACES_TO" in WATCHERS["collector"]["environment"]


def test_every_variable_is_told_to_who_runs_it() -> None:
    told = (ROOT / "docs/installation.md").read_text(encoding="utf-8")
    texts = [path.read_text(encoding="utf-8") for path in FOLDER.glob("compose*.yaml")]
    named = set(re.findall(r"\$\{([A-Z_]+)", "".join(texts)))
    assert {name for name in named if f"`{name}`" not in told} == set()
