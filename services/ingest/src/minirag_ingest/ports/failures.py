"""What a step of an ingestion may end with, other than success."""

from datetime import timedelta

from minirag_eventstore import Explained


class LastingFailure(Exception):
    """This version can never be made. ``code`` is stable, ``str()`` a sentence for people."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class Answered(LastingFailure):
    """The URL answered with a status that is no page; asking again soon is of no use."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__("fetch_failed", sentence)
        self.status = status


class Unreadable(LastingFailure):
    """The bytes cannot be read as a document."""


class TemporaryFailure(Explained):
    """A later attempt may succeed; ``str()`` is a sentence for people. ``retry_after``: what the other side asked for."""

    code = "fetch_failed"

    def __init__(self, sentence: str, retry_after: timedelta | None = None) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


class ExtractionInterrupted(TemporaryFailure):
    """The process that read the document was ended from outside."""

    code = "interrupted"


class Busy(Exception):
    """Somebody wants us to come back later, which slows the work down and never fails it: a provider's rate limit."""

    def __init__(
        self,
        retry_after: timedelta,
        sentence: str = "Indexing was asked to slow down; it goes on by itself.",
    ) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after
