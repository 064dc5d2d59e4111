"""How log lines of the different processes are shown."""

import asyncio
import io
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from minirag_local import logs
from minirag_local.child import Child
from minirag_local.environment import inherited, python
from minirag_local.logs import Logbook, Terminal, readable, stored_lines
from minirag_local.process import Program
from minirag_local.supervisor import Backoff


def test_json_lines_become_a_sentence_with_its_details() -> None:
    line = '{"time":"t","level":"warning","service":"chat","logger":"x","message":"slow","seconds":3}'
    assert readable(line) == (30, "WARNING slow seconds=3")


def test_an_exception_is_shown_as_type_and_last_place() -> None:
    line = '{"level":"error","message":"failed","exception":{"type":"ValueError","trace":["a.py:1 f","b.py:2 g"]}}'
    assert readable(line) == (40, "ERROR failed [ValueError b.py:2 g]")


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("[12] [INF] Starting", 10),
        ("[12] [ERR] No space", 40),
        ("[12] [WRN] Plaintext passwords detected, use nkeys or bcrypt", 10),
        ("LOG:  ready", 10),
        ("FATAL:  no such role", 40),
        ("FATAL:  the database system is starting up", 10),
        ("{broken", 20),
        ("plain words", 20),
    ],
)
def test_every_program_has_levels(line: str, level: int) -> None:
    assert readable(line)[0] == level


def test_lines_below_the_level_are_kept_and_not_shown(tmp_path: Path) -> None:
    shown = io.StringIO()
    terminal = Terminal(shown)
    book = Logbook(tmp_path / "minirag.log", terminal, "INFO")
    book.add("nats", b"[1] [INF] quiet")
    book.add("nats", b"[1] [WRN] loud")
    terminal.close()
    book.close()
    assert "quiet" not in shown.getvalue()
    assert "nats       loud" in shown.getvalue()
    assert [line.split(" ", 1)[1] for line in stored_lines(tmp_path / "minirag.log", "nats")] == [
        "nats [1] [INF] quiet",
        "nats [1] [WRN] loud",
    ]


def test_the_log_file_is_set_aside_when_it_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "LOG_FILE_BYTES", 200)
    terminal = Terminal(io.StringIO())
    book = Logbook(tmp_path / "minirag.log", terminal, "INFO")
    for _ in range(20):
        book.add("chat", b"x" * 50)
    book.close()
    assert (tmp_path / "minirag.log").stat().st_size <= 300
    assert (tmp_path / "minirag.log.1").stat().st_size <= 300


def test_a_pipe_that_nobody_reads_holds_no_exit_up() -> None:
    """Python's own buffer of the output would be locked by the waiting thread, and flushing it is Python's last act."""
    script = (
        "from minirag_local.logs import Terminal\n"
        "terminal = Terminal()\n"
        "for _ in range(1500): terminal.line('x' * 100)\n"
        "terminal.close()\n"
    )
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-c", script]
    process = subprocess.Popen(command, env=buffered, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.communicate()


def test_of_more_lines_than_are_read_those_of_the_supervisor_are_shown(tmp_path: Path) -> None:
    reads = threading.Event()

    class Slow(io.StringIO):
        def write(self, text: str) -> int:
            reads.wait(30)
            return super().write(text)

    shown = Slow()
    terminal = Terminal(shown)
    book = Logbook(tmp_path / "minirag.log", terminal, "INFO")
    for _ in range(3000):
        book.add("chat", b"flood")
    book.add("supervisor", b"a notice")
    terminal.line("MiniRAG is ready")
    reads.set()
    terminal.close()
    book.close()
    assert shown.getvalue().count("flood") < 3000
    assert "lines not shown" in shown.getvalue()
    assert "a notice\nMiniRAG is ready\n" in shown.getvalue()


async def test_a_program_that_floods_leaves_time_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minirag_local.child._CHUNK", 6)
    read, read_when_others_ran, all_read = 0, list[int](), asyncio.Event()

    def sink(line: bytes) -> None:
        nonlocal read
        read += 1
        if read == 1:
            asyncio.get_running_loop().call_soon(lambda: read_when_others_ran.append(read))
        if read == 100:
            all_read.set()

    at_once = "import os, time; os.write(1, b'12345\\n' * 100); time.sleep(60)"
    child = Child(Program(name="flood", argv=python("-c", at_once), environment=inherited()), sink)
    async with asyncio.timeout(20):
        await all_read.wait()
    await child.stop(signal.SIGKILL, 10)
    [early] = read_when_others_ran
    assert early < 10


def test_delays_grow_to_a_limit_and_start_again_after_a_calm_time() -> None:
    backoff = Backoff(first=0.2, longest=1.0, calm=30)
    delays = [0.0]
    for _ in range(4):
        delays.append(backoff.following(delays[-1], lived=1))
    assert delays[1:] == [0.2, 0.4, 0.8, 1.0]
    assert backoff.following(1.0, lived=31) == 0.2
