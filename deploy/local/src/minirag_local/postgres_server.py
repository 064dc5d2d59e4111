"""Postgres: making the cluster, and how its server is run. It listens on a unix socket only."""

import asyncio
import os
import shutil
import signal
import struct
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from minirag_local import binaries
from minirag_local.credentials import ADMIN, Credentials
from minirag_local.errors import StackError, UnhealthyError
from minirag_local.folder import (
    SOCKET_PATH_LIMIT,
    DataFolder,
    private_temporary_folder,
    public_temporary_folder,
)
from minirag_local.identity import Identity, OtherUser, identity_for_postgres, reachable
from minirag_local.process import Job, Probe, ProcessSpec
from minirag_local.settings import RootMode

PORT = 5432
"""Only part of the socket's name: no TCP port is opened."""

_PROTOCOL_3 = 196608

CONNECTIONS = 200
"""What is admitted at least."""

SERVER_SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "shared_buffers": "64MB",
    "max_wal_size": "512MB",
    "max_wal_senders": "2",
    "max_logical_replication_workers": "0",
    "max_parallel_workers": "0",
    "max_parallel_workers_per_gather": "0",
    # Reads from the page cache gain nothing from the three I/O processes that 18 would start.
    "io_method": "sync",
    "jit": "off",
    "password_encryption": "scram-sha-256",
    "log_min_messages": "warning",
    "log_line_prefix": "",
    "log_statement": "none",
    # A failing statement's text may carry a visitor's words: it stays out of the log.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
"""For many small transactions on a small machine; durability stays at Postgres' own defaults."""


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """How the cluster is reached; ``initdb`` has to make it first when there is none yet."""

    install: Path
    data: Path
    sockets: Path
    identity: Identity
    descriptor: int | None
    initdb: Job | None = None

    @property
    def reference(self) -> str:
        """The path by which the server itself reaches its data."""
        return str(self.data) if self.descriptor is None else f"/proc/self/fd/{self.descriptor}"

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What the server inherits."""
        return () if self.descriptor is None else (self.descriptor,)

    def spec(self, probe: Probe, connections: int = CONNECTIONS) -> ProcessSpec:
        """How the supervisor runs it; so many ``connections`` are admitted."""
        settings = SERVER_SETTINGS | {
            "unix_socket_directories": str(self.sockets),
            "max_connections": str(connections),
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return ProcessSpec(
            name="postgres",
            argv=(str(self.install / "bin" / "postgres"), "-D", self.reference, *options),
            environment=plain_environment(),
            after=("initdb",) if self.initdb else (),
            pass_fds=self.descriptors,
            assume=self.identity.assume,
            stop_signal=signal.SIGINT,  # fast shutdown: sessions are ended, everything is written
            death_signal=signal.SIGQUIT,  # immediate shutdown: the server takes its own children along
            probe=probe,
        )


def plain_environment() -> dict[str, str]:
    """What a server of somebody else's needs of our environment: nothing that configures or authenticates."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def prepare(folder: DataFolder, credentials: Credentials, sockets: Path, mode: RootMode) -> PostgresServer:
    """Choose who runs the server and let it reach its programs, data and sockets."""
    install = binaries.postgres_install()
    data = folder.postgres
    identity = identity_for_postgres(mode, install / "bin" / "postgres", data)
    if not reachable(identity, install / "bin" / "postgres"):
        install = copied_install(install)
    own_sockets = private_temporary_folder(public_temporary_folder()) if identity.separate else sockets
    identity.own(own_sockets)
    if len(os.fsencode(own_sockets / f".s.PGSQL.{PORT}")) > SOCKET_PATH_LIMIT:
        raise StackError(f"{own_sockets} is too long a path for a socket: set TMPDIR to a short one.")
    fresh = not data.exists()
    if fresh:
        data = data.with_name(data.name + ".new")
        if data.exists():  # an initdb that was killed
            shutil.rmtree(data)
        data.mkdir(mode=0o700)
    _hand_over(identity, data)
    descriptor = os.open(data, os.O_PATH | os.O_DIRECTORY) if identity.separate else None
    server = PostgresServer(install, folder.postgres, own_sockets, identity, descriptor)
    return replace(server, initdb=_initdb(server, data, credentials.postgres[ADMIN])) if fresh else server


def _hand_over(identity: Identity, data: Path) -> None:
    """Let the server own its files, also when the cluster was made under another identity."""
    owner = identity.uid if isinstance(identity, OtherUser) else os.geteuid()
    if data.stat().st_uid == owner:
        return
    if os.geteuid() != 0:
        raise StackError(
            f"{data} belongs to another user: run MiniRAG as that user, or choose another data folder."
        )
    for path in (data, *data.rglob("*")):
        if not path.is_symlink():
            identity.own(path)


def _initdb(server: PostgresServer, data: Path, password: str) -> Job:
    """Make the cluster under another name, and give it its own when it is complete."""
    password_file = os.memfd_create("password") if hasattr(os, "memfd_create") else _unnamed_file()
    os.write(password_file, password.encode())
    server.identity.own(password_file)
    command = (
        str(server.install / "bin" / "initdb"),
        f"--pgdata={data if server.descriptor is None else server.reference}",
        f"--username={ADMIN}",
        f"--pwfile=/dev/fd/{password_file}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
        "--no-sync",  # saves 3 s; the supervisor flushes it to the disk once everything is up
        "--no-instructions",
    )

    def complete() -> None:
        os.close(password_file)
        data.rename(server.data)

    return Job(
        name="initdb",
        argv=command,
        environment=plain_environment(),
        pass_fds=(password_file, *server.descriptors),
        assume=server.identity.assume,
        on_success=complete,
    )


def _unnamed_file() -> int:
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def copied_install(install: Path) -> Path:
    """A copy of the programs that any user can reach, made once a boot; the original's parents stay closed.

    The libraries beside the package are found relative to the programs, so they come along.
    """
    package = install.parent
    libraries = package.with_name(package.name + ".libs")
    parent = public_temporary_folder()
    target = parent / f"minirag-postgres-{binaries.postgres_major(install)}-{os.geteuid()}"
    copy = target / package.name / install.name
    if _trusted(target) and copy.exists():
        return copy
    building = private_temporary_folder(parent)
    (building / package.name).mkdir()
    for opened in (building, building / package.name):
        opened.chmod(0o755)
    ignore = shutil.ignore_patterns("include", "doc", "pgxs", "*.a", "__pycache__")
    shutil.copytree(install, building / package.name / install.name, symlinks=True, ignore=ignore)
    if libraries.is_dir():
        shutil.copytree(libraries, building / libraries.name, symlinks=True)
    try:
        building.rename(target)
    except OSError:  # somebody else's folder has the name, or an incomplete one of ours
        return building / package.name / install.name
    return copy


def _trusted(path: Path) -> bool:
    """Only what we made ourselves and nobody else can write is executed."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return False
    return (
        path.is_dir()
        and not path.is_symlink()
        and status.st_uid == os.geteuid()
        and status.st_mode & 0o022 == 0
    )


def database_url(sockets: str, role: str, password: str, database: str = "minirag") -> str:
    """Where a role logs in."""
    return f"postgresql://{role}:{password}@/{database}?host={sockets}&port={PORT}"


async def probe_socket(path: Path) -> None:
    """Send a start-up packet; raises UnhealthyError unless the server asks who we are."""
    try:
        reader, writer = await asyncio.open_unix_connection(path)
    except OSError as error:
        raise UnhealthyError("not listening") from error
    try:
        body = struct.pack("!I", _PROTOCOL_3) + f"user\0{ADMIN}\0database\0postgres\0\0".encode()
        writer.write(struct.pack("!I", len(body) + 4) + body)
        answer = await reader.read(1)
    except OSError as error:
        raise UnhealthyError("the connection broke") from error
    finally:
        writer.close()
    if answer != b"R":
        raise UnhealthyError("not accepting connections yet")
