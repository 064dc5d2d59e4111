"""JSON and JSON Lines: objects within objects become headings, lists of records lines, long texts paragraphs."""

import json
from collections.abc import Iterator
from typing import Any

from minirag_ingest.adapters.extract.budget import Blocks
from minirag_ingest.adapters.extract.errors import Unreadable
from minirag_ingest.adapters.extract.text import decode_utf8
from minirag_ingest.domain.document import Block, Document, flow, paragraphs

MAX_HEADINGS = 4
"""Keys of the heading path; what lies deeper is named within the line, such as ``address.city``."""
MAX_DEPTH = 200
LONG = 200
"""Characters; a longer text, or one of several lines, is prose under its key."""
TITLES = ("title", "name", "headline", "subject")


def extract(data: bytes) -> Document:
    """The title is the document's own member of such a name."""
    text = decode_utf8(data)
    try:
        values, lines = [json.loads(text)], False
    except json.JSONDecodeError as error:
        values, lines = _json_lines(text, error), True
    except ValueError as error:  # Python's own limit, against numbers that take minutes
        raise Unreadable("The JSON file has a number with too many digits.") from error
    top = values[0] if len(values) == 1 else None
    titles = [top[key] for key in TITLES if isinstance(top.get(key), str)] if isinstance(top, dict) else []
    blocks = Blocks()
    for value in values:
        if lines and isinstance(value, (dict, list)):
            blocks.extend(_record(value, ()))
        else:
            blocks.extend(_value(value, ()))
    return Document(flow(titles[0])[:300] or None if titles else None, tuple(blocks))


def _json_lines(text: str, error: json.JSONDecodeError) -> list[Any]:
    """One value a line; a file that is neither is told where it stops being JSON."""
    found = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError as in_line:
            if number > 1 and found and isinstance(found[0], (dict, list)):
                raise Unreadable(
                    f"The file is not valid JSON Lines: {in_line.msg} in line {number}."
                ) from error
            raise Unreadable(
                f"The file is not valid JSON: {error.msg} in line {error.lineno}, column {error.colno}."
            ) from error
    return found


def _value(value: Any, path: tuple[str, ...]) -> Iterator[Block]:
    """A part of the document under the keys that lead to it."""
    if isinstance(value, dict) and (len(path) < MAX_HEADINGS) and any(map(_nested, value.values())):
        flat = {key: inner for key, inner in value.items() if not _nested(inner)}
        if flat:
            yield from _record(flat, path)
        for key, inner in value.items():
            if _nested(inner):
                yield from _value(inner, (*path, flow(key)))
    elif isinstance(value, list) and any(map(_nested, value)):
        for inner in value:
            yield from _record(inner, path)
    else:
        yield from _record(value, path)


def _record(value: Any, path: tuple[str, ...]) -> Iterator[Block]:
    """One line, and a paragraph for each long text in it."""
    parts: list[str] = []
    for name, plain in _leaves(value, "", 0):
        if isinstance(plain, str) and (len(plain) > LONG or "\n" in plain.strip()):
            if parts:
                yield Block("; ".join(parts), path, kind="line")
                parts = []
            heading = (*path, name) if name else path
            yield from (Block(text, heading) for text in paragraphs(plain))
        else:
            told = _plain(plain)
            if told:
                parts.append(f"{name}: {told}" if name else told)
    if parts:
        yield Block("; ".join(parts), path, kind="line")


def _leaves(value: Any, name: str, depth: int) -> Iterator[tuple[str, Any]]:
    """Plain values with their dotted names; plain values of one list in one."""
    if depth > MAX_DEPTH:
        raise Unreadable("The JSON file is nested too deeply.")
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{name}.{flow(key)}" if name else flow(key), depth + 1)
    elif isinstance(value, list):
        if any(map(_nested, value)) or any(isinstance(item, str) and len(item) > LONG for item in value):
            for inner in value:
                yield from _leaves(inner, name, depth + 1)
        else:
            yield name, ", ".join(filter(None, map(_plain, value)))
    else:
        yield name, value


def _nested(value: Any) -> bool:
    return isinstance(value, (dict, list)) and bool(value)


def _plain(value: Any) -> str:
    if value is None or isinstance(value, (dict, list)):
        return ""
    return str(value).lower() if isinstance(value, bool) else flow(str(value))
