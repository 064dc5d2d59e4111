"""``minirag-admin secrets``: every secret of a deployment as files, a folder for each who reads them."""

import json
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from minirag_contracts.grants import SYSTEM_USER
from minirag_contracts.topology import SERVICES

from minirag_admin.bus_server import BusServer
from minirag_admin.credentials import ADMIN, Credentials
from minirag_admin.errors import StackError

BUS_FILE = Path("nats", "nats.conf")


@dataclass(frozen=True, slots=True)
class PostgresAddress:
    """Where the services find their database; ``options`` is a URL's query, such as ``sslmode=verify-full``."""

    host: str = "postgres"
    port: int = 5432
    database: str = "minirag"
    options: str = ""
    admin: str = ADMIN

    def url(self, role: str, password: str) -> str:
        """Where a role logs in."""
        query = f"?{self.options}" if self.options else ""
        return f"postgresql://{role}:{password}@{self.host}:{self.port}/{self.database}{query}"


@dataclass(frozen=True, slots=True)
class Readers:
    """Who may read the files: nobody but ``owner`` (uid, gid; None: who writes them) unless ``mode`` says more."""

    mode: int = 0o600
    owner: tuple[int, int] | None = None

    @property
    def folder_mode(self) -> int:
        """Who may read the files of a folder may enter it."""
        return self.mode | 0o100 | (self.mode & 0o044) >> 2


@dataclass(frozen=True, slots=True)
class FolderKeys:
    """The keys of secrets at rest: each service has the same, in its own folder."""

    root: Path

    def keys(self) -> list[str]:
        """The one that seals first; raises StackError where the services' folders do not say the same."""
        try:
            found = {path.read_text(encoding="utf-8").strip() for path in self._files()}
        except OSError as error:
            raise StackError(f"{self.root} has not every service's MINIRAG_SECRET_KEY: {error}.") from error
        if len(found) != 1:
            raise StackError(
                f"The services' folders in {self.root} have different values of MINIRAG_SECRET_KEY."
            )
        return [key for key in found.pop().split(",") if key]

    def replace(self, keys: Sequence[str]) -> None:
        """Write them for every service, as readable as they were."""
        for path in self._files():
            _replace(path, ",".join(keys))

    def _files(self) -> list[Path]:
        return [self.root / service / "MINIRAG_SECRET_KEY" for service in SERVICES]


def write_secrets(root: Path, bus: BusServer, postgres: PostgresAddress, readers: Readers) -> None:
    """Make them all; raises StackError rather than touch a folder that holds something.

    ``root`` itself stays closed to other users, whatever ``readers`` opens below it.
    """
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise StackError(f"{root} is not empty, and what is in use must not be lost: name a new folder.")
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    root.chmod(0o700)
    for path, content in files_of(Credentials.generate(), bus, postgres).items():
        _folder(root / path.parent, readers)
        _write(root / path, content, readers)


def renew_bus(root: Path) -> None:
    """Write the users' permissions anew, as this version needs them; passwords and all else stay.

    Raises StackError where the folder is none of ours.
    """
    file = root / BUS_FILE
    try:
        configuration = json.loads(file.read_text(encoding="utf-8"))
        known = {user["user"]: user for user in configuration["authorization"]["users"]}
        passwords = {user: known[user]["password"] for user in (SYSTEM_USER, *SERVICES)}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StackError(f"{file} is not as `minirag-admin secrets` has written it.") from error
    ours = BusServer("").configuration(passwords)["authorization"]["users"]
    others = [user for name, user in known.items() if name not in passwords]
    configuration["authorization"]["users"] = [*ours, *others]
    _replace(file, json.dumps(configuration, indent=2))


def files_of(credentials: Credentials, bus: BusServer, postgres: PostgresAddress) -> Mapping[Path, str]:
    """Path below the folder → content. What a program finds is named like the variable that it reads."""
    qdrant_key = secrets.token_hex(32)
    admin_url = postgres.url(postgres.admin, credentials.postgres[ADMIN])
    found = {
        BUS_FILE: json.dumps(bus.configuration(credentials.nats), indent=2),
        Path("postgres", "password"): credentials.postgres[ADMIN],
        Path("qdrant", "config.yaml"): f"service:\n  api_key: {qdrant_key}\n",
        Path("retrieval", "QDRANT_API_KEY"): qdrant_key,
        Path("admin", "MINIRAG_NATS_PASSWORD"): credentials.nats[SYSTEM_USER],
        Path("admin", "MINIRAG_ADMIN_DATABASE_URL"): admin_url,
        Path("admin", "MINIRAG_ADMIN_ROLES"): json.dumps(credentials.roles),
    }
    for service in SERVICES:
        system = f"{service}_system"
        values = {
            "MINIRAG_NATS_PASSWORD": credentials.nats[service],
            "MINIRAG_DATABASE_URL": postgres.url(service, credentials.postgres[service]),
            "MINIRAG_DATABASE_SYSTEM_URL": postgres.url(system, credentials.postgres[system]),
            "MINIRAG_SECRET_KEY": credentials.secret_key,
        }
        found |= {Path(service, name): value for name, value in values.items()}
    return found


def _folder(path: Path, readers: Readers) -> None:
    if not path.exists():
        path.mkdir(mode=0o700)
        path.chmod(readers.folder_mode)
        _own(path, readers)


def _write(path: Path, content: str, readers: Readers) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    path.chmod(readers.mode)
    _own(path, readers)


def _replace(path: Path, content: str) -> None:
    """In one step; mode and owner stay."""
    status = path.stat()
    owner = None if status.st_uid == os.geteuid() else (status.st_uid, status.st_gid)
    temporary = path.with_name(path.name + ".new")
    temporary.unlink(missing_ok=True)
    _write(temporary, content, Readers(status.st_mode & 0o777, owner))
    temporary.replace(path)


def _own(path: Path, readers: Readers) -> None:
    if readers.owner is None:
        return
    try:
        os.chown(path, *readers.owner)
    except PermissionError as error:
        raise StackError(
            "Only root may give files to another user: leave out --owner, or open them by --mode."
        ) from error
