"""Which addresses count as the public internet."""

from ipaddress import ip_address

import pytest
from minirag_service.egress import Allowance, is_public


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1", "127.8.9.1", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
        "169.254.169.254", "100.64.0.1", "100.100.100.200", "192.0.0.8", "192.0.2.1", "198.18.0.1", "198.51.100.7",
        "203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "168.63.129.16",
        "::", "::1", "::ffff:127.0.0.1", "::ffff:10.1.2.3", "::ffff:169.254.169.254", "::127.0.0.1",
        "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2002:a00:1::1",
        "2001::1", "2001:db8::1", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1",
        "100::1", "3fff::1", "2606:4700::5efe:7f00:1", "5f00::1",
    ],
)  # fmt: skip
def test_an_address_that_is_not_the_public_internet_is_known_as_such(text: str) -> None:
    assert not is_public(ip_address(text))


@pytest.mark.parametrize(
    "text", ["8.8.8.8", "1.1.1.1", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_a_public_address_is_known_as_such(text: str) -> None:
    assert is_public(ip_address(text))


@pytest.mark.parametrize(
    ("entry", "host", "port", "address"),
    [
        ("127.0.0.0/8", "anything", 80, "127.0.0.1"),
        ("127.0.0.0/8", "anything", 80, "::ffff:127.0.0.1"),
        ("10.1.2.3", "anything", 80, "10.1.2.3"),
        ("::1", "anything", 80, "::1"),
        ("intranet.example", "INTRANET.example.", 8080, "10.0.0.1"),
        ("intranet.example:8080", "intranet.example", 8080, "10.0.0.1"),
        ("127.0.0.1:9000", "127.0.0.1", 9000, "127.0.0.1"),
        (" a.example , 10.0.0.0/8 ", "b.example", 80, "10.9.9.9"),
    ],
)
def test_what_the_operator_allows_may_be_reached(entry: str, host: str, port: int, address: str) -> None:
    assert Allowance.parse(entry).permits(host, port, ip_address(address))


@pytest.mark.parametrize(
    ("entry", "host", "port", "address"),
    [
        ("", "localhost", 80, "127.0.0.1"),
        ("127.0.0.1:9000", "127.0.0.1", 9001, "127.0.0.1"),
        ("intranet.example:8080", "intranet.example", 22, "10.0.0.1"),
        ("10.0.0.0/8", "x", 80, "192.168.0.1"),
    ],
)
def test_what_the_operator_does_not_name_stays_out_of_reach(
    entry: str, host: str, port: int, address: str
) -> None:
    assert not Allowance.parse(entry).permits(host, port, ip_address(address))


@pytest.mark.parametrize("entry", ["10.0.0.0/99", "host:port", ":80", "http://x/"])
def test_an_allowance_that_says_nothing_sensible_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match="neither a host"):
        Allowance.parse(entry)
