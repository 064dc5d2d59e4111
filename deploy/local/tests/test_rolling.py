"""A rolling restart of a stack with one tiny service: what becomes ready takes the place of the old, what does not leaves it."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from minirag_local import kernel
from minirag_local import stack as stack_of_programs
from minirag_local.environment import inherited, python
from minirag_local.errors import StackError, UnhealthyError
from minirag_local.process import ProcessSpec
from minirag_local.rolling import Rolling
from minirag_local.settings import StackSettings
from minirag_local.supervisor import Observer, Supervisor
from minirag_local.testing import Stack, running_stack

PROGRAM = Path(__file__).with_name("small_stack.py")
SMALL = (sys.executable, str(PROGRAM), "up")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running_stack(tmp_path_factory.mktemp("rolling"), command=SMALL) as running:
        yield running


def restart(stack: Stack, *services: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, str(PROGRAM), "restart", *services],
        env={**os.environ, "MINIRAG_DATA_DIR": str(stack.data_dir)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_new_process_takes_the_place_of_the_old_and_comes_back_when_it_is_killed(stack: Stack) -> None:
    old = stack.pid("sleeper")
    done = restart(stack)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("setup is done (pre)\nsleeper is restarted (")
    new = stack.pid("sleeper")
    assert new != old
    assert kernel.start_time(old) is None
    greetings = stack.logs().count("hello")
    stack.kill("sleeper")
    deadline = time.monotonic() + 20
    while stack.pid("sleeper") == new or stack.logs().count("hello") == greetings:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_what_ends_at_once_leaves_the_old_process_in_its_place(stack: Stack) -> None:
    old = stack.pid("sleeper")
    broken = stack.folder.run / "broken"
    broken.touch()
    try:
        done = restart(stack, "sleeper")
    finally:
        broken.unlink()
    assert done.returncode == 1
    assert done.stderr == (
        "minirag: sleeper does not become ready: it ended with status 1. The old process goes on; "
        "`minirag logs sleeper` says more.\n"
    )
    assert stack.pid("sleeper") == old
    assert kernel.start_time(old) is not None
    assert "the new code is broken" in stack.logs()
    assert restart(stack, "sleeper").returncode == 0


def test_servers_and_what_is_no_process_are_refused_with_a_sentence(stack: Stack) -> None:
    for name in ("nats", "postgres", "typo"):
        done = restart(stack, name)
        assert (done.returncode, done.stderr) == (
            1,
            f"minirag: {name!r} cannot be restarted by itself; sleeper can.\n",
        )


def test_one_restart_at_a_time(stack: Stack) -> None:
    results: list[subprocess.CompletedProcess[str]] = []
    threads = [threading.Thread(target=lambda: results.append(restart(stack))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {result.stderr for result in results if result.returncode} <= {
        "minirag: A restart is under way already.\n"
    }
    assert 0 in {result.returncode for result in results}


def test_without_a_stack_there_is_nothing_to_restart(tmp_path: Path) -> None:
    nothing = Stack(tmp_path / "data", {})
    done = restart(nothing)
    assert (done.returncode, done.stderr) == (1, f"minirag: No MiniRAG runs on {nothing.data_dir}.\n")


def living_children() -> set[int | None]:
    """Of this process."""
    found = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    return {int(pid) for pid in found if kernel.start_time(int(pid)) is not None}


async def test_what_never_becomes_ready_is_taken_away_after_a_while() -> None:
    well = True

    async def probe(_: int) -> None:
        if not well:
            raise UnhealthyError("it is thinking")

    spec = ProcessSpec(
        name="thinker",
        argv=python("-c", "import time; time.sleep(60)"),
        environment=inherited(),
        probe=probe,
        replaced="beside",
    )
    supervisor, before = Supervisor([spec], Observer()), living_children()
    await supervisor.start()
    try:
        old, well = supervisor.pids()["thinker"], False
        with pytest.raises(
            StackError, match=r"not become ready: it is thinking, after 0 s\. The old process"
        ):
            await Rolling(supervisor, print, ready_within=0.3).run(["thinker"])
        assert supervisor.pids()["thinker"] == old
        assert living_children() - {old} == before
    finally:
        await supervisor.stop()


def ignores(pid: int, number: int) -> bool:
    mask = Path(f"/proc/{pid}/status").read_text().partition("SigIgn:")[2].split()[0]
    return bool(int(mask, 16) >> (number - 1) & 1)


async def test_who_does_not_go_by_itself_is_stopped_as_at_the_end_of_the_stack() -> None:
    async def probe(pid: int) -> None:
        if not ignores(pid, signal.SIGUSR1):
            raise UnhealthyError("it would hear the signal")

    deaf = "import signal, time; signal.signal(signal.SIGUSR1, signal.SIG_IGN); time.sleep(60)"
    spec = ProcessSpec(
        name="deaf", argv=python("-c", deaf), environment=inherited(), probe=probe, replaced="beside"
    )
    supervisor = Supervisor([spec], Observer())
    await supervisor.start()
    try:
        told: list[str] = []
        old = supervisor.pids()["deaf"]
        await Rolling(supervisor, told.append, patience=0.3).run([])
        assert told[0] == "the old deaf gives back what it has not finished"
        assert supervisor.pids()["deaf"] not in (None, old)
        assert kernel.start_time(old or 0) is None
    finally:
        await supervisor.stop()


@pytest.mark.parametrize("replaced", ["beside", "after"])
async def test_a_restart_that_is_called_off_at_any_moment_leaves_nothing_that_nobody_keeps(
    replaced: Literal["beside", "after"],
) -> None:
    """As the stack is stopped in the middle of it: whatever still runs then is stopped with the rest."""

    async def probe(_: int) -> None:
        return

    spec = ProcessSpec(
        name="sleeper",
        argv=python("-c", "import time; time.sleep(60)"),
        environment=inherited(),
        probe=probe,
        replaced=replaced,
    )
    before = living_children()
    for steps in range(1, 13):
        supervisor = Supervisor([spec], Observer())
        await supervisor.start()
        restarting = asyncio.create_task(Rolling(supervisor, lambda _: None).run([]))
        for _ in range(steps):
            await asyncio.sleep(0)  # a step of the event loop, and no more
        restarting.cancel()
        await asyncio.gather(restarting, return_exceptions=True)
        await supervisor.stop()
        assert living_children() == before, steps


@pytest.mark.parametrize(
    ("text", "gateways", "chats"), [("", 1, 1), ("3", 3, 3), ("gateway=2, chat=3", 2, 3), ("chat=2", 1, 2)]
)
def test_replicas_are_one_number_or_one_for_each(text: str, gateways: int, chats: int) -> None:
    replicas = StackSettings.from_environment({"MINIRAG_REPLICAS": text}).replicas
    assert (replicas["gateway"], replicas["chat"], replicas["webhooks"]) == (
        gateways,
        chats,
        3 if text == "3" else 1,
    )


@pytest.mark.parametrize("text", ["0", "11", "-1", "many", "chat=0", "chat=", "vectors=2", "chat=2,"])
def test_other_replicas_are_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(StackError, match="MINIRAG_REPLICAS"):
        StackSettings.from_environment({"MINIRAG_REPLICAS": text})


@pytest.mark.parametrize(("text", "seconds"), [("", 8 + 2), ("30", 30 + 2), ("PT1M", 60 + 2)])
def test_a_process_is_killed_only_after_the_time_that_it_was_given(text: str, seconds: float) -> None:
    async def probe(_: int) -> None:
        return

    settings = StackSettings.from_environment({"MINIRAG_DRAIN": text})
    spec = stack_of_programs._replica(
        ProcessSpec(name="chat", argv=(), environment={}, probe=probe), 0, settings
    )
    assert spec.grace == seconds


def test_a_time_that_is_none_is_refused_with_a_sentence() -> None:
    with pytest.raises(StackError, match="MINIRAG_DRAIN"):
        StackSettings.from_environment({"MINIRAG_DRAIN": "a while"})
