"""Pages and files from the web, through the guarded client."""

from datetime import UTC, datetime, timedelta
from email.message import Message
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from minirag_service.egress import EgressRefused, Fetched, FetchFailed, GuardedClient, check_url

from minirag_ingest.ports import (
    Answered,
    LastingFailure,
    NotModified,
    Page,
    Raw,
    TemporaryFailure,
    Validators,
)

ACCEPT = "text/html, application/xhtml+xml, application/pdf, text/plain, text/markdown, text/csv, */*;q=0.5"
REASONS: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: "it asks for a login",
    HTTPStatus.FORBIDDEN: "access is forbidden",
    HTTPStatus.NOT_FOUND: "there is no such page",
    HTTPStatus.GONE: "the page no longer exists",
}
COMES_BACK = frozenset((HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS))
MAX_RETRY_AFTER = timedelta(minutes=15)
MANY_DIGITS = 6
"""Digits of a number of seconds that is more than MAX_RETRY_AFTER, whatever follows; thousands of them Python does not read."""
MAX_VALIDATOR = 1024
"""Characters of a validator that is worth keeping."""


class WebFetcher:
    """The port Fetcher."""

    def __init__(self, client: GuardedClient) -> None:
        self._client = client

    def check(self, url: str) -> None:
        """By its form; where it leads is seen when it is fetched."""
        try:
            check_url(url)
        except EgressRefused as error:
            raise LastingFailure("invalid_url", str(error)) from error

    async def fetch(self, url: str, known: Validators | None = None) -> Page | NotModified:
        """GET; anything but a success, or that nothing has changed, is a failure."""
        try:
            fetched = await self._client.fetch(url, headers={"accept": ACCEPT, **_conditions(known)})
        except EgressRefused as error:
            raise LastingFailure("fetch_refused", str(error)) from error
        except FetchFailed as error:
            if error.temporary:
                raise TemporaryFailure(str(error)) from error
            raise LastingFailure("fetch_failed", str(error)) from error
        if known is not None and fetched.status == HTTPStatus.NOT_MODIFIED:
            return NotModified(fetched.final_url)
        if fetched.status in COMES_BACK or fetched.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise TemporaryFailure(_sentence(fetched.status), _retry_after(fetched))
        if not HTTPStatus.OK <= fetched.status < HTTPStatus.MULTIPLE_CHOICES:
            raise Answered(fetched.status, _sentence(fetched.status))
        return _page(fetched)


def _page(fetched: Fetched) -> Page:
    media = Message()
    media["content-type"] = fetched.headers.get("content-type", "")
    announced = media.get_content_type() if fetched.headers.get("content-type") else None
    charset = media.get_content_charset()
    validators = Validators(_validator(fetched, "etag"), _validator(fetched, "last-modified"))
    raw = Raw(fetched.body, None, announced, charset)
    return Page(raw, fetched.final_url, validators, fetched.headers.get("x-robots-tag", ""))


def _conditions(known: Validators | None) -> dict[str, str]:
    """Headers that ask for the page only if it is another one by now; both, as servers may understand one of them."""
    if known is None:
        return {}
    said = {"if-none-match": known.etag, "if-modified-since": known.last_modified}
    return {name: value for name, value in said.items() if value}


def _validator(fetched: Fetched, name: str) -> str | None:
    """What can be sent back as it came."""
    value = fetched.headers.get(name, "").strip()
    return (
        value if value and len(value) <= MAX_VALIDATOR and value.isascii() and value.isprintable() else None
    )


def _sentence(status: int) -> str:
    reason = REASONS.get(status)
    return f"The URL answered with status {status}{': ' + reason if reason else ''}."


def _retry_after(fetched: Fetched) -> timedelta | None:
    """Seconds or a date (RFC 9110 §10.2.3), for at most a quarter of an hour."""
    value = fetched.headers.get("retry-after", "").strip()
    try:
        if value.isdecimal():
            wait = timedelta(seconds=int(value.lstrip("0")[:MANY_DIGITS] or 0))
        else:
            wait = parsedate_to_datetime(value) - datetime.now(UTC)
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(wait, timedelta(seconds=1)), MAX_RETRY_AFTER)
