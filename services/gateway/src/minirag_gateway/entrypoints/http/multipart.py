"""A multipart form as it comes in, part by part, without holding a file in memory (RFC 7578)."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from minirag_gateway.errors import MalformedUpload

MAX_FIELD = 64 * 1024
"""Bytes of one text field."""

MAX_PARTS = 128


@dataclass(frozen=True, slots=True)
class PartBegin:
    """A part begins; ``filename`` None means a text field."""

    name: str
    filename: str | None


@dataclass(frozen=True, slots=True)
class PartData:
    """A piece of the current part."""

    data: bytes


@dataclass(frozen=True, slots=True)
class PartEnd:
    """The current part is complete."""


Event = PartBegin | PartData | PartEnd


@dataclass(slots=True)
class _Collector:
    """The parser's callbacks, turned into events."""

    events: list[Event] = field(default_factory=list)
    ended: bool = False
    _header: tuple[bytearray, bytearray] = field(default_factory=lambda: (bytearray(), bytearray()))
    _disposition: bytes = b""
    _parts: int = 0

    def part_begin(self) -> None:
        self._disposition = b""
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise MalformedUpload(f"The form has more than {MAX_PARTS} parts.")

    def header_field(self, data: bytes, start: int, end: int) -> None:
        self._header[0].extend(data[start:end])

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._header[1].extend(data[start:end])

    def header_end(self) -> None:
        if self._header[0].lower() == b"content-disposition":
            self._disposition = bytes(self._header[1])
        self._header = (bytearray(), bytearray())

    def headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        if b"name" not in options:
            raise MalformedUpload("A part of the form has no name.")
        filename = options.get(b"filename")
        self.events.append(PartBegin(_text(options[b"name"]), None if filename is None else _text(filename)))

    def part_data(self, data: bytes, start: int, end: int) -> None:
        self.events.append(PartData(data[start:end]))

    def part_end(self) -> None:
        self.events.append(PartEnd())

    def end(self) -> None:
        self.ended = True

    def take(self) -> list[Event]:
        events, self.events = self.events, []
        return events


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


async def parse(content_type: str, body: AsyncIterator[bytes]) -> AsyncIterator[Event]:
    """The form's parts in order; raises MalformedUpload for what is no complete form."""
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data" or b"boundary" not in options:
        raise MalformedUpload("The body must be multipart/form-data with a boundary.")
    collector = _Collector()
    try:
        parser = MultipartParser(
            options[b"boundary"],
            {
                "on_part_begin": collector.part_begin,
                "on_part_data": collector.part_data,
                "on_part_end": collector.part_end,
                "on_header_field": collector.header_field,
                "on_header_value": collector.header_value,
                "on_header_end": collector.header_end,
                "on_headers_finished": collector.headers_finished,
                "on_end": collector.end,
            },
        )
        async for chunk in body:
            if collector.ended:  # an epilogue is allowed and means nothing
                continue
            parser.write(chunk)
            for event in collector.take():
                yield event
    except FormParserError as error:
        raise MalformedUpload from error
    if not collector.ended:
        raise MalformedUpload
