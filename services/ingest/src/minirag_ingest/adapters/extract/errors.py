"""Why a document cannot be read, as sentences for the person who gave it to us."""


class Unreadable(Exception):
    """Reading this document will never succeed. ``str()`` is a sentence for people; ``code`` is stable."""

    code = "unreadable_document"


class EmptyDocument(Unreadable):
    """There is no text in it."""

    code = "empty_document"


class UnsupportedType(Unreadable):
    """It is something else than text."""

    code = "unsupported_type"
