"""The process table of the embedded stack: what is started, after what, with which environment."""

import os
from collections.abc import Mapping
from dataclasses import replace

from minirag_contracts.topology import SERVICES

from minirag_local import nats_server, postgres_server
from minirag_local.credentials import Credentials
from minirag_local.environment import inherited, python, service_environment
from minirag_local.folder import DataFolder
from minirag_local.health import probe_of
from minirag_local.process import Job, ProcessSpec, Program
from minirag_local.settings import StackSettings, operations_port_of
from minirag_local.state import Addresses

CONNECTIONS_OF_ONE = 16
"""Connections that one process of a service opens at most: its two pools and the leader's own."""
CONNECTIONS_BESIDE = 20
"""Connections for jobs, backups and people."""
GIVING_BACK = 2.0
"""Seconds in which a service's process that has drained gives back what has not ended, and ends."""


def build(
    settings: StackSettings,
    folder: DataFolder,
    credentials: Credentials,
    url: str,
    http_descriptor: int,
) -> tuple[list[Program], Addresses]:
    """Everything that one stack runs, and where it will listen."""
    environment = os.environ
    sockets = folder.socket_folder()
    postgres = postgres_server.prepare(folder, credentials, sockets, settings.root_mode)
    nats = nats_server.prepare(folder, credentials, settings.nats_port)
    vectors = None if environment.get("QDRANT_URL") else str(sockets / "vectors.sock")
    addresses = Addresses(url, nats.port, str(postgres.sockets), vectors)

    setup = _setup(folder, addresses, environment, "setup", gated_by=("nats", "postgres"))
    return_of_nats = _setup(folder, addresses, environment, "topology", "--only-bus")
    programs: list[Program] = [
        nats.spec(probe_of("nats", addresses, credentials), return_of_nats),
        *([postgres.initdb] if postgres.initdb else []),
        postgres.spec(probe_of("postgres", addresses, credentials), _connections(settings)),
        setup,
    ]
    if vectors:
        programs.append(_vectors(folder, addresses, credentials, environment))
    for service in SERVICES:
        spec = _service(service, folder, addresses, credentials, environment)
        if service == "gateway":
            handed_over = {"MINIRAG_HTTP_FD": str(http_descriptor)}
            spec = replace(spec, pass_fds=(http_descriptor,), environment={**spec.environment, **handed_over})
        programs += [_replica(spec, index, settings) for index in range(settings.replicas[service])]
    return programs, addresses


def _replica(spec: ProcessSpec, index: int, settings: StackSettings) -> ProcessSpec:
    """``chat``, ``chat-2``, ``chat-3``: alike but for their names and their operations ports; each has the time to drain."""
    environment = dict(spec.environment)
    if settings.operations_port:
        port = operations_port_of(spec.name, settings.operations_port, index)
        environment["MINIRAG_OPERATIONS_PORT"] = str(port)
    name = f"{spec.name}-{index + 1}" if index else spec.name
    return replace(spec, name=name, environment=environment, grace=settings.drain + GIVING_BACK)


def _connections(settings: StackSettings) -> int:
    """What Postgres has to admit: all that the services can open, and room for who asks beside them."""
    processes = sum(settings.replicas.values()) + 1  # the one that a rolling restart starts beside them
    return max(postgres_server.CONNECTIONS, processes * CONNECTIONS_OF_ONE + CONNECTIONS_BESIDE)


def _setup(
    folder: DataFolder,
    addresses: Addresses,
    environment: Mapping[str, str],
    name: str,
    *options: str,
    gated_by: tuple[str, ...] = (),
) -> Job:
    where = ("--nats", addresses.of("nats"), "--sockets", addresses.postgres_sockets, "--data", folder.root)
    command = python("-m", "minirag_local.setup", *where, *options)
    return Job(
        name=name, argv=command, environment=inherited(environment), after=gated_by, gated=bool(gated_by)
    )


def _vectors(
    folder: DataFolder, addresses: Addresses, credentials: Credentials, environment: Mapping[str, str]
) -> ProcessSpec:
    where = ("--socket", addresses.vectors or "", "--data", folder.vectors)
    return ProcessSpec(
        name="vectors",
        argv=python("-m", "minirag_retrieval.engine", *where),
        environment=inherited(environment),
        probe=probe_of("vectors", addresses, credentials),
        replaced="after",
    )


def _service(
    service: str,
    folder: DataFolder,
    addresses: Addresses,
    credentials: Credentials,
    environment: Mapping[str, str],
) -> ProcessSpec:
    return ProcessSpec(
        name=service,
        argv=python("-m", "minirag_local.launch", f"minirag_{service}"),
        environment=service_environment(service, folder, credentials, addresses, environment),
        after=("setup", "vectors") if service == "retrieval" and addresses.vectors else ("setup",),
        gated=True,
        probe=probe_of(service, addresses, credentials),
        replaced="beside",
    )
