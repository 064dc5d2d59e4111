"""A program for the tests: ``minirag up`` with the real NATS and Postgres, and one tiny service instead of six."""

import os
import sys
from dataclasses import replace

from minirag_local import nats_server, postgres_server
from minirag_local.cli import main
from minirag_local.credentials import Credentials
from minirag_local.environment import inherited, python
from minirag_local.errors import UnhealthyError
from minirag_local.folder import DataFolder
from minirag_local.health import probe_of
from minirag_local.process import Job, ProcessSpec, Program
from minirag_local.settings import StackSettings
from minirag_local.state import Addresses

SLEEPER = """
import os, sys, time
sys.stdin.read()
if os.path.exists(os.environ["SLEEPER_IS_BROKEN"]):
    sys.exit("the new code is broken")
print('{"level": "info", "message": "hello"}', flush=True)
%s
print("chatter is over", flush=True)
time.sleep(600)
"""


def build(
    settings: StackSettings, folder: DataFolder, credentials: Credentials, url: str, descriptor: int
) -> tuple[list[Program], Addresses]:
    """NATS, Postgres, a set-up that checks both, and a service that sleeps."""
    postgres = postgres_server.prepare(folder, credentials, folder.socket_folder(), settings.root_mode)
    nats = nats_server.prepare(folder, credentials)
    addresses = Addresses(url, nats.port, str(postgres.sockets), None)
    job = Job(
        name="setup",
        argv=python("-c", os.environ.get("SMALL_STACK_SETUP", "print('set up')")),
        environment=inherited(),
        after=("nats", "postgres"),
    )

    async def sleeps(_: int) -> None:
        if not (folder.run / "lock").exists():
            raise UnhealthyError("no folder")
        if (folder.run / "broken").exists():
            raise UnhealthyError("broken")

    return [
        nats.spec(probe_of("nats", addresses, credentials), replace(job, name="topology", after=())),
        *([postgres.initdb] if postgres.initdb else []),
        postgres.spec(probe_of("postgres", addresses, credentials)),
        job,
        ProcessSpec(
            name="sleeper",
            argv=python("-c", SLEEPER % os.environ.get("SMALL_STACK_CHATTER", "")),
            environment={**inherited(), "SLEEPER_IS_BROKEN": str(folder.run / "broken")},
            after=("setup",),
            gated=True,
            replaced="beside",
            grace=float(os.environ.get("SMALL_STACK_GRACE", "10")),
            probe=sleeps,
        ),
    ], addresses


if __name__ == "__main__":
    import minirag_local.up

    minirag_local.up.up.__defaults__ = (build,)
    sys.exit(main())
