"""Log lines: everything goes to a file, and a short form with the process' name in front goes to the terminal."""

import json
import os
import queue
import re
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

LOG_FILE_BYTES = 16 * 1024 * 1024
"""The log file is set aside as ``.1`` at this size, so that two of them is all the disk that logs take."""

STDOUT = 1

SUPERVISOR = "supervisor"
"""The name in front of our own lines."""

_WAITING_LINES = 2000
_LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}
_COLOURS = {30: "\033[33m", 40: "\033[31m", 50: "\033[31m"}
_NATS_LEVEL = re.compile(r"^\[\d+\] \[(TRC|DBG|INF|WRN|ERR|FTL)\] ")
_NATS_LEVELS = {"TRC": 10, "DBG": 10, "INF": 10, "WRN": 30, "ERR": 40, "FTL": 50}
_EXPECTED = "Plaintext passwords detected"
"""They are 256 random bits in a file of mode 0600; bcrypt would cost 50 ms of CPU at every connect."""
_POSTGRES_LEVEL = re.compile(r"^(DEBUG\d?|LOG|INFO|NOTICE|DETAIL|HINT|WARNING|ERROR|FATAL|PANIC): ")
_POSTGRES_LEVELS = {"WARNING": 30, "ERROR": 40, "FATAL": 40, "PANIC": 50}
_NOT_SHOWN = {
    "level",
    "message",
    "time",
    "timestamp",
    "logger",
    "service",
    "exception",
    "trace_id",
    "tenant_id",
    "color_message",
}


class Terminal:
    """Prints without ever waiting for the reader: a pipe that nobody empties must not stop the supervisor.

    Lines wait in a queue for a thread of their own; of a program's, those that are too many are dropped and counted.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._dropped = 0
        self.coloured = (stream or sys.stdout).isatty()
        self._thread = threading.Thread(target=self._print, name="terminal", daemon=True)
        self._thread.start()

    def line(self, text: str, *, droppable: bool = False) -> None:
        """Print one line, some time soon."""
        if droppable and self._lines.qsize() >= _WAITING_LINES:
            self._dropped += 1
        else:
            self._lines.put(text)

    def close(self) -> None:
        """Print what is waiting, unless nobody reads it within a second."""
        self._lines.put(None)
        self._thread.join(timeout=1)

    def _print(self) -> None:
        while (text := self._lines.get()) is not None:
            if self._dropped:
                text, self._dropped = f"... {self._dropped} lines not shown\n{text}", 0
            try:
                self._write(text + "\n")
            except (OSError, ValueError):  # the reader has gone; the log file still has everything
                return

    def _write(self, text: str) -> None:
        """Past ``sys.stdout``: Python flushes that at its end, and would wait for a thread that waits for a reader."""
        if self._stream is not None:
            self._stream.write(text)
            return
        data = text.encode(errors="replace")
        while data:
            data = data[os.write(STDOUT, data) :]


class Logbook:
    """The log file of all processes, ``<seconds since the epoch> <name> <line as it came>``."""

    def __init__(self, path: Path, terminal: Terminal, level: str) -> None:
        self._path = path
        self._terminal = terminal
        self._level = _LEVELS.get(level, 20)
        self._open()

    def _open(self) -> None:
        self._file = self._path.open("ab", buffering=0)
        self._size = self._path.stat().st_size

    def add(self, name: str, line: bytes, kept_only: bool = False) -> None:
        """Keep one line of a process, and show it when it is important enough and not ``kept_only``."""
        record = f"{time.time():.3f} {name} ".encode() + line + b"\n"
        try:
            self._size += self._file.write(record)
            if self._size > LOG_FILE_BYTES:
                self._file.close()
                self._path.replace(self._path.with_suffix(".log.1"))
                self._open()
        except OSError as error:  # a full disk must not take the stack down
            self._terminal.line(
                f"supervisor: the log file cannot be written: {error.strerror}", droppable=True
            )
        if kept_only:
            return
        level, text = readable(line.decode(errors="replace"))
        if level >= self._level:
            self._terminal.line(self._decorated(name, level, text), droppable=name != SUPERVISOR)

    def close(self) -> None:
        """Nothing more is coming."""
        self._file.close()

    def _decorated(self, name: str, level: int, text: str) -> str:
        clock = time.strftime("%H:%M:%S")
        if not self._terminal.coloured:
            return f"{clock} {name:<10} {text}"
        colour = _COLOURS.get(level, "")
        return f"\033[2m{clock}\033[0m \033[36m{name:<10}\033[0m {colour}{text}\033[0m"


def readable(line: str) -> tuple[int, str]:
    """Level and short form of a line: our services write JSON, NATS and Postgres have forms of their own."""
    if line.startswith("{"):
        try:
            return _from_json(json.loads(line))
        except ValueError:
            return 20, line
    if match := _NATS_LEVEL.match(line):
        text = line[match.end() :]
        return 10 if text.startswith(_EXPECTED) else _NATS_LEVELS[match[1]], text
    if match := _POSTGRES_LEVEL.match(line):
        starting = line.startswith("FATAL:  the database system is ")  # an answer to our own probe
        return 10 if starting else _POSTGRES_LEVELS.get(match[1], 10), line
    return 20, line


def _from_json(record: dict[str, object]) -> tuple[int, str]:
    level = _LEVELS.get(str(record.get("level", "INFO")).upper(), 20)
    extras = " ".join(f"{key}={value}" for key, value in record.items() if key not in _NOT_SHOWN)
    text = " ".join(part for part in (str(record.get("message", "")), extras) if part)
    label = "" if level == 20 else f"{str(record.get('level')).upper()} "
    exception = record.get("exception")
    return level, f"{label}{text}" + (f" [{_cause(exception)}]" if exception else "")


def _cause(exception: object) -> str:
    """Type, text and last place of an exception; the file has the rest."""
    if not isinstance(exception, dict):
        return str(exception)
    parts = [exception.get("type"), exception.get("text"), *(exception.get("trace") or [])[-1:]]
    return " ".join(str(part) for part in parts if part)


def stored_lines(path: Path, name: str | None = None) -> Iterator[str]:
    """The kept log lines, oldest first, of one process or of all; fields are as in the file."""
    for file in (path.with_suffix(".log.1"), path):
        if file.exists():
            with file.open(encoding="utf-8", errors="replace") as lines:
                yield from (
                    line.rstrip("\n") for line in lines if name is None or line.split(" ", 2)[1] == name
                )
