"""Fixtures for every test of the project: a real Postgres, a real NATS, and databases of one's own.

``MINIRAG_TEST_POSTGRES_URL`` (a superuser's) puts another server in the place of the embedded one, and
``MINIRAG_TEST_ENGINES=containers`` a Postgres and a NATS in containers (tests/support/container_engines.py).
"""

import asyncio
import gc
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import asyncpg
import certifi
import psutil
import pytest
from minirag_contracts.topology import SERVICES
from minirag_eventstore import Database
from minirag_eventstore.migrate import Migration, migrate, migrations_of, prepare_database
from minirag_local import kernel, postgres_server
from minirag_local.credentials import ADMIN, Credentials
from minirag_local.folder import DataFolder
from minirag_local.process import Program
from minirag_messaging import Bus, topology
from minirag_messaging import testing as messaging_testing
from minirag_messaging.testing import NatsServer, start_guarded_nats

OWNER = "minirag_owner"
PORT = postgres_server.PORT
PASSWORD = secrets.token_hex(16)

ROOM = 3 * 1024**3
"""Bytes that have to be free in memory for a worker's server: its log of changes, and the few databases of a moment."""
WHOLE_STACKS = {"e2e", "browser"}

IN_CONTAINERS = os.environ.get("MINIRAG_TEST_ENGINES", "wheels") == "containers"

DatabaseFactory = Callable[..., Awaitable[Database]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole stacks first: their files take long, and one that begins last keeps a worker busy while the other has none left."""
    items.sort(key=lambda item: WHOLE_STACKS.isdisjoint(item.path.parts))


def pytest_collection_finish() -> None:
    """Thousands of tests and all that they import stay: a full collection has nothing to find among them, and takes long."""
    gc.collect()
    gc.freeze()


def _start(program: Program) -> subprocess.Popen[bytes]:
    parent = os.getpid()

    def before_exec() -> None:
        program.assume()
        kernel.die_with_parent(program.death_signal, parent)

    return subprocess.Popen(
        program.argv,
        env=dict(program.environment),
        pass_fds=program.pass_fds,
        preexec_fn=before_exec,
        cwd="/",
    )


async def _unprobed() -> None:
    """Connecting is the probe here."""


@pytest.fixture(scope="session", autouse=True)
def one_authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test speaks TLS with the world, and every client that is made would read all authorities of the world: 30 ms each."""
    first = Path(certifi.where()).read_text(encoding="utf-8").partition("-----END CERTIFICATE-----")
    trusted = tmp_path_factory.mktemp("tls") / "authority.pem"
    trusted.write_text("".join(first[:2]) + "\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(trusted))
        yield


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a superuser's database on a server that lives as long as the session."""
    if given := os.environ.get("MINIRAG_TEST_POSTGRES_URL"):
        yield given
        return
    if IN_CONTAINERS:
        from container_engines import postgres as postgres_in_a_container

        with postgres_in_a_container() as url:
            asyncio.run(_wait_for(url))
            yield url
        return
    folder = DataFolder(_in_memory() or tmp_path_factory.mktemp("postgres"))
    folder.create()
    credentials = Credentials.generate()
    sockets = postgres_server.private_temporary_folder()
    server = postgres_server.prepare(folder, credentials, sockets, "auto")
    if server.initdb is not None:
        assert _start(server.initdb).wait() == 0
        server.initdb.on_success()
    spec = server.spec(_unprobed)
    # Hundreds of databases are made, none of which lives for more than seconds or has to survive a power cut.
    process = _start(replace(spec, argv=(*spec.argv, "-c", "fsync=off", "-c", "autovacuum=off")))
    url = f"postgresql://{ADMIN}:{credentials.postgres[ADMIN]}@/postgres?host={server.sockets}&port={PORT}"
    try:
        asyncio.run(_wait_for(url))
        yield url
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()
        shutil.rmtree(sockets, ignore_errors=True)
        shutil.rmtree(folder.root, ignore_errors=True)


@pytest.fixture(autouse=True)
def nats_in_containers() -> Iterator[None]:
    """Where it is asked for, every NATS of a test is a container, gone after it."""
    if not IN_CONTAINERS:
        yield
        return
    import container_engines

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(messaging_testing, "engine", container_engines.ContainerNats)
        yield
    container_engines.remove_all()


def _in_memory() -> Path | None:
    """A folder in memory where there is room: each of the databases is made and removed as 300 files."""
    memory = Path("/dev/shm")
    if not memory.is_dir():
        return None
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    room = min(
        shutil.disk_usage(memory).free, psutil.virtual_memory().available
    )  # a file system in memory counts on all of it
    if room < ROOM * workers:
        return None
    return Path(tempfile.mkdtemp(prefix="minirag-test-", dir=memory))


async def _wait_for(url: str) -> None:
    for _ in range(200):
        try:
            connection = await asyncpg.connect(url)
        except (OSError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError):
            await asyncio.sleep(0.05)
        else:
            await connection.close()
            return
    raise TimeoutError("Postgres did not start")


def _for(url: str, role: str, database: str) -> str:
    """The same server, another role and database."""
    rest = url.split("@", 1)[1]
    _, _, query = rest.partition("?")
    host = rest.split("/", 1)[0]
    return f"postgresql://{role}:{PASSWORD}@{host}/{database}" + (f"?{query}" if query else "")


@dataclass(frozen=True, slots=True)
class WholeDatabase:
    """Every service's schema in one database, as in a real stack. ``admin`` is a superuser's URL."""

    admin: str
    name: str

    def url(self, role: str) -> str:
        """The same database as a service's role."""
        return _for(self.admin, role, self.name)


@pytest.fixture(scope="session")
def whole_database(postgres_url: str) -> WholeDatabase:
    """Made once; who changes rows in it puts them back."""
    name = f"whole_{secrets.token_hex(6)}"
    asyncio.run(_migrate_everything(postgres_url, name))
    prefix, _, rest = postgres_url.partition("@")
    host, _, query = rest.partition("/")[0], "", rest.partition("?")[2]
    return WholeDatabase(f"{prefix}@{host}/{name}" + (f"?{query}" if query else ""), name)


async def _migrate_everything(url: str, name: str) -> None:
    admin = await asyncpg.connect(url)
    await admin.execute(f"CREATE DATABASE {name}")
    await admin.close()
    connection = await asyncpg.connect(url, database=name)
    await prepare_database(
        connection, OWNER, {role: PASSWORD for s in SERVICES for role in (s, f"{s}_system")}
    )
    for service in SERVICES:
        await migrate(connection, OWNER, service)
    await connection.close()


@pytest.fixture(scope="session")
def role_passwords() -> dict[str, str]:
    """Of the services' roles, which belong to the whole server: all tests use the same."""
    return {role: PASSWORD for name in SERVICES for role in (name, f"{name}_system")}


_templates: dict[str, str] = {}


async def _template(url: str, service: str, migrations: list[Migration]) -> str:
    """A database with the service's schema, made once a session and copied for each test."""
    key = f"template_{service}_{len(migrations)}"
    if key in _templates:
        return key
    admin = await asyncpg.connect(url)
    roles = {role: PASSWORD for name in {service, *SERVICES} for role in (name, f"{name}_system")}
    await admin.execute(f"CREATE DATABASE {key}")
    connection = await asyncpg.connect(url, database=key)
    await prepare_database(connection, OWNER, roles)
    await migrate(connection, OWNER, service, migrations)
    await connection.close()
    await admin.close()
    _templates[key] = key
    return key


@pytest.fixture
async def database_urls(postgres_url: str) -> AsyncIterator[Callable[..., Awaitable[tuple[str, str]]]]:
    """Makes a database with one service's schema, gone after the test; answers the URLs of the role and the system role."""
    made: list[str] = []

    async def make(service: str, migrations: list[Migration] | None = None) -> tuple[str, str]:
        wanted = migrations if migrations is not None else migrations_of(service)
        template = await _template(postgres_url, service, wanted)
        name = f"test_{secrets.token_hex(6)}"
        admin = await asyncpg.connect(postgres_url)
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        await admin.close()
        made.append(name)
        return _for(postgres_url, service, name), _for(postgres_url, f"{service}_system", name)

    yield make
    if made:
        admin = await asyncpg.connect(postgres_url)
        for name in made:
            await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await admin.close()


@pytest.fixture
async def make_database(
    database_urls: Callable[..., Awaitable[tuple[str, str]]],
) -> AsyncIterator[DatabaseFactory]:
    """Opens a fresh database of a service, as the service itself would."""
    opened: list[Database] = []

    async def make(service: str, migrations: list[Migration] | None = None, **options: int) -> Database:
        url, system_url = await database_urls(service, migrations)
        opened.append(await Database.connect(service, url, system_url, **options))
        return opened[-1]

    yield make
    for database in opened:
        await database.close()


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[NatsServer]:
    """A NATS server of the test's own: it may be killed and wiped, and no other test's events are in its streams.

    It knows the users of the stack, with their permissions; a connection without a user may do everything.
    """
    server = start_guarded_nats(tmp_path / "nats")
    yield server
    server.kill()  # an orderly end takes a fifth of a second, of each of thousands of tests


@pytest.fixture
async def bus(nats: NatsServer) -> AsyncIterator[Bus]:
    """A connection to it, with the topology applied."""
    bus = await Bus.connect(nats.url, name="test")
    await topology.apply(bus)
    yield bus
    await bus.close()
