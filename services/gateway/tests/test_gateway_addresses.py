"""From where a client asks, whoever says what about it."""

from typing import Any

import pytest
from minirag_gateway.entrypoints.http.addresses import Addresses, counted
from minirag_gateway.settings import Settings
from minirag_service.testing import settings_for
from pydantic import ValidationError

PROXY, OTHER_PROXY, CLIENT = "10.0.0.1", "10.0.0.2", "203.0.113.9"


def scheme(peer: str | None, *headers: tuple[str, str], header: str = "") -> str:
    scope = {"scheme": "http", **_scope(peer, headers)}
    return Addresses.of_settings(_settings("10.0.0.0/8, fd00::/8", header)).scheme(scope)


def of(
    peer: str | None, *headers: tuple[str, str], trusted: str = "10.0.0.0/8, fd00::/8", header: str = ""
) -> str:
    return Addresses.of_settings(_settings(trusted, header)).of(_scope(peer, headers))


def _settings(trusted: str, header: str) -> Settings:
    return settings_for(
        Settings,
        "nats://x",
        ("postgresql://x", "postgresql://x"),
        trusted_proxies=trusted,
        proxy_header=header or "x-forwarded-for",
    )


def _scope(peer: str | None, headers: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    return {
        "client": None if peer is None else (peer, 1234),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
    }


def forwarded(*values: str) -> list[tuple[str, str]]:
    return [("x-forwarded-for", value) for value in values]


@pytest.mark.parametrize(
    ("peer", "header", "expected"),
    [
        (CLIENT, forwarded("1.2.3.4"), CLIENT),
        (PROXY, [], PROXY),
        (PROXY, forwarded(CLIENT), CLIENT),
        (PROXY, forwarded("1.2.3.4, " + CLIENT), CLIENT),
        (PROXY, forwarded("1.2.3.4", CLIENT), CLIENT),
        (PROXY, forwarded(f"1.2.3.4, {CLIENT}, {OTHER_PROXY}"), CLIENT),
        (PROXY, forwarded(f"10.9.9.9, {OTHER_PROXY}"), "10.9.9.9"),
        (PROXY, forwarded("garbage, " + CLIENT), CLIENT),
        (PROXY, forwarded(CLIENT + ", garbage"), PROXY),
        (PROXY, forwarded(f"unknown, {OTHER_PROXY}"), PROXY),
        (PROXY, forwarded(""), PROXY),
        (PROXY, forwarded(","), PROXY),
        (PROXY, forwarded("203.0.113.9\x00"), PROXY),
        (PROXY, forwarded("2001:db8::1"), "2001:db8::1"),
        (PROXY, forwarded("[2001:db8::1]:443"), "2001:db8::1"),
        (PROXY, forwarded("203.0.113.9:5000"), CLIENT),
        (PROXY, forwarded("::ffff:203.0.113.9"), CLIENT),
        ("::ffff:10.0.0.1", forwarded(CLIENT), CLIENT),
        ("fd00::1", forwarded(CLIENT), CLIENT),
        (PROXY, [("forwarded", f"for={CLIENT}")], PROXY),
        (None, forwarded(CLIENT), ""),
    ],
)
def test_only_what_trusted_proxies_wrote_is_believed(
    peer: str, header: list[tuple[str, str]], expected: str
) -> None:
    assert of(peer, *header) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (f"for={CLIENT}", CLIENT),
        (f"for=1.2.3.4, for={CLIENT};proto=https;by={PROXY}", CLIENT),
        (f'proto=https;For="{CLIENT}:8080"', CLIENT),
        ('for="[2001:db8::1]:443"', "2001:db8::1"),
        ("for=unknown", PROXY),
        ("for=_hidden", PROXY),
        ("proto=https", PROXY),
        ("xfor=1.2.3.4", PROXY),
    ],
)
def test_forwarded_is_read_where_the_operator_says_so(value: str, expected: str) -> None:
    sent = [("forwarded", value), ("x-forwarded-for", "1.1.1.1")]
    assert of(PROXY, *sent, header="forwarded") == expected
    assert of(PROXY, *sent) == "1.1.1.1"


def test_nobody_is_trusted_unless_it_is_said() -> None:
    assert of("127.0.0.1", *forwarded(CLIENT), trusted="") == "127.0.0.1"


def test_a_network_that_is_none_refuses_to_start() -> None:
    with pytest.raises(ValidationError, match="MINIRAG_TRUSTED_PROXIES: '10.0.0.0/99' is no network"):
        of(PROXY, trusted="10.0.0.0/99")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("", ""),
    ],
)
def test_a_client_of_ipv6_is_its_whole_network(address: str, expected: str) -> None:
    assert counted(address) == expected


@pytest.mark.parametrize(
    ("peer", "sent", "header", "expected"),
    [
        (PROXY, ("x-forwarded-proto", "https"), "", "https"),
        (PROXY, ("x-forwarded-proto", "HTTPS, http"), "", "https"),
        (PROXY, ("x-forwarded-proto", "wss"), "", "http"),
        (PROXY, ("x-forwarded-proto", ""), "", "http"),
        (PROXY, ("forwarded", "proto=https"), "", "http"),
        (
            PROXY,
            ("forwarded", 'for=1.2.3.4;Proto="https";by=_x, for=5.6.7.8;proto=http'),
            "forwarded",
            "https",
        ),
        (PROXY, ("x-forwarded-proto", "https"), "forwarded", "http"),
        (CLIENT, ("x-forwarded-proto", "https"), "", "http"),
        (None, ("x-forwarded-proto", "https"), "", "http"),
    ],
)
def test_only_a_trusted_proxy_says_that_it_was_https(
    peer: str | None, sent: tuple[str, str], header: str, expected: str
) -> None:
    assert scheme(peer, sent, header=header) == expected
