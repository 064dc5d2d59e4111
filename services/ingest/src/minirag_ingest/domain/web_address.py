"""URLs in one form each, so that a page that is linked in several ways is one page."""

import re
from urllib.parse import SplitResult, parse_qsl, quote, urljoin, urlsplit, urlunsplit

MAX_URL = 2048
DEFAULT_PORTS = {"http": 80, "https": 443}
_TRACKING = (
    "_ga _gl _hsenc _hsmi dclid fbclid gad_source gbraid gclid gclsrc igshid mc_cid mc_eid mkt_tok msclkid phpsessid srsltid "
    "twclid vero_id wbraid wickedid yclid"
)
TRACKING = frozenset(_TRACKING.split())
"""Parameters that say who follows a link, never what it leads to; as is whatever begins with ``utm_``."""
_FILES = (
    "7z apk avi bin bmp bz2 css deb dmg exe flac gif gz ico iso jar jpeg jpg js m4a m4v mjs mkv mov mp3 mp4 mpeg msi ogg ogv "
    "otf png rar rpm rss svg tar tgz tif tiff ttf wasm wav webm webp whl wmv woff woff2 xz zip"
)
FILES = frozenset(_FILES.split())
"""Extensions of what is no text to read."""
_ESCAPE = re.compile("%([0-9A-Fa-f]{2})")
_SESSION = re.compile(r";jsessionid=[^/?#]*", re.IGNORECASE)
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_SAFE = "!$&'()*+,;=:@/%~"


def canonical(link: str, base: str | None = None) -> str | None:
    """The one form of a link: without fragment, default port, tracking and session; None if it leads to no web page."""
    try:
        parts = urlsplit(urljoin(base, link.strip()) if base else link.strip())
        if parts.scheme.lower() not in DEFAULT_PORTS or not parts.hostname or parts.username is not None:
            return None
        url = urlunsplit((parts.scheme.lower(), _netloc(parts), _path(parts), _query(parts.query), ""))
    except ValueError:
        return None
    return url if len(url) <= MAX_URL else None


def host_of(url: str) -> str:
    """Host and port, as they are in a canonical URL."""
    return urlsplit(url).netloc


def same_site(one: str, other: str) -> bool:
    """Whether two canonical URLs are of one host; with and without ``www.``, encrypted or not."""
    return host_of(one).removeprefix("www.") == host_of(other).removeprefix("www.")


def place_of(url: str) -> str:
    """Path and query of a canonical URL."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def is_file(url: str) -> bool:
    """Whether the path's end says that this is no text."""
    name = urlsplit(url).path.rsplit("/", 1)[-1]
    return "." in name and name.rsplit(".", 1)[1].lower() in FILES


def shown(url: str, longest: int) -> str:
    """A name for a page: its URL without scheme and query."""
    parts = urlsplit(url)
    return f"{parts.netloc}{parts.path}"[:longest]


def _netloc(parts: SplitResult) -> str:
    host = (parts.hostname or "").rstrip(".")
    host = f"[{host}]" if ":" in host else host
    port = parts.port
    return host if port is None or port == DEFAULT_PORTS[parts.scheme.lower()] else f"{host}:{port}"


def _path(parts: SplitResult) -> str:
    path = _SESSION.sub("", parts.path) or "/"
    kept = [part for part in path.split("/") if part != "."]
    steps: list[str] = []
    for part in kept:
        if part != "..":
            steps.append(part)
        elif len(steps) > 1:
            steps.pop()
    if path.endswith(("/.", "/..")):
        steps.append("")
    return _escaped("/".join(steps) or "/")


def _escaped(text: str) -> str:
    """Everything escaped that has to be, in capitals, and nothing that need not."""
    return _ESCAPE.sub(_escape, quote(text, safe=_SAFE))


def _escape(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16))
    return character if character in _UNRESERVED else f"%{match[1].upper()}"


def _query(query: str) -> str:
    kept = [part for part in query.split("&") if part and not _tracks(part)]
    return quote("&".join(kept), safe=_SAFE + "?[]")


def _tracks(parameter: str) -> bool:
    names = [name.lower() for name, _ in parse_qsl(parameter, keep_blank_values=True)]
    return any(name in TRACKING or name.startswith("utm_") for name in names)
