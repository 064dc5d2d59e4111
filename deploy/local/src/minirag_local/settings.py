"""What ``minirag up`` reads from the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self, cast

from minirag_contracts.topology import SERVICES
from minirag_service import ServiceSettings
from minirag_service.settings import Duration
from pydantic import TypeAdapter, ValidationError

from minirag_local.errors import StackError

_LAST_PORT = 65535
_OPERATIONS_APART = 10

MOST_REPLICAS = _OPERATIONS_APART
"""Of one service on one machine; more processes than a machine has cores gain nothing."""

DRAIN: float = ServiceSettings.model_fields["drain"].default.total_seconds()

RootMode = Literal["auto", "userns", "setuid"]


@dataclass(frozen=True, slots=True)
class StackSettings:
    """``port`` and ``nats_port`` 0 pick a free one. ``root_mode`` says how Postgres, which refuses uid 0, is run by root.
    ``operations_port`` is the first of the services' operations ports.
    """

    port: int = 8000
    host: str = "127.0.0.1"
    data_dir: Path = Path(".minirag")
    log_level: str = "INFO"
    root_mode: RootMode = "auto"
    nats_port: int = 0
    operations_port: int | None = None
    drain: float = DRAIN
    """Seconds that what a service's process runs may take after it was asked to end."""
    replicas: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys(SERVICES, 1))
    """Service → how many processes of it there are."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Read ``MINIRAG_*``; raises StackError for what cannot be meant."""
        return cls(
            port=_port("MINIRAG_PORT", environment.get("MINIRAG_PORT") or "8000"),
            host=environment.get("MINIRAG_HOST") or "127.0.0.1",
            data_dir=Path(environment.get("MINIRAG_DATA_DIR") or ".minirag").expanduser().absolute(),
            log_level=(environment.get("MINIRAG_LOG_LEVEL") or "INFO").upper(),
            root_mode=_root_mode(environment.get("MINIRAG_POSTGRES_AS_ROOT") or "auto"),
            operations_port=_operations_port(environment.get("MINIRAG_OPERATIONS_PORT") or ""),
            nats_port=_port("MINIRAG_NATS_PORT", environment.get("MINIRAG_NATS_PORT") or "0"),
            drain=_drain(environment.get("MINIRAG_DRAIN") or ""),
            replicas=_replicas(environment.get("MINIRAG_REPLICAS") or "1"),
        )


def _port(name: str, text: str) -> int:
    if not text.isdecimal() or int(text) > _LAST_PORT:
        raise StackError(f"{name} must be a number from 0 to 65535, not {text!r}.")
    return int(text)


def _operations_port(text: str) -> int | None:
    if not text:
        return None
    if not text.isdecimal() or not 0 < int(text) <= _LAST_PORT - len(SERVICES) * _OPERATIONS_APART:
        raise StackError(f"MINIRAG_OPERATIONS_PORT must be a number from 1 to 65475, not {text!r}.")
    return int(text)


def _drain(text: str) -> float:
    try:
        return TypeAdapter(Duration).validate_python(text).total_seconds() if text else DRAIN
    except ValidationError as error:
        raise StackError(f"MINIRAG_DRAIN must be seconds, or such as PT8S, not {text!r}.") from error


def operations_port_of(service: str, first: int, replica: int = 0) -> int:
    """Where a process of a service is looked at: ``first`` + 10 for each service before it + which of its processes it is."""
    return first + SERVICES.index(service) * _OPERATIONS_APART + replica


def _replicas(text: str) -> dict[str, int]:
    """``3`` for every service, or ``gateway=2,chat=3`` for those and one process of each other."""
    if "=" not in text:
        return dict.fromkeys(SERVICES, _number_of_replicas(text))
    found = dict.fromkeys(SERVICES, 1)
    for part in text.split(","):
        service, _, number = (word.strip() for word in part.partition("="))
        if service not in SERVICES:
            raise StackError(
                f"MINIRAG_REPLICAS knows no service {service!r}: there are {', '.join(SERVICES)}."
            )
        found[service] = _number_of_replicas(number)
    return found


def _number_of_replicas(text: str) -> int:
    if not text.strip().isdecimal() or not 1 <= int(text) <= MOST_REPLICAS:
        raise StackError(
            f"MINIRAG_REPLICAS must be a number from 1 to {MOST_REPLICAS}, or such as gateway=2,chat=3, not {text!r}."
        )
    return int(text)


def _root_mode(text: str) -> RootMode:
    if text not in ("auto", "userns", "setuid"):
        raise StackError(f"MINIRAG_POSTGRES_AS_ROOT must be auto, userns or setuid, not {text!r}.")
    return cast("RootMode", text)
