"""A real name server on 127.0.0.1, over UDP and TCP, whose names may change their mind; and a resolver that asks it alone.

Only what a stub needs of RFC 1035: questions for A and AAAA, answers with CNAME, A and AAAA, truncation, NXDOMAIN.
"""

import asyncio
import contextlib
import secrets
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import cast

A, CNAME, AAAA = 1, 5, 28
HEADER = struct.Struct(">HHHHHH")
RECORD = struct.Struct(">HHIH")
ANSWER, TRUNCATED, NXDOMAIN = 0x8580, 0x0200, 3
LONGEST_DATAGRAM = 512

Zone = Mapping[str, Sequence[Sequence[str]]]
"""A name → what is answered the first, second, … time that it is asked for (by address family); the last one stays.
An answer is addresses, or one other name."""


@dataclass
class NameServer:
    """What was asked: ``questions`` counts by name and type, ``over_tcp`` those that came by TCP."""

    zone: Zone
    port: int = 0
    questions: Counter[tuple[str, int]] = field(default_factory=Counter)
    over_tcp: int = 0

    def answer(self, query: bytes, room: int) -> bytes:
        """The answer in at most that many bytes, else a truncated one."""
        number, _, _, _, _, _ = HEADER.unpack_from(query)
        name, end = _name(query, HEADER.size)
        kind = int.from_bytes(query[end : end + 2])
        records, known = self._records(name.lower(), kind)
        question = query[HEADER.size : end + 4]
        body = b"".join(records)
        head = HEADER.pack(number, ANSWER | (0 if known else NXDOMAIN), 1, len(records), 0, 0)
        if len(head + question + body) <= room:
            return head + question + body
        return HEADER.pack(number, ANSWER | TRUNCATED, 1, 0, 0, 0) + question

    def _records(self, name: str, kind: int) -> tuple[list[bytes], bool]:
        """The chain of CNAMEs and the addresses at its end; whether the last name exists."""
        records: list[bytes] = []
        for _ in range(16):
            answers = self.zone.get(name.rstrip("."))
            if answers is None:
                return records, False
            answer = answers[min(self.questions[name.rstrip("."), kind], len(answers) - 1)]
            self.questions[name.rstrip("."), kind] += 1
            values = [value for value in answer if _kind(value) in (kind, CNAME)]
            records += [_record(name, value) for value in values]
            if not values or _kind(values[0]) != CNAME:
                return records, True
            name = values[0]
        return records, True

    async def over_stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One question by TCP."""
        self.over_tcp += 1
        query = await reader.readexactly(int.from_bytes(await reader.readexactly(2)))
        answer = self.answer(query, 65535)
        writer.write(len(answer).to_bytes(2) + answer)
        await writer.drain()
        writer.close()

    async def resolve(self, host: str, port: int) -> list[str]:
        """As the system does with this server in resolv.conf: numbers in any notation first, then AAAA and A."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(socket.gaierror):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
            return [str(entry[4][0]) for entry in found]
        addresses = [await asyncio.to_thread(self._ask, host, kind) for kind in (AAAA, A)]
        if not any(addresses):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [address for found in addresses for address in found]

    def _ask(self, host: str, kind: int) -> list[str]:
        query = (
            HEADER.pack(secrets.randbits(16), 0x0100, 1, 0, 0, 0)
            + _encoded(host)
            + struct.pack(">HH", kind, 1)
        )
        with socket.socket(type=socket.SOCK_DGRAM) as plain:
            plain.settimeout(5)
            plain.connect(("127.0.0.1", self.port))
            plain.send(query)
            answer = plain.recv(LONGEST_DATAGRAM)
        if int.from_bytes(answer[2:4]) & TRUNCATED:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as stream:
                stream.sendall(len(query).to_bytes(2) + query)
                with stream.makefile("rb") as reading:
                    answer = reading.read(int.from_bytes(reading.read(2)))
        return _addresses(answer)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: NameServer) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._transport.sendto(self._server.answer(data, LONGEST_DATAGRAM), addr)


@contextlib.asynccontextmanager
async def naming(zone: Zone) -> AsyncIterator[NameServer]:
    """A name server for these names."""
    server = NameServer(zone)
    stream = await asyncio.start_server(server.over_stream, "127.0.0.1", 0)
    server.port = stream.sockets[0].getsockname()[1]
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _Datagrams(server), local_addr=("127.0.0.1", server.port)
    )
    try:
        yield server
    finally:
        transport.close()
        stream.close()
        await stream.wait_closed()


def _kind(value: str) -> int:
    try:
        return A if ip_address(value).version == 4 else AAAA
    except ValueError:
        return CNAME


def _record(name: str, value: str) -> bytes:
    """With a TTL of 0: nobody may remember it."""
    kind = _kind(value)
    data = _encoded(value) if kind == CNAME else ip_address(value).packed
    return _encoded(name) + RECORD.pack(kind, 1, 0, len(data)) + data


def _encoded(name: str) -> bytes:
    """Raises UnicodeError for what can be no name, as the system's resolver does."""
    labels = name.removesuffix(".").encode("idna").split(b".")
    return b"".join(len(label).to_bytes() + label for label in labels) + b"\0"


def _name(message: bytes, start: int) -> tuple[str, int]:
    """A name that is not compressed, and where it ends."""
    labels, at = [], start
    while length := message[at]:
        labels.append(message[at + 1 : at + 1 + length].decode("ascii"))
        at += 1 + length
    return ".".join(labels), at + 1


def _addresses(answer: bytes) -> list[str]:
    _, _, _, records, _, _ = HEADER.unpack_from(answer)
    at = _name(answer, HEADER.size)[1] + 4
    found: list[str] = []
    for _ in range(records):
        _, at = _name(answer, at)
        kind, _, _, length = RECORD.unpack_from(answer, at)
        at += RECORD.size
        if kind in (A, AAAA):
            found.append(str(ip_address(answer[at : at + length])))
        at += length
    return found
