"""Where processes listen: on addresses of both kinds, where both are wanted."""

import socket

import pytest
from minirag_service.listening import listen

NEEDS_IPV6 = pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")


def reached(listener: socket.socket, host: str) -> bool:
    """Whether who connects to this address comes here."""
    try:
        with socket.create_connection((host, listener.getsockname()[1]), timeout=5):
            listener.settimeout(5)
            listener.accept()[0].close()
            return True
    except ConnectionRefusedError:
        return False


@NEEDS_IPV6
def test_every_address_is_one_of_both_kinds() -> None:
    with listen("::", 0) as listener:
        assert reached(listener, "127.0.0.1")
        assert reached(listener, "::1")


@NEEDS_IPV6
@pytest.mark.parametrize(("host", "other"), [("0.0.0.0", "::1"), ("127.0.0.1", "::1"), ("::1", "127.0.0.1")])
def test_other_addresses_are_of_their_own_kind(host: str, other: str) -> None:
    with listen(host, 0, 16) as listener:
        assert reached(listener, "127.0.0.1" if "." in host else "::1")
        assert not reached(listener, other)


def test_a_taken_address_is_refused() -> None:
    with listen("127.0.0.1", 0) as first, pytest.raises(OSError, match="in use"):
        listen("127.0.0.1", first.getsockname()[1])
