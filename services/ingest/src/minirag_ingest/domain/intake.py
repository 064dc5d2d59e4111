"""What a client may give us: limits, allowed types, and which part of a configuration may be in an event."""

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from minirag_contracts.events.ingest import SourceType
from minirag_contracts.requests.ingest import (
    ACCEPTED_TYPES,
    CONFIG_MAX,
    MAX_FILES,
    config_size,
    extension_of,
    is_archive,
)

from minirag_ingest.domain.crawl_plan import public_plan
from minirag_ingest.domain.language import LANGUAGES
from minirag_ingest.domain.sizes import Sizes
from minirag_ingest.errors import (
    ArchiveAmongFiles,
    FileTooLarge,
    InvalidSource,
    NoChildren,
    UnsupportedFileType,
)

MEGABYTE = 1024 * 1024
MAX_FILE = 10 * MEGABYTE
"""Bytes of an upload (spec §8)."""
MAX_TEXT = 5 * MEGABYTE
"""Bytes of a text source in UTF-8; the bus carries 8 MB a message, JSON escapes included."""
MAX_NAME = 255
MAX_DESCRIPTION = 1000
MAX_CHILDREN = 1000
"""Children of one batch."""
CUTTING_RULES = 1
"""Counted up when the same text would be cut into other passages than before, so that nothing passes for unchanged."""
FILE_FACTS = ("original_filename", "file_size")
"""What the configuration of an upload says about its file."""
CUTTING = ("chunk_size", "chunk_overlap", "language")
"""What the configuration of any source may say about its passages."""


def check_file(filename: str, size: int, archive_limit: int = MAX_FILE) -> None:
    """By name and size, in this order (spec §8); an archive may be larger than a document."""
    extension = extension_of(filename)
    if extension not in ACCEPTED_TYPES:
        told = extension[:20] or "none"
        raise UnsupportedFileType(f"Unsupported file type: {told}. Allowed: {', '.join(ACCEPTED_TYPES)}")
    limit = archive_limit if is_archive(filename) else MAX_FILE
    if size > limit:
        raise FileTooLarge(f"File too large. Maximum size is {limit // MEGABYTE} MB.")


def file_config(filename: str, size: int) -> dict[str, Any]:
    """What the configuration of an upload says about its file (``FILE_FACTS``)."""
    return {"original_filename": filename, "file_size": size}


def check_files(files: Sequence[tuple[str, int]]) -> None:
    """Several files of one upload, by name and size; a refusal names its file."""
    if not files:
        raise NoChildren
    if len(files) > MAX_FILES:
        raise InvalidSource(f"At most {MAX_FILES} files can be uploaded at a time.")
    for filename, size in files:
        if is_archive(filename):
            raise ArchiveAmongFiles(f"{filename}: {ArchiveAmongFiles.default_detail()}")
        try:
            check_file(filename, size)
        except (UnsupportedFileType, FileTooLarge) as refusal:
            raise type(refusal)(f"{filename}: {refusal.detail}") from None


def check_names(name: str, description: str, config: dict[str, Any]) -> None:
    """What every source has."""
    if not name.strip():
        raise InvalidSource("The name of a source must not be empty.")
    if len(name) > MAX_NAME:
        raise InvalidSource(f"The name of a source may have at most {MAX_NAME} characters.")
    if len(description) > MAX_DESCRIPTION:
        raise InvalidSource(f"The description of a source may have at most {MAX_DESCRIPTION} characters.")
    if _has_nul([name, description, config]):
        raise InvalidSource("NUL characters are not allowed.")
    if config_size(config) > CONFIG_MAX:
        raise InvalidSource(f"The config of a source may have at most {CONFIG_MAX // 1024} KiB as JSON.")


def encode_text(content: str | None) -> bytes | None:
    """The text of a text source as it is stored."""
    if content is None:
        return None
    if "\0" in content:
        raise InvalidSource("The content contains NUL characters, which are not allowed.")
    try:
        body = content.encode()
    except UnicodeEncodeError as error:
        raise InvalidSource("The content contains half a surrogate pair, which is no text.") from error
    if len(body) > MAX_TEXT:
        raise InvalidSource(
            f"Content too large. Maximum size is {MAX_TEXT // MEGABYTE} MB; a file may have {MAX_FILE // MEGABYTE} MB."
        )
    return body


def cutting_rules(config: dict[str, Any]) -> str:
    """What decides how a text is cut, beside the text itself, as one string."""
    asked = {name: config[name] for name in CUTTING if name in config}
    return json.dumps([CUTTING_RULES, asked], sort_keys=True)


def url_of(config: dict[str, Any]) -> str | None:
    """The URL of a url source, None if there is none; raises InvalidSource when it is not even a text."""
    url = config.get("url")
    if url is None or url == "":
        return None
    if not isinstance(url, str):
        raise InvalidSource("The URL of a source must be a string.")
    return url.strip()


def check_child(config: dict[str, Any]) -> None:
    """What a source with a parent may not have: the pages of a site are children themselves."""
    if config.get("crawl") is not None:
        raise InvalidSource("A source with a parent cannot be crawled: its pages would be nested too deeply.")


def check_cutting(config: dict[str, Any]) -> None:
    """How long passages shall be, and in which language they are; raises InvalidSource."""
    try:
        Sizes.of(config)
    except ValueError as error:
        raise InvalidSource(str(error)) from error
    language = config.get("language")
    if language is not None and (not isinstance(language, str) or language not in LANGUAGES):
        raise InvalidSource(
            f"The language must be one of these ISO 639-1 codes: {', '.join(sorted(LANGUAGES))}."
        )


def replaced_config(source_type: SourceType, old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The configuration that a client puts in the place of the old one; what a file was is not for them to say."""
    facts = {key: old[key] for key in FILE_FACTS if key in old}
    return {**new, **facts} if source_type == "upload" else new


def has_something(source_type: SourceType, config: dict[str, Any], has_body: bool) -> bool:
    """Whether there is anything to ingest; a source without is a container for its children."""
    return bool(config.get("url")) if source_type == "url" else has_body


def public_config(source_type: SourceType, config: dict[str, Any]) -> dict[str, Any]:
    """What an event may tell: never a query, which may hold a key, and nothing that we do not know."""
    public = _cutting(config)
    if source_type == "url":
        url = url_of(config)
        shown = {"url": urlunsplit(urlsplit(url)._replace(query="", fragment=""))} if url else {}
        crawl = {"crawl": public_plan(config)} if config.get("crawl") is not None else {}
        return {**shown, **crawl, **public}
    if source_type == "upload":
        return {key: config[key] for key in FILE_FACTS if key in config} | public
    return public


def _cutting(config: dict[str, Any]) -> dict[str, Any]:
    """Nothing of a configuration that was given before these names meant something."""
    try:
        check_cutting(config)
    except InvalidSource:
        return {}
    return {key: config[key] for key in CUTTING if config.get(key) is not None}


def _has_nul(value: Any) -> bool:
    """Whether a NUL (which Postgres cannot store in text) is anywhere in a JSON value."""
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(_has_nul(key) or _has_nul(item) for key, item in value.items())
    return isinstance(value, list) and any(_has_nul(item) for item in value)
