"""JSON bodies: read within a limit, parsed once, refused in words that never repeat what was sent."""

import asyncio
from typing import Any, ClassVar, TypeVar

from fastapi import Request
from pydantic import BaseModel, ConfigDict, ValidationError

from minirag_gateway.entrypoints.http.problems import clean_errors, sentence
from minirag_gateway.errors import BodyTooLarge, BodyTooSlow, InvalidBody


class Body(BaseModel):
    """Anything that a client sends as JSON. Unknown fields are ignored (spec §1); a type is what the document says, so that
    `"false"` is no boolean and `true` no number.
    """

    model_config = ConfigDict(
        frozen=True, extra="ignore", strict=True, allow_inf_nan=False, hide_input_in_errors=True
    )
    may_be_missing: ClassVar[bool] = False
    """Whether a request without any body means one without any field."""


B = TypeVar("B", bound=Body)


async def read_json(request: Request, model: type[B], limit: int | None = None) -> B:
    """The body as ``model``; raises BodyTooLarge beyond ``limit`` bytes (early, where the client tells the length) and
    InvalidBody for anything that is no such JSON. Lone surrogates, bad UTF-8 and endless nesting are no JSON.
    """
    settings = request.app.state.services.settings
    try:
        async with asyncio.timeout(settings.body_timeout.total_seconds()):
            raw = await _read(request, limit or settings.json_body_limit)
    except TimeoutError:
        raise BodyTooSlow from None
    await request.scope["minirag.call"].still()
    try:
        parsed = model.model_validate_json(b"{}" if model.may_be_missing and not raw.strip() else raw)
    except ValidationError as error:
        raise refusal_of(error) from None
    if b"\\u0000" in raw:
        _refuse_nul(parsed)
    return parsed


def refusal_of(error: ValidationError, *where: str) -> InvalidBody:
    """A validation error as a refusal."""
    errors = clean_errors(
        list(error.errors(include_url=False, include_context=False, include_input=False)), "body", *where
    )
    return InvalidBody(sentence(errors), errors)


def invalid(message: str, kind: str, *loc: str | int) -> InvalidBody:
    """A refusal of one field, in the shape of a validation error."""
    errors = [{"loc": ["body", *loc], "msg": message, "type": kind}]
    return InvalidBody(sentence(errors), errors)


async def _read(request: Request, limit: int) -> bytes:
    told = request.headers.get("content-length", "")
    if told.isdigit() and int(told) > limit:
        raise _too_large(limit)
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > limit:
            raise _too_large(limit)
    return bytes(raw)


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"The request body is too large: at most {limit // 1024} KiB are accepted here.")


def _refuse_nul(parsed: BaseModel) -> None:
    place = _nul(parsed.model_dump(exclude_unset=True), ())
    if place is not None:
        raise invalid("Text must not contain the character U+0000", "nul_character", *place)


def _nul(value: Any, place: tuple[str | int, ...]) -> tuple[str | int, ...] | None:
    """Where the first NUL is: Postgres cannot store it in a text."""
    if isinstance(value, str):
        return place if "\x00" in value else None
    if isinstance(value, dict):
        for key, inner in value.items():
            found = place if "\x00" in str(key) else _nul(inner, (*place, str(key)))
            if found is not None:
                return found
    if isinstance(value, list):
        for index, inner in enumerate(value):
            found = _nul(inner, (*place, index))
            if found is not None:
                return found
    return None
