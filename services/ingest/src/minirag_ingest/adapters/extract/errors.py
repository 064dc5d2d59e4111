"""Why a document cannot be read, as sentences for the person who gave it to us; and what a worker and its service agree on."""

import struct

LENGTH = struct.Struct(">I")
"""Comes before each part of what they send each other."""
OUT_OF_MEMORY = 77
"""The exit code of a child that had no memory left even to say so."""
TOO_COMPLEX = "The document needs too much memory to be read."


class Unreadable(Exception):
    """Reading this document will never succeed. ``str()`` is a sentence for people; ``code`` is stable."""

    code = "unreadable_document"


class EmptyDocument(Unreadable):
    """There is no text in it."""

    code = "empty_document"


class UnsupportedType(Unreadable):
    """It is something else than text."""

    code = "unsupported_type"
