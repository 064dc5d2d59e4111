"""``make e2e-docker``: the images, a deployment of them by Compose, and every test that can be run against it.

Where no Docker engine can be had it says so, and that nothing was proved, and succeeds. ``MINIRAG_DOCKER=required`` fails there.
"""

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from container_engines import free_port
from deployment import ADDITION, COMPOSE, Deployment, execute

ROOT = Path(__file__).parents[2]
NATS_IMAGES = ("nats:2-alpine", "nats:2")
EVENT_CORE = ("libs/eventstore/tests", "libs/messaging/tests")


def main() -> int:
    """The exit status."""
    missing = why_not()
    if missing:
        print(f"The proof in containers did NOT run, and proved nothing: {missing}")
        return int(os.environ.get("MINIRAG_DOCKER") == "required")
    timed("images", lambda: execute([str(ROOT / "deploy/docker/build")], os.environ, 3600))
    folder = Path(tempfile.mkdtemp(prefix="minirag-e2e-"))
    deployment = Deployment(environment_for(folder))
    try:
        timed("secrets", lambda: deployment.run("run", "--rm", "secrets"))
        timed("up --wait", deployment.start)
        failed = [name for name, *arguments in suites() if pytest(deployment, name, arguments) != 0]
        if failed:
            print("\n".join(("== what the services warned of", *warnings(deployment))))
    finally:
        if os.environ.get("MINIRAG_E2E_KEEP"):
            print(f"Kept: project {deployment.environment['COMPOSE_PROJECT_NAME']}, secrets in {folder}")
        else:
            deployment.destroy()
            shutil.rmtree(folder, ignore_errors=True)
    print(f"The proof in containers {'FAILED: ' + ', '.join(failed) if failed else 'passed.'}")
    return int(bool(failed))


def why_not() -> str:
    """What is missing to run containers; empty where nothing is."""
    for command in (["docker", "version"], ["docker", "compose", "version"], ["docker", "buildx", "version"]):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"`{' '.join(command)}`: {type(error).__name__}."
        if done.returncode != 0:
            return f"`{' '.join(command)}`: {(done.stderr or done.stdout).strip().splitlines()[-1]}"
    return ""


def environment_for(folder: Path) -> dict[str, str]:
    """Everything that compose.yaml and the tests read, for a project of its own."""
    port, files = free_port(), (COMPOSE / "compose.yaml", COMPOSE / "compose.embedded-vectors.yaml", ADDITION)
    return {
        **os.environ,
        "COMPOSE_PROJECT_NAME": f"minirag-e2e-{secrets.token_hex(3)}",
        "COMPOSE_FILE": os.pathsep.join(map(str, files)),
        "MINIRAG_SECRETS": str(folder / "secrets"),
        "MINIRAG_SIGNUP": "open",
        "MINIRAG_PORT": str(port),
        "MINIRAG_FRONT_PREFIX": os.environ.get("MINIRAG_FRONT_PREFIX")
        or f"172.31.{16 + secrets.randbelow(224)}",
        "MINIRAG_NATS_IMAGE": os.environ.get("MINIRAG_NATS_IMAGE") or nats_image(),
        "MINIRAG_TEST_NATS_PORT": str(free_port()),
        "MINIRAG_TEST_POSTGRES_PORT": str(free_port()),
        "MINIRAG_E2E_URL": f"http://127.0.0.1:{port}",
        "MINIRAG_E2E_HERE": "host.docker.internal",
    }


def nats_image() -> str:
    """One that is here already, else the one that compose.yaml names, which is fetched."""
    here = (
        name
        for name in NATS_IMAGES
        if not subprocess.run(
            ["docker", "image", "inspect", name], capture_output=True, check=False
        ).returncode
    )
    return next(here, NATS_IMAGES[0])


def suites() -> list[tuple[str, ...]]:
    """What is run, in this order: after tests/docker the deployment is one that was restored, which has to do as well."""
    chosen = os.environ.get("MINIRAG_E2E_SUITES", "docker event-core e2e").split()
    known = {"e2e": ("tests/e2e",), "docker": ("tests/docker",), "event-core": EVENT_CORE}
    return [(name, *known[name]) for name in chosen]


def pytest(deployment: Deployment, name: str, arguments: list[str]) -> int:
    """The status of a run of pytest."""
    print(f"\n== {name}", flush=True)
    engines = {"MINIRAG_TEST_ENGINES": "containers"} if name == "event-core" else {}
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:xdist", *arguments, *sys.argv[1:]]
    environment = {**deployment.environment, **engines, "MINIRAG_DOCKER": "1"}
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def warnings(deployment: Deployment) -> list[str]:
    """The last of what they have logged above information."""
    marks = ('"level": "warning"', '"level": "error"')
    return [line for line in deployment.logs().splitlines() if any(mark in line for mark in marks)][-300:]


def timed(name: str, action: object) -> None:
    """Do it, and say how long it took."""
    began = time.monotonic()
    action()  # type: ignore[operator]
    print(f"{name}: {time.monotonic() - began:.1f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
