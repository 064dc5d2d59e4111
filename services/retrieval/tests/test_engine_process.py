"""The engine as a process: killed, lost, damaged, busy."""

import asyncio
import shutil
import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

import pytest
from minirag_contracts.errors import Unavailable
from minirag_retrieval.adapters.edge import EdgeIndex, EngineError
from minirag_retrieval.engine import folder
from minirag_retrieval.engine.folder import DataFolder, FolderInUseError
from minirag_retrieval.engine.server import Engine
from minirag_retrieval.engine.shard import PointShard
from retrieval_engine import EngineProcess
from retrieval_points import ENCODER, a_point, a_scope, a_vector, ids_of

BOT = uuid4()


async def test_a_killed_engine_loses_no_acknowledged_point_and_the_client_comes_back(
    engine: EngineProcess, edge_index: EdgeIndex
) -> None:
    scope = a_scope()
    points = [a_point(bot_id=BOT) for _ in range(300)]
    await edge_index.insert(scope, points)
    await edge_index.mark(scope, ids_of(points[:100]), 1, to_gen=9)
    identity = (await edge_index.status()).store_id
    engine.kill()
    engine.start()
    spans = await edge_index.spans(scope, ids_of(points))
    assert len(spans) == 300
    assert sum(span.to_gen == 9 for span in spans.values()) == 100
    assert (await edge_index.status()).store_id == identity


async def test_a_write_under_way_when_the_engine_dies_is_sent_again(
    engine: EngineProcess, edge_index: EdgeIndex
) -> None:
    scope = a_scope()
    points = [a_point(bot_id=BOT) for _ in range(3000)]
    await edge_index.status()
    insertion = asyncio.create_task(edge_index.insert(scope, points))
    await asyncio.sleep(0.05)
    engine.kill()
    engine.start()
    await insertion
    assert await edge_index.count(scope, BOT) == 3000


async def test_without_engine_the_caller_is_told_within_its_patience(engine: EngineProcess) -> None:
    engine.kill()
    index = EdgeIndex(engine.socket, patience=0.3)
    async with asyncio.timeout(10):
        with pytest.raises(Unavailable):
            await index.status()


async def test_a_lost_folder_is_noticed_by_another_identity(
    engine: EngineProcess, edge_index: EdgeIndex
) -> None:
    before = await edge_index.status()
    engine.kill()
    shutil.rmtree(engine.data)
    engine.start()
    assert (await edge_index.status()).store_id != before.store_id


async def test_a_damaged_folder_is_put_aside_and_not_deleted(
    engine: EngineProcess, edge_index: EdgeIndex
) -> None:
    await edge_index.insert(a_scope(), [a_point(bot_id=BOT) for _ in range(40)])
    before = await edge_index.status()
    engine.stop()
    for file in (engine.data / "shard").rglob("*"):
        if file.is_file():
            file.write_bytes(b"\x00nonsense")
    engine.start()
    after = await edge_index.status()
    assert (after.store_id != before.store_id, after.points) == (True, 0)
    assert list(engine.data.glob("unreadable-*"))


async def test_a_folder_that_kills_the_process_at_every_start_is_put_aside(
    engine: EngineProcess, edge_index: EdgeIndex
) -> None:
    before = await edge_index.status()
    engine.kill()
    (engine.data / "opening").write_text("2")  # as two processes that died while loading leave it
    engine.start()
    assert (await edge_index.status()).store_id != before.store_id


async def test_writes_that_a_failing_machine_may_have_lost_are_noticed_at_the_next_start(
    engine: EngineProcess, edge_index: EdgeIndex
) -> None:
    await edge_index.insert(a_scope(), [a_point(bot_id=BOT) for _ in range(10)])
    await edge_index.flush()
    before = await edge_index.status()
    engine.kill()
    note = engine.data / "unflushed.json"
    note.write_text('{"boot_id": "the boot before"}')  # as the start of the machine after a failure finds it
    engine.start()
    after = await edge_index.status()
    assert (after.store_id != before.store_id, after.points) == (True, 0)
    assert list(engine.data.glob("unreadable-*"))
    assert not note.exists()


async def test_what_is_on_the_disk_survives_the_machine(engine: EngineProcess, edge_index: EdgeIndex) -> None:
    await edge_index.insert(a_scope(), [a_point(bot_id=BOT) for _ in range(10)])
    before = await edge_index.status()
    assert (engine.data / "unflushed.json").exists()
    assert engine.stop() == 0
    assert not (engine.data / "unflushed.json").exists()
    engine.start()
    assert await edge_index.status() == before


def test_where_starts_of_the_machine_have_no_name_what_was_flushed_outlives_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "BOOT_ID", tmp_path / "nowhere")  # as on other systems than Linux
    data = tmp_path / "data"
    shard = PointShard(data)
    before = shard.store_id
    shard.mark("tenant", [uuid4().bytes], 1, {"to_gen": 9})
    assert (data / "unflushed.json").exists()
    shard.flush()
    shutil.copytree(data, tmp_path / "died")  # what a process that is killed here leaves behind
    shard.close()
    again = PointShard(tmp_path / "died")
    assert again.store_id == before
    again.mark("tenant", [uuid4().bytes], 1, {"to_gen": 9})
    shutil.copytree(tmp_path / "died", tmp_path / "unflushed")
    again.close()
    lost = PointShard(tmp_path / "unflushed")
    assert lost.store_id != before, "a write that nobody flushed may be lost"
    lost.close()


async def test_writes_are_brought_to_the_disk_when_there_are_no_more_of_them(tmp_path: Path) -> None:
    shard = PointShard(tmp_path)
    settling = asyncio.create_task(Engine(shard).settle_forever(quiet=0.1))
    shard.mark("tenant", [uuid4().bytes], 1, {"to_gen": 9})
    assert shard.unflushed
    async with asyncio.timeout(5):
        while shard.unflushed:
            await asyncio.sleep(0.02)
    assert not (tmp_path / "unflushed.json").exists()
    settling.cancel()
    shard.close()


async def test_an_orderly_stop_keeps_everything_and_exits_with_zero(
    engine: EngineProcess, edge_index: EdgeIndex
) -> None:
    scope = a_scope()
    await edge_index.insert(scope, [a_point(bot_id=BOT) for _ in range(10)])
    assert engine.stop() == 0
    engine.start()
    assert await edge_index.count(scope, BOT) == 10


async def test_no_search_fails_while_the_engine_is_stopped_and_another_starts(
    engine: EngineProcess, edge_index: EdgeIndex
) -> None:
    scope, over = a_scope(), asyncio.Event()
    await edge_index.insert(scope, [a_point(bot_id=BOT) for _ in range(10)])

    async def count_on() -> int:
        times = 0
        while not over.is_set():
            assert await edge_index.count(scope, BOT) == 10
            times += 1
        return times

    counting = [asyncio.create_task(count_on()) for _ in range(4)]
    for _ in range(3):
        await asyncio.sleep(0.1)
        assert await asyncio.to_thread(engine.stop) == 0
        await asyncio.to_thread(engine.start)
    over.set()
    assert min(await asyncio.gather(*counting)) > 3


def test_two_engines_never_open_the_same_folder(engine: EngineProcess) -> None:
    with pytest.raises(FolderInUseError):
        DataFolder(engine.data)


async def test_a_newer_folder_is_refused_with_a_sentence_and_left_alone(engine: EngineProcess) -> None:
    engine.stop()
    format_file = engine.data / "format.json"
    format_file.write_text('{"format": 99, "store_id": "x"}')
    command = [
        sys.executable,
        "-m",
        "minirag_retrieval.engine",
        "--socket",
        str(engine.socket),
        "--data",
        str(engine.data),
    ]
    ended = await asyncio.to_thread(subprocess.run, command, capture_output=True, timeout=20, check=False)
    assert ended.returncode == 69
    assert b"format 99" in ended.stdout
    assert format_file.read_text() == '{"format": 99, "store_id": "x"}'


async def test_searches_do_not_wait_behind_a_large_insertion(edge_index: EdgeIndex) -> None:
    scope = a_scope()
    points = [a_point(bot_id=BOT, dense=a_vector(n % 300)) for n in range(6000)]
    await edge_index.insert(scope, points[:100])
    insertion = asyncio.create_task(edge_index.insert(scope, points))
    answered = 0
    while not insertion.done():
        await edge_index.search(scope, BOT, 1, a_vector(), ENCODER.query("river"))
        answered += 1
        await asyncio.sleep(0.002)
    await insertion
    assert answered >= 10


async def test_an_operation_that_does_not_exist_is_refused_and_the_connection_lives(
    edge_index: EdgeIndex,
) -> None:
    with pytest.raises(EngineError):
        await edge_index._call("explode", {})
    assert (await edge_index.status()).points == 0


async def test_what_is_no_frame_ends_that_connection_only(
    engine: EngineProcess, edge_index: EdgeIndex
) -> None:
    reader, writer = await asyncio.open_unix_connection(str(engine.socket))
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()
    assert (await edge_index.status()).points == 0


def test_the_engine_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    socket, data = tmp_path / "s", tmp_path / "d"
    script = (
        "import subprocess, sys, time, os\n"
        f"child = subprocess.Popen([sys.executable, '-m', 'minirag_retrieval.engine', '--socket', {str(socket)!r},"
        f" '--data', {str(data)!r}], stdout=subprocess.DEVNULL)\n"
        f"while not os.path.exists({str(socket)!r}): time.sleep(0.01)\n"
        "print(child.pid, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=30, check=False)
    pid = int(ended.stdout)
    deadline = time.monotonic() + 10
    while (
        Path(f"/proc/{pid}").exists()
        and "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1][:3]
    ):
        assert time.monotonic() < deadline
        time.sleep(0.02)


async def test_a_start_after_many_deletions_gives_back_their_room_and_loses_nothing_else(
    engine: EngineProcess, edge_index: EdgeIndex
) -> None:
    scope = a_scope()
    points = [a_point(f"text number {n}", bot_id=BOT, dense=a_vector(n % 300)) for n in range(3000)]
    await edge_index.insert(scope, points)
    await edge_index.delete(scope, ids_of(points[:2000]))
    assert engine.stop() == 0
    engine.start()
    assert await edge_index.count(scope, BOT) == 1000
    hits = await edge_index.search(scope, BOT, 1, a_vector(100), ENCODER.query("number 2500"))
    assert hits.sparse[0].point_id == points[2500].point_id
    assert hits.dense[0].score == pytest.approx(1.0, abs=1e-5)
