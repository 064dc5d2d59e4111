"""What a Qdrant server says over HTTP about its version and collections: the bodies and status codes of the real one (1.20).

Points are not kept. For what needs a real server there is QDRANT_URL.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Collections:
    """The state, and what was asked to change it."""

    def __init__(self, version: str = "1.20.0") -> None:
        self.version = version
        self.made: dict[str, dict[str, Any]] = {}
        self.asked: list[tuple[str, str]] = []
        self.both_have_asked: threading.Barrier | None = None
        """Where there is one, the first answers about a collection wait until so many have asked."""
        self._lock = threading.Lock()
        self.url = ""

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        """Status and ``result``, or the message of an error."""
        path = path.partition("?")[0]
        if path == "/":
            return 200, None
        _, _, name, *rest = path.split("/")
        if rest == ["exists"]:
            there = name in self.made
            if self.both_have_asked is not None and not there:
                self.both_have_asked.wait(10)
            return 200, {"exists": there}
        with self._lock:
            if method != "GET":
                self.asked.append((method, path))
            if (method, rest) == ("PUT", []):
                if name in self.made:
                    return 409, f"Wrong input: Collection `{name}` already exists!"
                self.made[name] = {**body, "indexes": {}}
                return 200, True
            if name not in self.made:
                return 404, f"Not found: Collection `{name}` doesn't exist!"
            return 200, self._about(self.made[name], rest, body)

    def _about(self, made: dict[str, Any], rest: list[str], body: dict[str, Any]) -> Any:
        match rest:
            case []:
                return described(made)
            case ["index"]:
                made["indexes"][body["field_name"]] = {"data_type": "keyword", "points": 0}
                return {"operation_id": 1, "status": "completed"}
            case ["points", "count"]:
                return {"count": 0}
        raise AssertionError(rest)


def described(made: dict[str, Any]) -> dict[str, Any]:
    """A collection, as `GET /collections/NAME` shows it."""
    params = {
        "vectors": made["vectors"],
        "sparse_vectors": made["sparse_vectors"],
        "shard_number": 1,
        "replication_factor": made.get("replication_factor", 1),
        "write_consistency_factor": made.get("write_consistency_factor", 1),
        "on_disk_payload": True,
    }
    optimizer = {
        "deleted_threshold": 0.2, "vacuum_min_vector_number": 1000, "default_segment_number": 0, "flush_interval_sec": 5,
    }  # fmt: skip
    return {
        "status": "green",
        "optimizer_status": "ok",
        "indexed_vectors_count": 0,
        "points_count": 0,
        "segments_count": 2,
        "config": {
            "params": params,
            "hnsw_config": {"m": 16, "ef_construct": 100, "full_scan_threshold": 10000},
            "optimizer_config": optimizer,
            "wal_config": {"wal_capacity_mb": 32, "wal_segments_ahead": 0},
            **({"metadata": made["metadata"]} if "metadata" in made else {}),
        },
        "payload_schema": made["indexes"],
    }


@contextmanager
def qdrant_server(collections: Collections) -> Iterator[str]:
    """Its URL, while it answers."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
            status, result = collections.answer(self.command, self.path, body)
            told: dict[str, Any] = {"time": 0.001, "status": "ok", "result": result}
            if self.path == "/":
                told = {"title": "qdrant - vector search engine", "version": collections.version}
            elif status >= 400:
                told = {"time": 0.001, "status": {"error": result}}
            text = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_PUT = do_POST = do_DELETE = _handle  # noqa: N815  # as the base class calls them

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
