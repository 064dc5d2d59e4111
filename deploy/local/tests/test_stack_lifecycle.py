"""The supervisor with the real NATS and Postgres and a tiny service: starting, dying, stopping."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from minirag_local import kernel
from minirag_local.testing import Stack, is_running, running_stack

PROGRAM = Path(__file__).with_name("small_stack.py")
SMALL = (sys.executable, str(PROGRAM), "up")


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with running_stack(tmp_path, command=SMALL) as running:
        yield running


def minirag(stack: Stack, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, str(PROGRAM), *arguments],
        env={**os.environ, "MINIRAG_PORT": "0", "MINIRAG_DATA_DIR": str(stack.data_dir), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def family(pid: int) -> list[int]:
    """A process and all its descendants."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(descendant for child in children for descendant in family(int(child)))]


def all_gone(pids: list[int], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while any(kernel.start_time(pid) is not None for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def wait_for_another(stack: Stack, name: str, old: int) -> int:
    deadline = time.monotonic() + 10
    while (pid := stack.pid(name)) == old:
        assert time.monotonic() < deadline, f"{name} did not come back"
        time.sleep(0.02)
    return pid


def wait_for_log(stack: Stack, text: str) -> None:
    deadline = time.monotonic() + 10
    while text not in stack.logs():
        assert time.monotonic() < deadline, f"{text!r} was not logged"
        time.sleep(0.02)


def test_the_ready_line_is_printed_once_and_ctrl_c_stops_everything(tmp_path: Path) -> None:
    with running_stack(tmp_path, command=SMALL) as stack:
        pids = family(stack.pid("supervisor"))
        assert [line for line in stack.output if line.startswith("MiniRAG is ready")] == [
            f"MiniRAG is ready: {stack.url}"
        ]
        assert stack.stop() == 0
        assert all_gone(pids, 0)
        assert not is_running(stack.data_dir)
        assert sorted(p.name for p in stack.folder.run.iterdir()) == ["lock", "nats.conf", "nats.pid"]


def test_status_lists_each_process_with_pid_health_and_address(stack: Stack) -> None:
    found = {entry["name"]: entry for entry in stack.status()}
    assert list(found) == ["supervisor", "nats", "postgres", "sleeper"]
    assert {found[name]["health"] for name in ("supervisor", "nats", "postgres")} == {"ok"}
    assert found["sleeper"]["health"] == "nobody answers on the bus"
    assert found["nats"]["address"].startswith("nats://127.0.0.1:")
    assert found["postgres"]["address"].startswith("postgresql:///minirag?host=/")
    for name in ("nats", "postgres"):
        assert Path(f"/proc/{found[name]['pid']}/comm").read_text().startswith(name)


def test_status_of_nothing_is_an_empty_list_and_exit_status_1(stack: Stack) -> None:
    stack.stop()
    done = minirag(stack, "status", "--json")
    assert (done.returncode, done.stdout) == (1, "[]\n")
    assert "No MiniRAG runs" in minirag(stack, "status").stderr


@pytest.mark.parametrize("name", ["nats", "postgres", "sleeper"])
def test_what_is_killed_comes_back(stack: Stack, name: str) -> None:
    address = {entry["name"]: entry["address"] for entry in stack.status()}[name]
    old = stack.kill(name)
    wait_for_another(stack, name, old)
    wait_for_log(stack, f"{name} is back")
    assert {entry["name"]: entry["address"] for entry in stack.status()}[name] == address


def test_what_dies_while_its_pid_cannot_be_written_comes_back_as_well(stack: Stack) -> None:
    in_its_way = stack.folder.state.with_name("state.json.new")
    in_its_way.mkdir()  # as a disk that is full
    old = stack.kill("sleeper")
    wait_for_log(stack, "sleeper is back")
    assert "the state file cannot be written" in stack.logs()
    in_its_way.rmdir()
    assert kernel.start_time(wait_for_another(stack, "sleeper", old)) is not None


def test_the_return_of_nats_runs_the_topology_job(stack: Stack) -> None:
    stack.kill("nats")
    wait_for_log(stack, "topology set up")


def test_a_killed_supervisor_leaves_no_orphans_and_the_folder_starts_again(tmp_path: Path) -> None:
    with running_stack(tmp_path, command=SMALL) as stack:
        pids = family(stack.pid("supervisor"))
        assert len(pids) > 5
        stack.kill_everything()
        assert all_gone(pids, 8)
        stack.start()
        assert {entry["health"] for entry in stack.status() if entry["name"] == "postgres"} == {"ok"}


def test_a_second_stack_on_the_folder_is_refused_with_a_sentence(stack: Stack) -> None:
    done = minirag(stack, "up")
    assert done.returncode == 1
    assert done.stderr == (
        f"minirag: A MiniRAG already runs on {stack.data_dir} (process {stack.pid('supervisor')}): "
        "`minirag down` stops it.\n"
    )


def test_down_stops_it_from_elsewhere_and_says_so_when_there_is_nothing(stack: Stack) -> None:
    assert minirag(stack, "down").returncode == 0
    assert not is_running(stack.data_dir)
    again = minirag(stack, "down")
    assert (again.returncode, again.stderr) == (1, f"minirag: No MiniRAG runs on {stack.data_dir}.\n")


def test_a_taken_port_is_refused_before_anything_is_started(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        done = minirag(Stack(tmp_path / "data", {}), "up", MINIRAG_PORT=port)
    assert done.returncode == 1
    assert f"Port {port} on 127.0.0.1 is taken by another program" in done.stderr
    assert not (tmp_path / "data" / "postgres").exists()


def test_a_failing_set_up_stops_everything_and_shows_what_it_said(tmp_path: Path) -> None:
    script = "print('the disk is on holiday'); raise SystemExit(3)"
    done = minirag(Stack(tmp_path / "data", {}), "up", SMALL_STACK_SETUP=script)
    assert done.returncode == 1
    assert "setup ended with status 3:\nthe disk is on holiday" in done.stderr
    assert not is_running(tmp_path / "data")


def test_a_long_path_is_no_obstacle_for_sockets(tmp_path: Path) -> None:
    with running_stack(tmp_path / ("long" * 30), command=SMALL) as stack:
        assert {entry["health"] for entry in stack.status() if entry["name"] == "postgres"} == {"ok"}
        sockets = Path(
            {e["name"]: e["address"] for e in stack.status()}["postgres"].partition("host=")[2].split("&")[0]
        )
        assert sockets.stat().st_mode & 0o077 == 0
        stack.stop()
        assert not sockets.exists()


def test_output_that_nobody_reads_does_not_stop_the_supervisor(tmp_path: Path) -> None:
    with running_stack(tmp_path, command=SMALL) as stack:
        flood = "for n in range(20000): print('x' * 100)"
        stack.environment = {**stack.environment, "SMALL_STACK_CHATTER": flood}
        stack.stop()
        stack.start()
        wait_for_log(stack, "chatter is over")
        old = stack.kill("nats")
        wait_for_another(stack, "nats", old)
        assert stack.stop() == 0


def wait_stopped(pid: int) -> None:
    """Until it stands still: of two pending signals the kernel delivers SIGTERM before SIGSTOP."""
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        assert time.monotonic() < deadline, f"{pid} goes on"
        time.sleep(0.01)


def test_a_hung_process_is_killed_after_its_grace(tmp_path: Path) -> None:
    with running_stack(tmp_path, env={"SMALL_STACK_GRACE": "0.3"}, command=SMALL) as stack:
        wait_stopped(stack.kill("sleeper", signal.SIGSTOP))
        assert stack.stop() == 0
        assert "sleeper did not stop within 0 s and was killed" in stack.logs()
