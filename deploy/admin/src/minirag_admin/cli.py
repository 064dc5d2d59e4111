"""The ``minirag-admin`` command. Each verb loads what it needs when it is called."""

import argparse
import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from minirag_admin import verbs as operators
from minirag_admin.errors import StackError
from minirag_admin.verbs import Parsers, add_verb

Verb = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; answers the exit status."""
    options = _parser().parse_args(arguments)
    verb: Verb = options.verb
    return operators.run("minirag-admin", lambda: verb(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="minirag-admin",
        description="Sets up and looks after a deployment of MiniRAG. MINIRAG_NATS_URL, MINIRAG_NATS_PASSWORD and "
        "MINIRAG_ADMIN_DATABASE_URL say where it is; files in the folder MINIRAG_SECRETS_DIR may say it instead.",
    )
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")
    _add_secrets(verbs)
    add_verb(verbs, "setup", _setup, "make database, roles, schemas, streams and consumers; safe to repeat")
    migrate = add_verb(verbs, "migrate", _migrate, "bring the schemas up to date")
    migrate.add_argument(
        "--phase",
        choices=("pre", "post"),
        help="pre: what the version before can live with; post: the rest, when none of its processes is left",
    )
    add_verb(verbs, "topology", _topology, "make the bus' streams and consumers what this version declares")
    operators.add(verbs, _bind)
    return parser


def _bind(verb: operators.Verb) -> Verb:
    def run(options: argparse.Namespace) -> int:
        from minirag_admin.anywhere import Anywhere

        return verb(options, Anywhere())

    return run


def _add_secrets(verbs: Parsers) -> None:
    parser = add_verb(
        verbs, "secrets", _secrets, "make every secret of a deployment, a folder for each who reads them"
    )
    parser.add_argument("folder", type=Path, help="a new folder, or with --renew-bus one that this has made")
    parser.add_argument(
        "--renew-bus",
        action="store_true",
        help="write only the permissions in nats/nats.conf anew, as this version needs them (SIGHUP applies them)",
    )
    bus = parser.add_argument_group("the bus")
    bus.add_argument("--nats-store-dir", default="/data", metavar="FOLDER", help="of JetStream (/data)")
    bus.add_argument("--nats-host", default="0.0.0.0", metavar="ADDRESS")  # noqa: S104 -- as BusServer's
    bus.add_argument("--nats-port", type=int, default=4222, metavar="PORT")
    bus.add_argument(
        "--nats-monitoring-port", type=int, metavar="PORT", help="of its HTTP state; off by default"
    )
    bus.add_argument("--nats-cluster", metavar="NAME", help="of several servers that are one")
    bus.add_argument(
        "--nats-route", action="append", default=[], metavar="URL", help="of each server of the cluster"
    )
    store = parser.add_argument_group("the database")
    store.add_argument("--postgres-host", default="postgres", metavar="HOST")
    store.add_argument("--postgres-port", type=int, default=5432, metavar="PORT")
    store.add_argument("--postgres-database", default="minirag", metavar="NAME")
    store.add_argument("--postgres-user", default="minirag_admin", metavar="ROLE", help="who sets it up")
    store.add_argument("--postgres-options", default="", metavar="QUERY", help="such as sslmode=require")
    files = parser.add_argument_group("the files")
    files.add_argument(
        "--owner", type=_owner, metavar="UID[:GID]", help="to whom they are given (needs root)"
    )
    files.add_argument("--mode", type=_mode, default=0o600, metavar="OCTAL", help="600 by default")


def _owner(text: str) -> tuple[int, int]:
    user, _, group = text.partition(":")
    return int(user), int(group or user)


def _mode(text: str) -> int:
    mode = int(text, 8)
    if mode & ~0o644 or not mode & 0o400:
        raise ValueError(text)
    return mode


def _secrets(options: argparse.Namespace) -> int:
    from minirag_admin import secret_folders
    from minirag_admin.bus_server import BusServer, Cluster

    if options.renew_bus:
        secret_folders.renew_bus(options.folder)
        return 0
    if bool(options.nats_cluster) != bool(options.nats_route):
        raise StackError("A cluster has a name and routes: give both --nats-cluster and --nats-route.")
    bus = BusServer(
        options.nats_store_dir,
        options.nats_host,
        options.nats_port,
        options.nats_monitoring_port,
        Cluster(options.nats_cluster, options.nats_route) if options.nats_cluster else None,
    )
    postgres = secret_folders.PostgresAddress(
        options.postgres_host,
        options.postgres_port,
        options.postgres_database,
        options.postgres_options,
        options.postgres_user,
    )
    readers = secret_folders.Readers(options.mode, options.owner)
    secret_folders.write_secrets(options.folder, bus, postgres, readers)
    print(f"{options.folder} holds every secret of a deployment: keep a copy where nobody else reads it.")
    return 0


def _setup(_: argparse.Namespace) -> int:
    from minirag_admin import bus, database
    from minirag_admin.settings import AdminSettings

    async def both(settings: AdminSettings) -> list[str]:
        password = settings.nats_password.get_secret_value()
        applied = await database.prepare(settings.database, settings.roles, "pre")
        await bus.apply_topology(settings.nats_url, password, settings.nats_replicas)
        return applied

    return _tell(asyncio.run(both(AdminSettings.read())))


def _migrate(options: argparse.Namespace) -> int:
    from minirag_admin import database
    from minirag_admin.settings import AdminSettings

    return _tell(asyncio.run(database.migrate_all(AdminSettings.read().database, options.phase)))


def _tell(applied: list[str]) -> int:
    for name in applied:
        print(name)
    print(f"{len(applied)} migrations were due.")
    return 0


def _topology(_: argparse.Namespace) -> int:
    from minirag_admin import bus
    from minirag_admin.settings import AdminSettings

    settings = AdminSettings.read()
    password = settings.nats_password.get_secret_value()
    asyncio.run(bus.apply_topology(settings.nats_url, password, settings.nats_replicas))
    return 0
