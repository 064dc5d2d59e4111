"""What every container may and may not, as Docker tells it and as it shows inside."""

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from api import Tenant
from deployment import LASTING, SERVICES, Deployment, execute

IMAGES = (*SERVICES, "admin")
USER = "10001:10001"
LARGEST = {
    "gateway": 120,
    "ingest": 240,
    "retrieval": 430,
    "chat": 430,
    "webhooks": 110,
    "analytics": 110,
    "admin": 110,
}
"""Megabytes that an image may add to its base; deploy/docker/README.md has what it was when it was measured."""


def inside(deployment: Deployment, service: str, code: str) -> "subprocess.CompletedProcess[str]":
    """Python in a running container."""
    command = ["docker", "compose", "exec", "-T", service, "python", "-c", code]
    return subprocess.run(
        command, env=dict(deployment.environment), capture_output=True, text=True, timeout=60, check=False
    )


def declared(deployment: Deployment, *files: str) -> dict[str, Any]:
    """compose.yaml as Compose understands it, without what tests add."""
    names = [part for file in files for part in ("-f", file)]
    command = ["docker", "compose", *names, "--profile", "*", "config", "--format", "json"]
    folder = deployment.environment["COMPOSE_FILE"].split(":")[0].rpartition("/")[0]
    environment = {name: value for name, value in deployment.environment.items() if name != "COMPOSE_FILE"}
    done = subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, timeout=60, check=True
    )
    return dict(json.loads(done.stdout))


def test_everything_is_healthy(deployment: Deployment) -> None:
    assert {entry["name"]: entry["health"] for entry in deployment.status()} == dict.fromkeys(LASTING, "ok")


@pytest.mark.parametrize("name", LASTING)
def test_a_container_has_no_more_rights_than_it_needs(deployment: Deployment, name: str) -> None:
    found = deployment.container(name)
    host = found["HostConfig"]
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    needed = {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"} if name == "postgres" else set()
    assert {capability.removeprefix("CAP_") for capability in host["CapAdd"] or []} == needed
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert host["Memory"] and host["NanoCpus"] and host["PidsLimit"]
    assert host["RestartPolicy"]["Name"] == "unless-stopped"
    assert found["Config"]["User"] == ("" if name == "postgres" else USER)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_can_write_nowhere_but_in_tmp_and_is_nobody(deployment: Deployment, service: str) -> None:
    code = "import os; print(os.getuid(), [open('/proc/self/status').read().split('CapEff:')[1].split()[0]]); open('/tmp/x', 'w')"
    done = inside(deployment, service, code)
    assert done.stdout.startswith("10001 ['0000000000000000']"), done.stderr
    for path in ("/opt/minirag/x", "/etc/x", "/run/secrets/minirag/x"):
        assert "Read-only file system" in inside(deployment, service, f"open('{path}', 'w')").stderr


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_finds_its_own_secrets_only_and_none_in_its_environment(
    deployment: Deployment, service: str
) -> None:
    code = "import os, json; os.chdir('/run/secrets/minirag'); print(json.dumps({n: open(n).read() for n in os.listdir()}))"
    found = json.loads(inside(deployment, service, code).stdout)
    own = {
        "MINIRAG_DATABASE_URL",
        "MINIRAG_DATABASE_SYSTEM_URL",
        "MINIRAG_NATS_PASSWORD",
        "MINIRAG_SECRET_KEY",
    }
    assert set(found) == own | ({"QDRANT_API_KEY"} if service == "retrieval" else set())
    assert f"//{service}:" in found["MINIRAG_DATABASE_URL"]
    environment = " ".join(deployment.container(service)["Config"]["Env"])
    assert not [name for name, secret in found.items() if secret.strip() in environment]


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_holds_no_sibling_and_no_tool(deployment: Deployment, image: str) -> None:
    """As the build has proved; here for the images that are deployed."""
    others = [f"minirag_{name}" for name in SERVICES if name != image] if image != "admin" else []
    absent = [*others, "minirag_local", "pip", "pytest", "torch"]
    code = f"from importlib.util import find_spec; print([n for n in {absent!r} if find_spec(n)])"
    command = ["docker", "run", "--rm", "--network", "none", "--read-only", "--entrypoint", "python"]
    assert (
        execute([*command, deployment.image(image), "-c", code], deployment.environment, 60).strip() == "[]"
    )


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_says_what_it_is_and_is_not_too_large(
    deployment: Deployment, image: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = json.loads(
        execute(["docker", "image", "inspect", deployment.image(image)], deployment.environment, 30)
    )[0]
    labels = found["Config"]["Labels"]
    assert labels["org.opencontainers.image.title"] == f"minirag-{image}"
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert len(labels["org.opencontainers.image.revision"]) == 40
    base = labels["org.opencontainers.image.base.name"]
    below = json.loads(execute(["docker", "image", "inspect", base], deployment.environment, 30))[0]
    added = (found["Size"] - below["Size"]) / 1e6
    with capsys.disabled():
        print(f"\nminirag-{image}: {found['Size'] / 1e6:.0f} MB, {added:.0f} MB on top of {base}")
    assert added < LARGEST[image]


def test_only_the_gateway_can_be_reached_and_only_who_has_to_reaches_out(deployment: Deployment) -> None:
    services = declared(deployment, "compose.yaml")["services"]
    published = {name: service["ports"] for name, service in services.items() if service.get("ports")}
    assert set(published) == {"gateway", "caddy"}
    assert {port["host_ip"] for port in published["gateway"]} == {"127.0.0.1"}
    out = {name for name, service in services.items() if set(service.get("networks") or ()) - {"inside"}}
    assert out == {"gateway", "caddy", "ingest", "chat", "webhooks"}
    code = "import socket; socket.create_connection(('192.0.2.1', 443), timeout=3)"
    assert "unreachable" in inside(deployment, "analytics", code).stderr
    assert "unreachable" in inside(deployment, "retrieval", code).stderr


def test_no_password_is_written_down(deployment: Deployment) -> None:
    """Neither in what Compose was told nor by default."""
    services = declared(deployment, "compose.yaml", "compose.embedded-vectors.yaml")["services"]
    named = [
        f"{service}: {name}"
        for service, entry in services.items()
        for name in entry.get("environment") or {}
        if any(word in name for word in ("PASSWORD", "KEY", "TOKEN", "DATABASE_URL"))
        and not name.endswith("_FILE")
    ]
    assert named == []


def refused(deployment: Deployment, *arguments: str) -> str:
    """What `docker compose …` says, which has to fail."""
    done = subprocess.run(
        ["docker", "compose", *arguments],
        env=dict(deployment.environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    return done.stderr


def test_the_operators_commands_run_in_a_container(deployment: Deployment) -> None:
    assert "0 migrations were due" in deployment.run("run", "--rm", "setup")
    assert "is not empty" in refused(deployment, "run", "--rm", "secrets")


def test_who_starts_before_there_are_secrets_is_told_and_may_make_them_then(
    deployment: Deployment, tmp_path: Path
) -> None:
    folder = tmp_path / "secrets"
    before = Deployment({**deployment.environment, "MINIRAG_SECRETS": str(folder)})
    said = refused(before, "run", "--rm", "--no-deps", "admin", "tenants", "list")
    assert f"bind source path does not exist: {folder}/admin" in said
    assert not folder.exists()
    assert "holds every secret" in before.run("run", "--rm", "secrets")
    before.run("run", "--rm", "--entrypoint", "sh", "secrets", "-c", "rm -rf /secrets/*")


async def test_every_command_of_an_operator_is_at_hand(deployment: Deployment, tenant: Tenant) -> None:
    def admin(*arguments: str) -> str:
        return deployment.run("run", "--rm", "-T", "admin", *arguments)

    assert tenant.id in await asyncio.to_thread(admin, "tenants", "list")
    assert "Good for one sign-up" in await asyncio.to_thread(admin, "invite")
    assert "equals its rebuild" in await asyncio.to_thread(admin, "verify", "gateway")


def test_an_upgrade_to_the_same_version_disturbs_nobody(deployment: Deployment) -> None:
    before = {entry["name"]: entry["pid"] for entry in deployment.status()}
    said = deployment.script("upgrade")
    assert "0 migrations were due" in said
    assert {entry["name"]: entry["pid"] for entry in deployment.status()} == before
    assert "Reloaded server configuration" in deployment.run("logs", "nats")
    assert deployment.bus_violations() == []
