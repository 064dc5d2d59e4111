"""MiniRAG in containers, with the handle that tests have on an embedded stack: as far as there is something to hold.

What only the embedded stack has (its data folder, its supervisor) skips the test that asks for it, and says so.
"""

import json
import os
import signal
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

import pytest

COMPOSE = Path(__file__).parents[2] / "deploy/compose"
PAGE = Path(__file__).parents[2] / "docs/installation.md"
ADDITION = Path(__file__).parents[1] / "docker/compose.tests.yaml"
HERE = os.environ.get("MINIRAG_E2E_HERE", "127.0.0.1")
"""The host under which what is deployed reaches the servers of the tests."""

LISTEN = "127.0.0.1" if HERE == "127.0.0.1" else "0.0.0.0"
"""Where those servers listen."""

SERVICES = ("gateway", "ingest", "retrieval", "chat", "webhooks", "analytics")
LASTING = (*SERVICES, "nats", "postgres", "vectors")
SCALED = tuple(service for service in SERVICES if service != "gateway")
"""What Compose can run several of: the gateway's port of the host is one container's."""


class DeploymentFailed(RuntimeError):
    """It did not become what the test waited for; the message carries what Docker said."""


@dataclass(frozen=True)
class Deployment:
    """A compose project of its own. ``environment`` is all that compose.yaml reads, so a child process finds it as well."""

    environment: Mapping[str, str]

    @classmethod
    def of_environment(cls) -> "Deployment | None":
        """The one that `make e2e-docker` has started; None where it did not."""
        return cls(dict(os.environ)) if os.environ.get("MINIRAG_E2E_URL") else None

    @property
    def url(self) -> str:
        """Of its gateway."""
        return self.environment["MINIRAG_E2E_URL"]

    @property
    def bus_url(self) -> str:
        """Of its NATS, from here."""
        return f"nats://127.0.0.1:{self.environment['MINIRAG_TEST_NATS_PORT']}"

    def secret(self, *parts: str) -> str:
        """The content of a file of secrets, which only who may use Docker can read."""
        return self.run(
            "run", "--rm", "-T", "--entrypoint", "cat", "secrets", "/".join(("/secrets", *parts))
        ).strip()

    @cached_property
    def bus_password(self) -> str:
        """Of the user who may do everything on the bus."""
        return self.secret("admin", "MINIRAG_NATS_PASSWORD")

    @cached_property
    def database_url(self) -> str:
        """Of its database as a superuser, from here."""
        port = self.environment["MINIRAG_TEST_POSTGRES_PORT"]
        return f"postgresql://minirag_admin:{self.secret('postgres', 'password')}@127.0.0.1:{port}/minirag"

    def run(self, *arguments: str, timeout: float = 300) -> str:
        """``docker compose …``; answers its output, raises with what it said when it fails."""
        return execute(["docker", "compose", *arguments], self.environment, timeout)

    def script(self, name: str, *arguments: str, timeout: float = 300) -> str:
        """One of the scripts beside compose.yaml."""
        return execute([str(COMPOSE / name), *arguments], self.environment, timeout)

    def documented(self, beginning: str) -> list[str]:
        """The commands of the first block after these words of the page for who runs it."""
        block = (
            PAGE.read_text(encoding="utf-8")
            .partition(beginning)[2]
            .partition("```bash\n")[2]
            .partition("```")[0]
        )
        return block.splitlines()

    def shell(self, line: str, timeout: float = 300) -> str:
        """A line of that page, typed where it says; what it calls `minirag` is this project."""
        line = line.replace("minirag_", self.environment["COMPOSE_PROJECT_NAME"] + "_")
        return execute(["sh", "-ec", f'cd "{COMPOSE}"\n{line}'], self.environment, timeout)

    def start(self) -> None:
        """Until every container is healthy."""
        self.run("up", "--wait", "--wait-timeout", "240")

    @contextmanager
    def told(self, variables: Mapping[str, str], back_to: "Deployment") -> "Iterator[Deployment]":
        """The same with other settings, for as long as it is needed: its services are replaced before and after.

        ``back_to`` is what it was before: this one, or what this one was told by somebody who still needs it.
        """
        asked = {name: value.replace("127.0.0.1", HERE) for name, value in variables.items()}
        services = ["chat"] if all(name.startswith("OPENAI_") for name in asked) else list(SERVICES)
        parts: dict[str, Any] = {service: {"environment": asked} for service in services}
        for service in SCALED if "MINIRAG_REPLICAS" in asked else ():
            parts[service]["deploy"] = {"replicas": int(asked["MINIRAG_REPLICAS"])}
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            json.dump({"services": parts}, file)  # which is YAML as it stands
            file.flush()
            files = os.pathsep.join((self.environment["COMPOSE_FILE"], file.name))
            other = Deployment({**self.environment, "COMPOSE_FILE": files})
            other.start()
            try:
                yield other
            finally:
                back_to.start()

    def stop(self) -> None:
        """Everything ends in order; volumes stay."""
        self.run("stop")

    def volumes(self) -> dict[str, str]:
        """Its disks, and when each was made."""
        project = self.environment["COMPOSE_PROJECT_NAME"]
        label = f"label=com.docker.compose.project={project}"
        names = execute(
            ["docker", "volume", "ls", "--quiet", "--filter", label], self.environment, 30
        ).split()
        found = json.loads(execute(["docker", "volume", "inspect", *names], self.environment, 30))
        return {volume["Name"].removeprefix(f"{project}_"): volume["CreatedAt"] for volume in found}

    def throw_away(self, *volumes: str) -> None:
        """The volumes of stopped containers; ``start`` makes them anew, and empty."""
        self.run("rm", "--stop", "--force")  # all of them: jobs that have ended hold volumes as well
        project = self.environment["COMPOSE_PROJECT_NAME"]
        names = [f"{project}_{volume}" for volume in volumes]
        execute(["docker", "volume", "rm", *names], self.environment, 30)

    def destroy(self) -> None:
        """Everything goes: containers, networks, volumes, secrets."""
        self.run(
            "--profile",
            "jobs",
            "--profile",
            "tls",
            "down",
            "--volumes",
            "--remove-orphans",
            "--timeout",
            "20",
        )
        folder = Path(self.environment["MINIRAG_SECRETS"])
        remove = [
            "docker",
            "run",
            "--rm",
            "--user",
            "0:0",
            "--volume",
            f"{folder}:/secrets",
            "--entrypoint",
            "sh",
        ]
        execute([*remove, self.image("admin"), "-c", "rm -rf /secrets/*"], self.environment, 60)

    def image(self, service: str) -> str:
        """The image of a service of ours."""
        registry, tag = (
            self.environment.get("MINIRAG_REGISTRY", ""),
            self.environment.get("MINIRAG_TAG", "0.1.0"),
        )
        return f"{registry}minirag-{service}:{tag}"

    def container(self, name: str) -> dict[str, Any]:
        """What Docker knows of a service's container; ``chat-2`` is the second of several."""
        service, _, number = name.partition("-")
        found = [container for called, container in self._named(service) if called == name]
        if not found:
            raise DeploymentFailed(f"there is no container of {service} number {number or 1}")
        return found[0]

    def _named(self, *services: str) -> list[tuple[str, dict[str, Any]]]:
        """The containers, each with a name like those of the embedded stack: ``chat``, ``chat-2``, ``chat-3``."""
        ids = self.run("ps", "--all", "--quiet", *services).split()
        found = json.loads(execute(["docker", "inspect", *ids], self.environment, 30)) if ids else []
        listed: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        for container in sorted(found, key=_number):
            listed[container["Config"]["Labels"]["com.docker.compose.service"]].append(container)
        return [
            (service if place == 1 else f"{service}-{place}", container)
            for service, containers in sorted(listed.items())
            for place, container in enumerate(containers, 1)
        ]

    def pid(self, name: str) -> int:
        """The first process of a service's container, as the host sees it; waits for one that is about to be started again."""
        return self._until(lambda: int(self.container(name)["State"]["Pid"]), f"{name} was not started again")

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal to it from outside of its container, where none is ignored; answers the pid that it had.

        `docker kill` would be taken for a wish that it stays stopped.
        """
        pid = self.pid(name)
        if os.geteuid() == 0 and self.container(name)["Id"] in _cgroup_of(
            pid
        ):  # the engine is on this machine
            os.kill(pid, number)
            return pid
        host = [
            "docker",
            "run",
            "--rm",
            "--pid",
            "host",
            "--network",
            "none",
            "--user",
            "0:0",
            "--entrypoint",
            "python",
        ]
        execute(
            [*host, self.image("admin"), "-c", f"import os; os.kill({pid}, {int(number)})"],
            self.environment,
            60,
        )
        return pid

    def status(self) -> list[dict[str, Any]]:
        """As ``minirag status --json`` has it: every lasting container with its pid, health and address."""
        return [self._entry(name, container["State"]) for name, container in self._named(*LASTING)]

    def _entry(self, name: str, state: Mapping[str, Any]) -> dict[str, Any]:
        health = (
            state.get("Health", {}).get("Status", state["Status"]) if state["Running"] else state["Status"]
        )
        return {
            "name": name,
            "pid": state["Pid"] or None,
            "health": "ok" if health == "healthy" else health,
            "address": {"nats": self.bus_url, "gateway": self.url}.get(name, ""),
        }

    def wait_healthy(self, timeout: float = 60.0) -> None:
        """Until every container says that it is well."""

        def well() -> bool:
            return {entry["health"] for entry in self.status()} == {"ok"}

        self._until(well, "not healthy", timeout)

    def _until(self, condition: Any, failure: str, timeout: float = 30.0) -> Any:
        deadline = time.monotonic() + timeout
        while not (found := condition()):
            if time.monotonic() > deadline:
                raise DeploymentFailed(f"{failure}: {self.status()}")
            time.sleep(0.2)
        return found

    def logs(self) -> str:
        """Everything that its containers have logged."""
        return self.run("logs", "--no-color", "--no-log-prefix")

    def bus_violations(self) -> list[str]:
        """What the bus refused to the services because their grants lack it: always nothing."""
        return [line for line in self.logs().splitlines() if "permissions violation" in line.lower()]

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(name)
        pytest.skip(f"needs `{name}` of the embedded stack, which containers do not have")


def _number(container: Mapping[str, Any]) -> int:
    """Compose's, which begins at 1 and has holes where containers were taken away."""
    return int(container["Config"]["Labels"]["com.docker.compose.container-number"])


def _cgroup_of(pid: int) -> str:
    """Which container a process of this machine is in; empty where there is no such process."""
    try:
        return Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8")
    except OSError:
        return ""


def execute(command: list[str], environment: Mapping[str, str], timeout: float) -> str:
    """The output of a command that has to succeed."""
    done = subprocess.run(
        command,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    if done.returncode != 0:
        raise DeploymentFailed(
            f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-4000:]}{done.stdout[-2000:]}"
        )
    return done.stdout
