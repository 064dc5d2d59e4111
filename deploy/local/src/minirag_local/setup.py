"""``python -m minirag_local.setup``: the one job that makes database, roles, schemas, streams and consumers.

Safe to repeat; with ``--only-bus`` it restores what the bus should have, with ``--phase`` it migrates for one half of a rolling
restart only.
"""

import argparse
import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from minirag_admin import database
from minirag_admin.bus import apply_topology

from minirag_local.credentials import ADMIN, SYSTEM, Credentials
from minirag_local.errors import StackError
from minirag_local.folder import DataFolder
from minirag_local.gate import wait_at_gate
from minirag_local.postgres_server import database_url


def main() -> None:
    """Do it; a person's sentence instead of a traceback for what a person can put right."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--nats", required=True, help="URL of the bus")
    parser.add_argument("--sockets", required=True, help="folder of Postgres' socket")
    parser.add_argument("--only-bus", action="store_true")
    parser.add_argument("--phase", choices=("pre", "post"), help="these migrations only (default: all)")
    options = parser.parse_args()
    wait_at_gate()
    try:
        asyncio.run(_run(options))
    except StackError as error:
        raise SystemExit(str(error)) from error


async def _run(options: argparse.Namespace) -> None:
    credentials = Credentials.of(DataFolder(options.data))
    jobs: list[Coroutine[Any, Any, object]] = [apply_topology(options.nats, credentials.nats[SYSTEM])]
    if not options.only_bus:
        url = database_url(options.sockets, ADMIN, credentials.postgres[ADMIN])
        jobs.append(database.prepare(url, credentials.roles, phase=options.phase))
    await asyncio.gather(*jobs)


if __name__ == "__main__":
    main()
