"""Where a process of ours listens."""

import socket


def listen(host: str, port: int, backlog: int | None = None) -> socket.socket:
    """A listening socket; ``::`` is every address of the machine, those of IPv4 too where it has both. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    both = host == "::" and socket.has_dualstack_ipv6()
    return socket.create_server((host, port), family=family, backlog=backlog, dualstack_ipv6=both)
