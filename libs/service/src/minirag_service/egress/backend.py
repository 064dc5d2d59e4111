"""Connections to checked addresses: a name is resolved once, every address is judged, and that very address is connected to."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import httpcore

from minirag_service.egress.addresses import Allowance, parse_address
from minirag_service.egress.errors import EgressRefused, FetchFailed
from minirag_service.egress.stream import Piecemeal

Resolver = Callable[[str, int], Awaitable[list[str]]]
"""Host and port → addresses, in the order in which to try them; raises OSError."""

PRIVATE = "The URL points to this machine or to a private network, which may not be reached from here."

LOOK_UPS = ThreadPoolExecutor(max_workers=32, thread_name_prefix="look-up")
"""Not the loop's own threads: names whose servers never answer would keep those from everybody else in the process."""


async def resolve(host: str, port: int) -> list[str]:
    """By the system's resolver, which also understands decimal, octal and hexadecimal IPv4 notations."""
    ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    found = await asyncio.get_running_loop().run_in_executor(LOOK_UPS, ask)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """The only place where an outgoing connection is opened; TLS above it still verifies the name of the URL."""

    def __init__(self, allowance: Allowance, resolver: Resolver = resolve) -> None:
        self._allowance = allowance
        self._resolve = resolver
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connects to the first address that answers; EgressRefused if only one of them is not allowed."""
        addresses = await self._checked(host, port)
        for address in addresses[:-1]:
            try:
                return Piecemeal(await self._inner.connect_tcp(address, port, timeout, None, socket_options))
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue  # the last address' failure is the one that is told
        return Piecemeal(await self._inner.connect_tcp(addresses[-1], port, timeout, None, socket_options))

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Never."""
        raise EgressRefused(PRIVATE)

    async def sleep(self, seconds: float) -> None:
        """Between httpcore's own connection attempts."""
        await asyncio.sleep(seconds)

    async def _checked(self, host: str, port: int) -> list[str]:
        try:
            addresses = await self._resolve(host, port)
        except socket.gaierror as error:
            if error.errno == socket.EAI_AGAIN:
                raise FetchFailed(
                    f"The name {host} could not be looked up just now.", temporary=True
                ) from error
            raise FetchFailed(f"There is no host named {host}.", temporary=False) from error
        except (OSError, UnicodeError) as error:
            raise FetchFailed(f"The name {host} could not be looked up.", temporary=True) from error
        if not addresses:
            raise FetchFailed(f"There is no host named {host}.", temporary=False)
        if not all(self._allowance.permits(host, port, parse_address(address)) for address in addresses):
            raise EgressRefused(PRIVATE)
        return addresses
