"""Just enough of the NATS protocol to ask for health, so that the supervisor need not load a client.

Protocol: https://docs.nats.io/reference/reference-protocols/nats-protocol
"""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from minirag_local.errors import UnhealthyError


@dataclass(frozen=True, slots=True, repr=False)
class BusAddress:
    """Where, and as whom."""

    host: str
    port: int
    user: str
    password: str


async def ping(address: BusAddress) -> None:
    """Raises UnhealthyError unless the server accepts the user and answers."""
    async with _connection(address):
        pass


async def request(
    address: BusAddress, subject: str, payload: bytes, headers: dict[str, str] | None = None
) -> bytes:
    """One request and the body of its answer; raises UnhealthyError when nobody serves the subject."""
    async with _connection(address) as (reader, writer):
        inbox = f"_INBOX.{secrets.token_hex(8)}"  # of its own: probes run side by side
        head = (
            b"NATS/1.0\r\n" + b"".join(f"{k}: {v}\r\n".encode() for k, v in (headers or {}).items()) + b"\r\n"
        )
        writer.write(
            f"SUB {inbox} 1\r\nHPUB {subject} {inbox} {len(head)} {len(head) + len(payload)}\r\n".encode()
        )
        writer.write(head + payload + b"\r\n")
        return await _answer(reader, writer)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    while True:
        words = (await reader.readline()).decode().split()
        match words:
            case ["PING"]:
                writer.write(b"PONG\r\n")
            case ["MSG", *_, size]:
                return await reader.readexactly(int(size))
            case ["HMSG", *_, head_size, size]:
                body = await reader.readexactly(int(size))
                if body.startswith(b"NATS/1.0 503"):
                    raise UnhealthyError("nobody answers on the bus")
                return body[int(head_size) :]
            case ["-ERR", *reason]:
                raise UnhealthyError(f"the bus refused: {' '.join(reason)}")
            case []:
                raise UnhealthyError("the bus closed the connection")


@asynccontextmanager
async def _connection(
    address: BusAddress,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    try:
        reader, writer = await asyncio.open_connection(address.host, address.port, limit=1024 * 1024)
    except OSError as error:
        raise UnhealthyError("not listening") from error
    try:
        await reader.readline()  # INFO
        options: dict[str, Any] = {
            "user": address.user,
            "pass": address.password,
            "verbose": False,
            "pedantic": False,
            "headers": True,
            "no_responders": True,
            "lang": "python",
            "version": "0",
            "name": "probe",
        }
        writer.write(f"CONNECT {json.dumps(options)}\r\nPING\r\n".encode())
        answer = await reader.readline()
        if answer.strip() != b"PONG":
            raise UnhealthyError(f"the bus answered {answer.decode(errors='replace').strip() or 'nothing'}")
        yield reader, writer
    except (OSError, asyncio.IncompleteReadError) as error:
        raise UnhealthyError("the connection to the bus broke") from error
    finally:
        writer.close()
