"""Transfer of large bodies through a JetStream object store (NATS ADR-20), in pieces, never whole in memory.

nats-py's own object store wants a file object and, for reading, a consumer with push delivery; this one takes
an iterator and reads by direct get at the pace of its reader. The format is the same.
"""

import base64
import hashlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from minirag_contracts.errors import Unavailable
from minirag_contracts.topology import TRANSFER_BUCKET
from nats.nuid import NUID

from minirag_messaging.connection import Connection
from minirag_messaging.direct import read_batch, sequence_of
from minirag_messaging.jetstream_api import JetStreamRefusal, ask

PIECE = 128 * 1024
"""Bytes of one stored message (ADR-20's default)."""

READ_AHEAD = 32
"""Pieces that are fetched with one request: 4 MB."""

STREAM = f"OBJ_{TRANSFER_BUCKET}"
"""The stream of the bucket."""


class ObjectMissing(LookupError):
    """There is no such body: never stored, deleted, or older than an hour."""


class DamagedObject(OSError):
    """What was read is not what was written: pieces are missing or changed."""


def _meta_subject(name: str) -> str:
    return f"$O.{TRANSFER_BUCKET}.M.{base64.urlsafe_b64encode(name.encode()).decode()}"


def _piece_subject(nuid: str) -> str:
    return f"$O.{TRANSFER_BUCKET}.C.{nuid}"


async def _pieces(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in pieces of equal size (but the last)."""
    buffer = bytearray()
    async for chunk in chunks:
        buffer += chunk
        while len(buffer) >= PIECE:
            yield bytes(buffer[:PIECE])
            del buffer[:PIECE]
    if buffer:
        yield bytes(buffer)


async def _store(
    connection: Connection, subject: str, payload: bytes, headers: dict[str, str] | None = None
) -> None:
    try:
        await ask(connection, subject, payload, headers)
    except JetStreamRefusal as refusal:
        raise Unavailable(f"the transfer store refused: {refusal}") from refusal


async def _purge(connection: Connection, nuid: str) -> None:
    query = json.dumps({"filter": _piece_subject(nuid)}).encode()
    try:
        await ask(connection, f"$JS.API.STREAM.PURGE.{STREAM}", query)
    except JetStreamRefusal as refusal:
        raise Unavailable(f"the transfer store refused: {refusal}") from refusal


async def _write_meta(connection: Connection, name: str, meta: dict[str, Any]) -> None:
    meta |= {"name": name, "bucket": TRANSFER_BUCKET, "mtime": datetime.now(UTC).isoformat()}
    await _store(connection, _meta_subject(name), json.dumps(meta).encode(), {"Nats-Rollup": "sub"})


async def _read_meta(connection: Connection, name: str) -> dict[str, Any] | None:
    messages, _ = await read_batch(connection, STREAM, _meta_subject(name), 1, 1)
    if not messages:
        return None
    meta: dict[str, Any] = json.loads(messages[0].data)
    return None if meta.get("deleted") else meta


async def put(connection: Connection, name: str, chunks: AsyncIterator[bytes]) -> None:
    """Stores a body under ``name``, in the place of any before it. If ``chunks`` fails, nothing stays."""
    before = await _read_meta(connection, name)
    nuid = NUID().next().decode()
    digest, size, count = hashlib.sha256(), 0, 0
    try:
        async for piece in _pieces(chunks):
            digest.update(piece)
            await _store(connection, _piece_subject(nuid), piece)
            size, count = size + len(piece), count + 1
        meta = {
            "nuid": nuid,
            "size": size,
            "chunks": count,
            "digest": "SHA-256=" + base64.urlsafe_b64encode(digest.digest()).decode(),
            "options": {"max_chunk_size": PIECE},
        }
        await _write_meta(connection, name, meta)
    except BaseException:
        await _purge(connection, nuid)
        raise
    if before is not None:
        await _purge(connection, before["nuid"])


async def get(connection: Connection, name: str) -> AsyncIterator[bytes]:
    """The body in pieces, fetched as they are consumed; raises ObjectMissing, DamagedObject at the end,
    Unavailable.
    """
    meta = await _read_meta(connection, name)
    if meta is None:
        raise ObjectMissing(name)
    digest, count, start = hashlib.sha256(), 0, 1
    while count < meta["chunks"]:
        messages, _ = await read_batch(connection, STREAM, _piece_subject(meta["nuid"]), start, READ_AHEAD)
        if not messages:
            raise DamagedObject(f"{name}: {count} of {meta['chunks']} pieces")
        start = sequence_of(messages[-1]) + 1
        for msg in messages:
            count += 1
            digest.update(msg.data)
            yield msg.data
    if meta["digest"] != "SHA-256=" + base64.urlsafe_b64encode(digest.digest()).decode():
        raise DamagedObject(f"{name}: the digest differs")


async def delete(connection: Connection, name: str) -> None:
    """Drops a body."""
    meta = await _read_meta(connection, name)
    if meta is None:
        return
    await _write_meta(connection, name, {"nuid": meta["nuid"], "size": 0, "chunks": 0, "deleted": True})
    await _purge(connection, meta["nuid"])
