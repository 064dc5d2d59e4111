"""The gateway's socket. It is ours, so that requests wait in its backlog while the gateway restarts."""

import errno
import socket

from minirag_local.errors import StackError

BACKLOG = 1024


def listen(host: str, port: int) -> socket.socket:
    """Bind and listen; raises StackError with advice when that is impossible."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise StackError(
            f"MINIRAG_HOST={host} is not an address of this machine: {error.strerror}."
        ) from error
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise StackError(_advice(host, port, error)) from error
    return listener


def url_of(listener: socket.socket) -> str:
    """Where a browser on this machine finds it."""
    host, port = listener.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 -- shown, not bound
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def _advice(host: str, port: int, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"Port {port} on {host} is taken by another program: set MINIRAG_PORT to a free one (0 picks one)."
        case errno.EACCES:
            return f"Port {port} may be used by root only: set MINIRAG_PORT to one above 1023."
        case errno.EADDRNOTAVAIL:
            return f"MINIRAG_HOST={host} is not an address of this machine."
        case _:
            return f"{host}:{port} cannot be listened on: {error.strerror}."
