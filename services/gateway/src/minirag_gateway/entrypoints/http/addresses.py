"""Where a request comes from and how: by the peer, or by what a trusted proxy says of its peer."""

import ipaddress
import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network

from starlette.types import Scope

from minirag_gateway.settings import Settings, listed

Address = IPv4Address | IPv6Address
Network = ipaddress.IPv4Network | IPv6Network

_WITH_PORT = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::\d{1,5})?|(\d+\.\d+\.\d+\.\d+)(?::\d{1,5})?")

_FOR = re.compile(r"(?:^|;)\s*for\s*=\s*(?:\"([^\"]*)\"|([^;\s\"]*))", re.IGNORECASE)

_PROTO = re.compile(r"(?:^|;)\s*proto\s*=\s*(?:\"([^\"]*)\"|([^;\s\"]*))", re.IGNORECASE)


class Addresses:
    """Tells clients apart by address. A proxy's header is believed as far as trusted proxies wrote it."""

    def __init__(self, trusted: Sequence[Network], header: str) -> None:
        self._trusted = trusted
        self._header = header.encode()

    @classmethod
    def of_settings(cls, settings: Settings) -> "Addresses":
        """As the operator has it."""
        return cls(
            [ipaddress.ip_network(part) for part in listed(settings.trusted_proxies)], settings.proxy_header
        )

    def of(self, scope: Scope) -> str:
        """The client's address; empty where there is none (a socket of this machine)."""
        client = scope.get("client")
        peer = client[0] if client else ""
        if not self._trusted:
            return str(peer)
        address = parse(peer)
        return str(peer) if address is None else str(self._behind(address, self._hops(scope)))

    def scheme(self, scope: Scope) -> str:
        """By what the browser asked: ``http`` or ``https``, also where a trusted proxy has ended the TLS.

        Of several proxies the first counts: it is the one that the browser talked to.
        """
        client = scope.get("client")
        peer = parse(client[0]) if client else None
        if peer is not None and self._is_trusted(peer):
            told = self._told_scheme(scope)
            if told in ("http", "https"):
                return told
        return str(scope["scheme"])

    def _told_scheme(self, scope: Scope) -> str:
        forwarded = self._header == b"forwarded"
        name = self._header if forwarded else b"x-forwarded-proto"
        value = next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")
        first = value.split(",", 1)[0].strip()
        return (_parameter(_PROTO, first) if forwarded else first).lower()

    def _behind(self, peer: Address, hops: Iterable[str]) -> Address:
        """The nearest hop that is no trusted proxy; the peer where the header is garbage before that."""
        nearest = peer
        for hop in hops:
            if not self._is_trusted(nearest):
                return nearest
            found = parse(hop)
            if found is None:
                return peer
            nearest = found
        return nearest

    def _hops(self, scope: Scope) -> list[str]:
        """What the header lists, the nearest first."""
        values = [value.decode("latin-1") for name, value in scope["headers"] if name == self._header]
        entries = [entry.strip() for entry in ",".join(values).split(",")] if values else []
        if self._header == b"forwarded":
            entries = [_parameter(_FOR, entry) for entry in entries]
        return entries[::-1]

    def _is_trusted(self, address: Address) -> bool:
        return any(address.version == network.version and address in network for network in self._trusted)


def parse(text: str) -> Address | None:
    """An address as headers and sockets write it, with or without port; None for anything else."""
    match = _WITH_PORT.fullmatch(text)
    try:
        address = ipaddress.ip_address((match[1] or match[2]) if match else text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or IPv6Address(int(address))  # without a zone
    return address


def counted(address: str) -> str:
    """By what limits tell clients apart: a whole /64 of IPv6 belongs to one of them."""
    parsed = parse(address)
    if isinstance(parsed, IPv6Address):
        return str(IPv6Network((parsed, 64), strict=False))
    return str(parsed) if parsed else address


def _parameter(pattern: re.Pattern[str], element: str) -> str:
    """One parameter of an element of Forwarded (RFC 7239). A ``for`` that is no address (``unknown``, ``_hidden``) is garbage."""
    match = pattern.search(element)
    return (match[1] or match[2] or "") if match else ""
