"""Which addresses are the public internet, and which others the operator allows besides.

Decided by allow-lists where there are any (IPv6: only 2000::/3 is global unicast, RFC 4291 §2.4), and by the IANA special-purpose
registries (RFC 6890) for IPv4. An IPv6 address that stands for an IPv4 address is judged by that one as well.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Self

from minirag_service.egress.errors import EgressRefused
from minirag_service.egress.urls import check_url

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

NOT_PUBLIC_V4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "168.63.129.16/32",  # the metadata address of a large cloud, although it lies in public space
    )
)
GLOBAL_UNICAST_V6 = IPv6Network("2000::/3")
NOT_PUBLIC_V6 = tuple(
    IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "3fff::/20", "2620:4f:8000::/48")
)
NAT64 = IPv6Network("64:ff9b::/96")
ISATAP = (b"\x00\x00\x5e\xfe", b"\x02\x00\x5e\xfe")
"""Bytes 8 to 11 of an ISATAP address (RFC 5214 §6.1); the IPv4 address follows them."""


def is_public(address: Address) -> bool:
    """Whether a packet to this address ends in the public internet, however the address is written."""
    if isinstance(address, IPv4Address):
        return address.is_global and not any(address in network for network in NOT_PUBLIC_V4)
    if address.scope_id is not None:
        return False
    translated = _translated(address)
    if translated is not None:
        return is_public(translated)
    if address not in GLOBAL_UNICAST_V6 or any(address in network for network in NOT_PUBLIC_V6):
        return False
    tunnelled = _tunnelled(address)
    return tunnelled is None or is_public(tunnelled)


def _translated(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that a packet to a mapped or NAT64 address really goes to."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return IPv4Address(address.packed[12:]) if address in NAT64 else None


def _tunnelled(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 end point within a 6to4 or ISATAP address."""
    if address.sixtofour is not None:
        return address.sixtofour
    return IPv4Address(address.packed[12:]) if address.packed[8:12] in ISATAP else None


@dataclass(frozen=True, slots=True)
class Allowance:
    """What the operator lets us reach although it is not public: networks, hosts, hosts with a port."""

    networks: tuple[Network, ...] = ()
    hosts: frozenset[tuple[str, int | None]] = frozenset()

    @classmethod
    def parse(cls, text: str) -> Self:
        """From a comma-separated list of ``host``, ``host:port``, address or CIDR; raises ValueError for anything else."""
        networks: list[Network] = []
        hosts: set[tuple[str, int | None]] = set()
        for entry in filter(None, (part.strip() for part in text.split(","))):
            try:
                networks.append(ip_network(entry.strip("[]"), strict=False))
            except ValueError:
                hosts.add(_host_entry(entry))
        return cls(tuple(networks), frozenset(hosts))

    def permits(self, host: str, port: int, address: Address) -> bool:
        """Whether this address may be reached, public or not, when a URL names ``host`` and ``port``."""
        name = host.lower().rstrip(".")
        if (name, None) in self.hosts or (name, port) in self.hosts or is_public(address):
            return True
        plain = _translated(address) if isinstance(address, IPv6Address) else None
        return any(found in network for network in self.networks for found in (address, plain) if found)


def _host_entry(entry: str) -> tuple[str, int | None]:
    """The host as URLs name it, in ASCII."""
    host, colon, port = entry.rpartition(":")
    if not colon:
        host, port = entry, ""
    try:
        if not host or any(sign in entry for sign in "/?#@") or (colon and not port.isdecimal()):
            raise EgressRefused
        named = check_url(f"http://{entry}")
    except EgressRefused as error:
        raise ValueError(f"{entry!r} is neither a host, nor host:port, nor a network") from error
    return named.raw_host.decode("ascii").rstrip("."), int(port) if port else None


def parse_address(text: str) -> Address:
    """An address as the resolver writes it, a scope (``%eth0``) included."""
    return ip_address(text)
