"""An HTTP client for URLs that users name: public addresses only, checked at every connection, with caps on everything."""

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Self

import httpcore
import httpx

from minirag_service.egress.addresses import Allowance
from minirag_service.egress.backend import GuardedBackend, Resolver, resolve
from minirag_service.egress.body import ACCEPT_ENCODING, TooLarge, read_body
from minirag_service.egress.errors import FetchFailed
from minirag_service.egress.urls import check_url

MEGABYTE = 1024 * 1024
REDIRECTS = frozenset((301, 302, 303, 307, 308))
NOT_FOR_OTHERS = frozenset(("authorization", "cookie", "proxy-authorization"))
"""Request headers that do not follow a redirect to another origin."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A response. Header names are lower-case; of repeated headers the last is kept."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    final_url: str


class GuardedClient:
    """Shared by all calls of a process; close it at the end.

    ``timeout`` bounds a whole call with its redirects, ``max_bytes`` the decoded body. Environment proxies are ignored:
    they would connect for us, unchecked.
    """

    def __init__(
        self,
        allowance: Allowance | None = None,
        *,
        timeout: timedelta = timedelta(seconds=30),
        max_bytes: int = 10 * MEGABYTE,
        max_redirects: int = 5,
        user_agent: str = "MiniRAG/1.0",
        resolver: Resolver = resolve,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._timeout = timeout.total_seconds()
        self._max_bytes = max_bytes
        self._max_redirects = max_redirects
        self._user_agent = user_agent
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl_context or httpcore.default_ssl_context(),
            max_connections=100,
            max_keepalive_connections=20,
            keepalive_expiry=5.0,
            network_backend=GuardedBackend(allowance or Allowance(), resolver),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes idle connections."""
        await self._pool.aclose()

    async def fetch(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: timedelta | None = None,
        max_bytes: int | None = None,
    ) -> Fetched:
        """GET, following redirects; any status is an answer. Raises EgressRefused and FetchFailed."""
        target, asked = check_url(url), dict(headers or {})
        seconds = timeout.total_seconds() if timeout else self._timeout
        try:
            async with asyncio.timeout(seconds):
                for _ in range(self._max_redirects + 1):
                    fetched = await self._call(
                        "GET", target, asked, b"", max_bytes or self._max_bytes, cut=False
                    )
                    location = fetched.headers.get("location")
                    if fetched.status not in REDIRECTS or not location:
                        return fetched
                    target, asked = _redirected(target, location, asked)
        except TimeoutError as error:
            raise FetchFailed(
                f"{target.host} did not answer within {seconds:g} seconds.", temporary=True
            ) from error
        raise FetchFailed(f"The URL redirects more than {self._max_redirects} times.", temporary=False)

    async def post(
        self,
        url: str,
        body: bytes,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: timedelta | None = None,
        max_bytes: int = 64 * 1024,
    ) -> Fetched:
        """POST; redirects are not followed and the answer is cut after ``max_bytes``. Raises EgressRefused and FetchFailed."""
        target = check_url(url)
        seconds = timeout.total_seconds() if timeout else self._timeout
        try:
            async with asyncio.timeout(seconds):
                return await self._call("POST", target, dict(headers or {}), body, max_bytes, cut=True)
        except TimeoutError as error:
            raise FetchFailed(
                f"{target.host} did not answer within {seconds:g} seconds.", temporary=True
            ) from error

    async def _call(
        self, method: str, url: httpx.URL, headers: Mapping[str, str], body: bytes, limit: int, *, cut: bool
    ) -> Fetched:
        defaults = {"user-agent": self._user_agent, "accept": "*/*", "accept-encoding": ACCEPT_ENCODING}
        sent = defaults | {name.lower(): value for name, value in headers.items()}
        try:
            async with self._pool.stream(
                method,
                str(url.copy_with(fragment=None)),
                headers=list(sent.items()),
                content=body if method == "POST" else None,
            ) as response:
                received = {
                    name.decode("latin-1").lower(): value.decode("latin-1")
                    for name, value in response.headers
                }
                if not cut and _declared(received) > limit:
                    raise TooLarge
                async with aclosing(response.aiter_stream()) as chunks:  # type: ignore[type-var]  # is a generator
                    data = await read_body(chunks, received.get("content-encoding", ""), limit, cut=cut)
                return Fetched(response.status, received, data, str(url))
        except TooLarge as error:
            sentence = f"{url.host} answered with more than {limit // MEGABYTE or 1} MB."
            raise FetchFailed(sentence, temporary=False) from error
        except httpcore.ConnectError as error:
            raise FetchFailed(f"{url.host} could not be connected to.", temporary=True) from error
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
            raise FetchFailed(f"The connection to {url.host} broke off.", temporary=True) from error


def _declared(headers: Mapping[str, str]) -> int:
    """The body's length that the server announced; 0 if it did not, or if it is no number."""
    length = headers.get("content-length", "")
    return int(length) if length.isdecimal() else 0


def _redirected(
    current: httpx.URL, location: str, headers: Mapping[str, str]
) -> tuple[httpx.URL, dict[str, str]]:
    """Where a redirect leads, and the headers that may go along."""
    try:
        target = check_url(str(current.join(location)))
    except (httpx.InvalidURL, UnicodeError, ValueError) as error:
        raise FetchFailed("The URL redirects to something that is not a URL.", temporary=False) from error
    same = (target.scheme, target.host, target.port) == (current.scheme, current.host, current.port)
    return target, {
        name: value for name, value in headers.items() if same or name.lower() not in NOT_FOR_OTHERS
    }
