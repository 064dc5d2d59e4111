"""The words of tus 1.0.0 (https://tus.io/protocols/resumable-upload): headers in, headers out."""

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC
from email.utils import format_datetime

from fastapi import Request
from pydantic import ValidationError

from minirag_gateway.commands.resumable import UploadRead
from minirag_gateway.entrypoints.http.problems import clean_errors, sentence
from minirag_gateway.entrypoints.http.schemas.sources import UploadForm
from minirag_gateway.entrypoints.http.tus_headers import VERSION
from minirag_gateway.errors import InvalidMetadata, TusVersionUnsupported, WrongMediaType

EXTENSIONS = "creation,expiration,termination"

MEDIA_TYPE = "application/offset+octet-stream"

SOURCE_ID = "X-MiniRAG-Source-Id"

EXPOSED = (
    "Location",
    "Tus-Resumable",
    "Tus-Version",
    "Tus-Extension",
    "Tus-Max-Size",
    "Upload-Offset",
    "Upload-Length",
    "Upload-Metadata",
    "Upload-Expires",
    SOURCE_ID,
)
"""Headers that a script on another origin has to read."""


def check_version(version: str) -> None:
    """Raises TusVersionUnsupported."""
    if version != VERSION:
        raise TusVersionUnsupported


def check_media_type(request: Request) -> None:
    """Raises WrongMediaType."""
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != MEDIA_TYPE:
        raise WrongMediaType


def about(upload: UploadRead) -> dict[str, str]:
    """How far it is."""
    headers = {
        "Tus-Resumable": VERSION,
        "Upload-Offset": str(upload.offset),
        "Upload-Expires": format_datetime(upload.expires_at.astimezone(UTC), usegmt=True),
        "Cache-Control": "no-store",
    }
    if upload.source_id is not None:
        headers[SOURCE_ID] = str(upload.source_id)
    return headers


def form_of(metadata: Mapping[str, str], filename: str) -> UploadForm:
    """What the metadata say of the source; raises InvalidMetadata."""
    sent = {key: value for key, value in metadata.items() if value and key in UploadForm.model_fields}
    try:
        return UploadForm.model_validate({"name": filename, **sent})
    except ValidationError as error:
        errors = clean_errors(
            list(error.errors(include_url=False, include_context=False, include_input=False))
        )
        raise InvalidMetadata(f"Upload-Metadata: {sentence(errors)}") from None


def metadata_of(header: str) -> dict[str, str]:
    """Pairs of a key and a text in Base64, separated by commas; raises InvalidMetadata."""
    found: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in header.split(","))):
        key, _, value = pair.partition(" ")
        if key in found:
            raise InvalidMetadata(f"Upload-Metadata: {key[:64]} is there twice.")
        found[key] = _text(key, value)
    return found


def _text(key: str, value: str) -> str:
    try:
        text = base64.b64decode(value.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        raise InvalidMetadata(f"Upload-Metadata: {key[:64]} is no UTF-8 text in Base64.") from None
    if "\x00" in text:
        raise InvalidMetadata(f"Upload-Metadata: {key[:64]} must not contain the character U+0000.")
    return text
