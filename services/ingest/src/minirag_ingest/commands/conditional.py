"""Asking for a page on condition that it has changed, where that is sure: who crawls and who reads a source follow one rule."""

import hashlib
import json
from collections.abc import Awaitable, Callable
from typing import Any

from minirag_ingest.ports import KnownPage, NotModified, Origin, Page, Validators

Fetch = Callable[[Validators | None], Awaitable[Page | NotModified]]
"""GET of one URL; validators make it conditional."""


def fingerprint(config: dict[str, Any]) -> bytes:
    """What makes two configurations the same."""
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode("utf-8", "surrogatepass")).digest()


def known_page(kept: tuple[str, Origin] | None, asked: bytes) -> KnownPage:
    """What is known of a page whose document came from the last URL and origin ``kept``: something only if it was fetched under
    the configuration with the fingerprint ``asked``.
    """
    if kept is None or kept[1].asked != asked:
        return KnownPage()
    last_url, origin = kept
    said = origin.validators if origin.validators.etag or origin.validators.last_modified else None
    return KnownPage(last_url, said, origin.links or ())


async def fetch_anew(fetch: Fetch, known: KnownPage) -> Page | NotModified:
    """The page, unless it is the one that is known."""
    if known.validators is not None:
        page = await fetch(known.validators)
        if not isinstance(page, NotModified) or page.url == known.last_url:
            return page
        # Validators are those of one URL, and it redirects to another one by now.
    return await fetch(None)
