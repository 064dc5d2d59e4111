"""Somebody's web site for tests of the widget: pages in memory and folders of files, and a list of what was asked of it."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html; charset=utf-8"}


@dataclass(slots=True)
class HostSite:
    """``pages`` by path; below a path of ``folders`` the files of a folder. Everything else is a 404."""

    port: int
    pages: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    folders: Mapping[str, Path] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    @property
    def origin(self) -> str:
        """The origin that embed keys of the tests name."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def other_origin(self) -> str:
        """Another origin with the same pages."""
        return f"http://localhost:{self.port}"

    def body(self, path: str) -> tuple[str, bytes] | None:
        """Type and content of what lies at a path."""
        if path in self.pages:
            return TYPES[".html"], self.pages[path].encode()
        for prefix, folder in self.folders.items():
            if path.startswith(prefix) and (file := folder / path.removeprefix(prefix)).is_file():
                return TYPES[file.suffix], file.read_bytes()
        return None


@contextmanager
def host_site(folders: Mapping[str, Path] | None = None) -> Iterator[HostSite]:
    """A site on a free port of the loopback while it is entered."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name that the base class calls
            path = self.path.partition("?")[0]
            site.asked.append(self.path)
            found = site.body(path)
            kind, content = found or ("text/plain", b"")
            # Browsers ask every site for its icon; one that has none need not be an error on the console.
            self.send_response(200 if found else 204 if path == "/favicon.ico" else 404)
            for name, value in {
                "Content-Type": kind,
                "Content-Length": str(len(content)),
                "Cache-Control": "no-store",
                **site.headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site = HostSite(server.server_port, folders=folders or {})
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
