"""Which URLs are refused by their form alone, wherever they are given."""

import pytest
from minirag_service.egress import EgressRefused, check_url


@pytest.mark.parametrize(
    "url",
    [
        "", "example.org/hook", "//example.org/", "ftp://example.org/", "file:///etc/passwd", "https://", "https:///path",
        "https:example.org", "https:\\\\example.org/", "https://user@example.org/", "https://user:pass@example.org/",
        "https://:pass@example.org/", "https://example.org\\@other.example/", "https://example.org:99999/",
        "https://example.org:65536/", "https://example.org:0/", "https://example.org:-1/", "https://example.org:8o/",
        "https://example.org:80:80/", "https://[::1/", "https://[fe80::1%25eth0]/", "https://[::1%lo]/", "https://[v1.x]/",
        "https://exa mple.org/", "https://exa%2fmple.org/", "https://127.0.0.1%00.example.org/",
        "https://example.org\\.other.example/", "https://a..example/", "https://.example/", "https://*.example/",
        "https://a,b.example/", "https://example.org/\r\nX-Evil: 1", "https://exa\tmple.org/",
        "https://" + "a" * 64 + ".example/", "https://" + "a.b" * 100 + "/", "https://example.org/" + "a" * 2048,
        "https://example.org/\ud800",
    ],
)  # fmt: skip
def test_a_url_that_could_not_be_called_is_refused_with_a_sentence(url: str) -> None:
    with pytest.raises(EgressRefused) as refused:
        check_url(url)
    assert str(refused.value).endswith(".")


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://example.org", "example.org"),
        ("HTTPS://Example.org:8443/a b?c=d#e", "example.org"),
        (" http://example.org/ \n", "example.org"),
        ("http://example.org./", "example.org."),
        ("http://under_score.example/", "under_score.example"),
        ("http://[2001:db8::1]/", "2001:db8::1"),
        ("http://bücher.example/", "xn--bcher-kva.example"),
    ],
)
def test_a_url_that_can_be_called_is_taken(url: str, host: str) -> None:
    assert check_url(url).raw_host.decode() == host
