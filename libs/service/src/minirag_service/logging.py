"""JSON log lines on standard output, made so that the text of people cannot get into them.

The text of an unexpected exception may quote what somebody wrote (validators and databases do), so only its type and
the places that it passed are written. What shall be read is said in the message and in ``extra``.
"""

import asyncio
import json
import logging
import os
import sys
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from minirag_contracts import tracing
from minirag_contracts.context import trace_id_of
from minirag_contracts.errors import Refusal
from minirag_contracts.events.base import UnknownEventError
from minirag_eventstore.errors import Explained, MigrationMismatch, NotConnected

logger = logging.getLogger(__name__)

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

OURS = (Refusal, Explained, MigrationMismatch, NotConnected, UnknownEventError)
"""Exceptions whose text is known to be ours. None that others raise: a KeyError's is the key, which may be anybody's word."""


class JsonFormatter(logging.Formatter):
    """One record, one line."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """JSON without a line break."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if traceparent := tracing.current():
            line["trace_id"] = trace_id_of(traceparent, None)
        line.update({key: value for key, value in vars(record).items() if key not in _STANDARD})
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = _exception(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def _exception(info: tuple[type[BaseException], BaseException, TracebackType | None]) -> dict[str, Any]:
    kind, error, trace = info
    places = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)[-8:]]
    described: dict[str, Any] = {"type": f"{kind.__module__}.{kind.__qualname__}", "trace": places}
    if text := _text(error):
        described["text"] = text
    if error.__cause__ is not None:
        described["cause"] = type(error.__cause__).__qualname__
    return described


def _text(error: BaseException) -> str:
    """What may be said of it: our own sentence, or the system's word for its number (not the name of the file)."""
    if isinstance(error, OURS):
        return str(error)
    if isinstance(error, OSError) and type(error).__module__ == "builtins" and error.errno:
        return os.strerror(error.errno)
    return ""


def report(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Takes what an event loop has to say (``set_exception_handler``), whose own message quotes exceptions and arguments."""
    task = context.get("task") or context.get("future")
    coroutine = task.get_coro() if isinstance(task, asyncio.Task) else None
    logger.error(
        "something failed that nobody waited for",
        extra={"coroutine": getattr(coroutine, "__qualname__", None)},
        exc_info=context.get("exception"),
    )


def configure(service: str, level: str) -> None:
    """Sends everything that is logged through the one formatter."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter(service))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for chatty in ("httpx", "httpcore", "nats", "asyncio"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.getLevelName(level)))
