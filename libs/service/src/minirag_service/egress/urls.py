"""Which URLs may be called as far as their form goes: one check for whoever takes, keeps, follows or calls one."""

import re
from ipaddress import IPv6Address

import httpx

from minirag_service.egress.errors import EgressRefused

MAX_URL = 2048
LONGEST_NAME = 253
NAME = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?")
"""A host name or an IPv4 address in any notation. No ``%``, ``\\`` or other sign on which two readers of a URL might differ."""


def check_url(url: str) -> httpx.URL:
    """The parsed URL, which may be called unless its host leads to a place that may not be reached; EgressRefused otherwise."""
    if len(url) > MAX_URL:
        raise EgressRefused(f"The URL is longer than {MAX_URL} characters.")
    try:
        parsed = httpx.URL(url.strip())
        host = parsed.raw_host.decode("ascii")
    except (httpx.InvalidURL, UnicodeError, ValueError) as error:
        raise EgressRefused("This is not a valid URL.") from error
    if parsed.scheme not in ("http", "https"):
        raise EgressRefused("The URL must begin with http:// or https://.")
    if not host:
        raise EgressRefused("The URL has no host.")
    if parsed.userinfo:
        raise EgressRefused("The URL must not contain a user name or password.")
    if not _is_host(host):
        raise EgressRefused("The URL's host is neither a name nor an address.")
    if parsed.port is not None and not 0 < parsed.port <= 65535:
        raise EgressRefused("The URL's port must be between 1 and 65535.")
    return parsed


def _is_host(host: str) -> bool:
    if ":" not in host:
        return len(host.rstrip(".")) <= LONGEST_NAME and NAME.fullmatch(host) is not None
    try:
        return IPv6Address(host).scope_id is None
    except ValueError:
        return False
