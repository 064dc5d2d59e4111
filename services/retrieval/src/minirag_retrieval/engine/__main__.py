"""``python -m minirag_retrieval.engine --socket PATH --data DIR``."""

import argparse
import asyncio
import ctypes
import json
import logging
import os
import signal
import socket
import sys
from pathlib import Path

from minirag_retrieval.engine.folder import FolderInUseError, NewerFormatError
from minirag_retrieval.engine.server import Connection, Engine
from minirag_retrieval.engine.shard import PointShard

PR_SET_PDEATHSIG = 1
log = logging.getLogger("minirag_retrieval.engine")


class JsonLines(logging.Formatter):
    """The log format of all MiniRAG processes, without the weight of their libraries."""

    _OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}

    def format(self, record: logging.LogRecord) -> str:
        """One JSON object."""
        line = {"time": record.created, "level": record.levelname.lower(), "logger": record.name}
        line |= {"service": "vectors", "message": record.getMessage()}
        line |= {key: value for key, value in vars(record).items() if key not in self._OWN}
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def die_with_parent(parent: int) -> None:
    """SIGTERM when the parent process ends, however it ends (prctl(2)); Linux only, elsewhere the parent must
    see to it.
    """
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
        log.warning("this process would outlive its parent", extra={"errno": ctypes.get_errno()})
    if os.getppid() != parent:  # it ended before the wish was heard
        sys.exit(0)


def listen(path: Path) -> socket.socket:
    """A unix socket that only this user may open, in the place of one that a killed engine left."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    return listener


async def serve(path: Path, data: Path) -> int:
    """Runs until SIGTERM or SIGINT (0) or a panic of the engine (70)."""
    shard = PointShard(data)
    engine = Engine(shard)
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    server = await loop.create_unix_server(lambda: Connection(engine), sock=listen(path))
    writer = asyncio.create_task(engine.write_forever())
    log.info("vectors are ready", extra={"points": shard.total(), "store_id": shard.store_id})
    waits = [asyncio.create_task(event.wait()) for event in (stopping, engine.broken)]
    settler = asyncio.create_task(engine.settle_forever())
    await asyncio.wait([*waits, writer, settler], return_when=asyncio.FIRST_COMPLETED)
    server.close()
    if engine.broken.is_set() or writer.done() or settler.done():
        return 70
    settler.cancel()
    await engine.drain()
    writer.cancel()
    shard.close()
    return 0


def main() -> int:
    """Parses, binds the process to its parent, serves."""
    parent = os.getppid()
    parser = argparse.ArgumentParser(
        prog="minirag_retrieval.engine", description="The engine that holds the vectors."
    )
    parser.add_argument(
        "--socket", type=Path, required=True, help="unix socket to listen on (at most 107 bytes)"
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the points")
    arguments = parser.parse_args()
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=os.environ.get("MINIRAG_LOG_LEVEL", "INFO").upper(), handlers=[handler])
    die_with_parent(parent)
    try:
        code = asyncio.run(serve(arguments.socket, arguments.data))
    except (FolderInUseError, NewerFormatError) as error:
        log.critical(str(error))
        return 69
    except OSError as error:
        log.critical("the engine cannot start", extra={"reason": repr(error)})
        return 71
    arguments.socket.unlink(missing_ok=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
