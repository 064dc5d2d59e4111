"""Signatures, against published vectors and against computations by hand."""

import base64
import hashlib
import hmac
from uuid import UUID

import pytest
from minirag_webhooks.domain.signature import (
    check_secret,
    headers_for,
    own_signature,
    standard_key,
    standard_signature,
)
from minirag_webhooks.errors import InvalidSecret

MESSAGE = UUID("019f0000-0000-7000-8000-00000000000b")


def test_the_own_signature_is_rfc_4231_test_case_2() -> None:
    signature = own_signature("Jefe", b"what do ya want for nothing?")
    assert signature == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"


def test_the_standard_signature_is_that_of_the_reference_libraries() -> None:
    # Secret, id, time, body and signature of the test suite of Standard Webhooks.
    secret, message = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek"
    body = b'{"test": 2432232314}'
    signature = standard_signature(secret, message, 1614265330, body)
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    by_hand = hmac.new(key, f"{message}.1614265330.".encode() + body, hashlib.sha256).digest()
    assert signature == "v1," + base64.b64encode(by_hand).decode()


def test_the_standard_signature_changes_with_id_and_time() -> None:
    signatures = {standard_signature("s", message, at, b"{}") for message in ("a", "b") for at in (1, 2)}
    assert len(signatures) == 4


def test_a_secret_without_the_standard_prefix_is_its_own_key() -> None:
    assert standard_key("plain secret") == b"plain secret"
    assert standard_key("whsec_" + base64.b64encode(b"k" * 24).decode()) == b"k" * 24


def test_all_headers_of_a_call() -> None:
    headers = headers_for("secret", "chat.message", MESSAGE, 1614265330, b"{}")
    assert headers == {
        "Content-Type": "application/json",
        "X-MiniRAG-Event": "chat.message",
        "X-MiniRAG-Signature": own_signature("secret", b"{}"),
        "webhook-id": str(MESSAGE),
        "webhook-timestamp": "1614265330",
        "webhook-signature": standard_signature("secret", str(MESSAGE), 1614265330, b"{}"),
    }


@pytest.mark.parametrize(
    "secret", ["", "x" * 257, "whsec_", "whsec_????", "whsec_" + base64.b64encode(b"short").decode()]
)
def test_a_secret_that_cannot_sign_is_refused_and_not_repeated(secret: str) -> None:
    with pytest.raises(InvalidSecret) as refused:
        check_secret(secret)
    assert secret not in refused.value.detail or secret in ("", "whsec_")
