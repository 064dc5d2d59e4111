"""Why a worker process gave no answer, told as what follows from it: final, or worth another try (ADR 0022)."""

import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from minirag_ingest.adapters.extract.errors import TOO_COMPLEX
from minirag_ingest.adapters.extract.worker import ReplyTooLarge, Stalled, WorkerDied
from minirag_ingest.ports import ExtractionInterrupted, Unreadable

log = logging.getLogger(__name__)

FROM_OUTSIDE = frozenset((signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP))
"""Signals that say nothing about the document: the operator, or the kernel short of memory."""


@dataclass(frozen=True, slots=True)
class Sentences:
    """What people are told, by what the process was there for."""

    code: str
    stood_still: str
    ended: str
    too_large: str
    too_complex: str
    too_long: str
    damaged: str


READING = Sentences(
    code="unreadable_document",
    stood_still="The process that read the document stood still.",
    ended="The process that read the document was ended.",
    too_large="The document contains too much text.",
    too_complex=TOO_COMPLEX,
    too_long="Reading the document takes too long.",
    damaged="The document is damaged: reading it failed.",
)
UNPACKING = Sentences(
    code="unreadable_archive",
    stood_still="The process that unpacked the archive stood still.",
    ended="The process that unpacked the archive was ended.",
    too_large="The archive contains too much.",
    too_complex="The archive needs too much memory to be unpacked.",
    too_long="Unpacking the archive takes too long.",
    damaged="The archive is damaged: unpacking it failed.",
)


@contextmanager
def told_as(sentences: Sentences) -> Iterator[None]:
    """Turns what a worker raises into Unreadable, or into ExtractionInterrupted where it says nothing about what was read:
    a process that stands still may have waited for its input.
    """
    try:
        yield
    except Stalled as error:
        log.warning("an extraction worker stood still")
        raise ExtractionInterrupted(sentences.stood_still) from error
    except ReplyTooLarge as error:
        raise Unreadable(sentences.code, sentences.too_large) from error
    except WorkerDied as error:
        log.warning("an extraction worker died", extra={"signal": str(error.signal)})
        if error.out_of_memory:
            raise Unreadable(sentences.code, sentences.too_complex) from error
        if error.signal in FROM_OUTSIDE or error.signal is None:
            raise ExtractionInterrupted(sentences.ended) from error
        if error.signal == signal.SIGXCPU:
            raise Unreadable(sentences.code, sentences.too_long) from error
        raise Unreadable(sentences.code, sentences.damaged) from error
