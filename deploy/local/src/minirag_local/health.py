"""Is a process able to work? One probe for each kind, used at start and by ``minirag status``."""

import asyncio
import json
from pathlib import Path

from minirag_contracts.requests.common import health_subject

from minirag_local.bus_probe import BusAddress, ping, request
from minirag_local.credentials import SYSTEM, Credentials
from minirag_local.errors import UnhealthyError
from minirag_local.postgres_server import PORT, probe_socket
from minirag_local.process import Probe
from minirag_local.state import Addresses, service_of


def probe_of(name: str, addresses: Addresses, credentials: Credentials) -> Probe:
    """The probe of the process ``name``."""
    bus = BusAddress("127.0.0.1", addresses.nats_port, SYSTEM, credentials.nats[SYSTEM])

    async def probe(pid: int) -> None:
        match service_of(name):
            case "nats":
                await ping(bus)
            case "postgres":
                await probe_socket(Path(addresses.postgres_sockets) / f".s.PGSQL.{PORT}")
            case "vectors":
                await _listening(addresses.vectors or "")
            case service:
                await service_health(bus, health_subject(service, str(pid)))
                if service == "gateway":
                    await http_health(addresses.url)

    return probe


async def service_health(bus: BusAddress, subject: str) -> None:
    """Ask one process of a service over the bus; raises UnhealthyError with what it says is wrong."""
    body = await request(bus, subject, b"{}", {"Minirag-Actor": "system:local"})
    try:
        reply = json.loads(body)
        if reply["status"] == "ok":
            return
        wrong = [f"{check}: {finding}" for check, finding in reply["checks"].items() if finding != "ok"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnhealthyError(f"answered {body[:200].decode(errors='replace')}") from error
    raise UnhealthyError("; ".join(wrong) or str(reply["status"]))


async def http_health(url: str) -> None:
    """``GET /health`` has to answer 200."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    try:
        reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    except OSError as error:
        raise UnhealthyError("not listening") from error
    try:
        writer.write(f"GET /health HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
        words = (await reader.readline()).split()
    except OSError as error:
        raise UnhealthyError("the connection broke") from error
    finally:
        writer.close()
    if words[1:2] != [b"200"]:
        raise UnhealthyError(f"/health answered {b' '.join(words[1:]).decode(errors='replace') or 'nothing'}")


async def _listening(path: str) -> None:
    try:
        _, writer = await asyncio.open_unix_connection(path)
    except OSError as error:
        raise UnhealthyError("not listening") from error
    writer.close()
