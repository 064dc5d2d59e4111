"""What each service finds in its environment: addresses, its own credentials, and nobody else's keys."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from minirag_local.credentials import Credentials
from minirag_local.folder import DataFolder
from minirag_local.postgres_server import database_url
from minirag_local.state import Addresses

KEY_HOLDERS = ("chat", "retrieval")
"""Services that talk to model providers: they see the whole environment, where the providers' keys are."""

_INHERITED = {
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TMPDIR",
    "VIRTUAL_ENV",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
}
_INHERITED_PREFIXES = ("LC_", "MINIRAG_", "PYTHON", "OTEL_", "MALLOC_")
_NEVER = {"PYTHONDONTWRITEBYTECODE", "PYTHONSTARTUP", "PYTHONHOME", "PYTHONPATH", "PYTHONINSPECT"}


def service_environment(
    service: str,
    folder: DataFolder,
    credentials: Credentials,
    addresses: Addresses,
    outer: Mapping[str, str] = os.environ,
) -> dict[str, str]:
    """The environment of one service."""
    system = f"{service}_system"
    sockets = addresses.postgres_sockets
    return inherited(outer, everything=service in KEY_HOLDERS) | {
        "MINIRAG_MODE": "embedded",
        "MINIRAG_DATA_DIR": str(folder.root),
        "MINIRAG_NATS_URL": addresses.of("nats"),
        "MINIRAG_NATS_USER": service,
        "MINIRAG_NATS_PASSWORD": credentials.nats[service],
        "MINIRAG_DATABASE_URL": database_url(sockets, service, credentials.postgres[service]),
        "MINIRAG_DATABASE_SYSTEM_URL": database_url(sockets, system, credentials.postgres[system]),
        "MINIRAG_SECRET_KEY": credentials.secret_key,
        **(
            {"MINIRAG_VECTORS_SOCKET": addresses.vectors}
            if service == "retrieval" and addresses.vectors
            else {}
        ),
    }


def inherited(outer: Mapping[str, str] = os.environ, everything: bool = False) -> dict[str, str]:
    """Our own environment without keys and passwords; with them where ``everything`` is asked for."""

    def wanted(name: str) -> bool:
        return name not in _NEVER and (
            everything or name in _INHERITED or name.startswith(_INHERITED_PREFIXES)
        )

    kept = {name: value for name, value in outer.items() if wanted(name)}
    # Threads that allocate would each get an arena of their own, and none of the services computes in many.
    return {"PATH": os.defpath, "MALLOC_ARENA_MAX": "2", **kept, "PYTHONUNBUFFERED": "1"}


def python(*arguments: str | Path) -> tuple[str, ...]:
    """A command line for our own interpreter that imports nothing from the working folder."""
    return (sys.executable, "-P", *map(str, arguments))
