"""all-MiniLM-L6-v2 in this process: onnxruntime computes in threads, and lets go of the interpreter while it does.

A query never waits behind bulk work, and bulk threads are nice to everybody on the machine. Tenants take turns run by run. One
thread more than one tenant may fill is there for whoever has had little embedded lately: it is as important as everything
else, so that a single document takes about as long as on an idle machine. An English model; texts are cut at 256 tokens.
Quantised vectors depend a little on their batch neighbours (cosine about .99).
"""

import asyncio
import logging
import os
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from minirag_contracts.context import TenantScope
from minirag_contracts.errors import Unavailable
from minirag_messaging.turnstile import Turnstile

from minirag_retrieval.model_files import GRAPH_NAME, TOKENIZER_NAME, are_complete
from minirag_retrieval.ports import Vector

MODEL_ID = "all-MiniLM-L6-v2/int8-1"
MAX_TOKENS = 256
BATCH = 8
"""Texts per run: more of them gain nothing on a CPU and make every one wait for the longest."""
BULK_NICENESS = 10
LITTLE = 64
"""Texts of a tenant that are embedded ahead of bulk work before it counts as such."""
REMEMBERED = 1000
"""Tenants after which those with next to nothing are looked for."""
LATELY = 20.0
"""Seconds after which half of what a tenant had embedded is forgotten."""

log = logging.getLogger(__name__)
Feeds = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Model:
    """``read`` is quick and holds the interpreter; ``compute`` takes long and lets go of it."""

    read: Callable[[Sequence[str]], Feeds]
    compute: Callable[[Feeds], list[Vector]]

    def encode(self, texts: Sequence[str]) -> list[Vector]:
        """Both."""
        return self.compute(self.read(texts))


class Lately:
    """How much each tenant has had embedded lately: halved every ``LATELY`` seconds, forgotten when next to nothing is left."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._had: dict[TenantScope, tuple[float, float]] = {}

    def add(self, scope: TenantScope, texts: int) -> float:
        """The sum with these."""
        now = self._clock()
        if len(self._had) > REMEMBERED:
            self._had = {key: had for key, had in self._had.items() if _left(had, now) > 1}
        value = _left(self._had.get(scope, (0.0, now)), now) + texts
        self._had[scope] = (value, now)
        return value


def _left(had: tuple[float, float], now: float) -> float:
    value, since = had
    return float(value * 0.5 ** ((now - since) / LATELY))


class MiniLm:
    """``Embedder``; ``load`` must have been started, and everybody waits for it."""

    model_id = MODEL_ID

    def __init__(self, folder: Path, bulk_threads: int | None = None) -> None:
        self._folder = folder
        self._model: Model | None = None
        self._loaded = asyncio.Event()
        self._queries = ThreadPoolExecutor(1, "embed-query")
        self._short = ThreadPoolExecutor(1, "embed-short")
        threads = bulk_threads or os.cpu_count() or 1
        self._bulk = ThreadPoolExecutor(threads, "embed-bulk", initializer=_be_nice)
        self._first = ThreadPoolExecutor(1, "embed-first")
        self._first_is_free = True
        self._lately = Lately()
        self._turnstile = Turnstile(threads + 1, share=threads)

    async def load(self) -> None:
        """Makes the model's files if they are missing, and opens them; raises RuntimeError if that fails."""
        if not await asyncio.to_thread(are_complete, self._folder):
            await _generate(self._folder)
        self._model = await asyncio.to_thread(_open, self._folder)
        self._loaded.set()
        log.info("the embedding model is loaded", extra={"model": MODEL_ID})

    async def check(self) -> None:
        """Health: raises while the model is not there yet."""
        if not self._loaded.is_set():
            raise Unavailable("The embedding model is still being loaded.")

    async def embed_query(self, text: str) -> Vector:
        """About 1.5 ms of one core."""
        return (await self._run(self._queries, [text]))[0]

    async def embed_short(self, texts: Sequence[str]) -> list[Vector]:
        """A few sentences, beside the queries."""
        return await _in_batches(partial(self._run, self._short), texts)

    async def embed_batch(self, texts: Sequence[str], scope: TenantScope) -> list[Vector]:
        """About 12 ms of one core for a full chunk."""

        async def in_turn(part: Sequence[str]) -> list[Vector]:
            async with self._turnstile.turn_of(scope):
                is_little = self._lately.add(scope, len(part)) <= LITTLE
                if is_little and self._first_is_free:
                    return await self._run_first(part)
                return await self._run_nicely(part)

        return await _in_batches(in_turn, texts)

    async def _run_first(self, texts: Sequence[str]) -> list[Vector]:
        self._first_is_free = False
        try:
            return await self._run(self._first, texts)
        finally:
            self._first_is_free = True

    async def _run_nicely(self, texts: Sequence[str]) -> list[Vector]:
        """A thread with a low priority must not hold the interpreter: it would keep it while others have the processor."""
        model, loop = await self._opened(), asyncio.get_running_loop()
        feeds = await loop.run_in_executor(self._short, model.read, texts)
        return await loop.run_in_executor(self._bulk, model.compute, feeds)

    async def close(self) -> None:
        """Gives up what has not begun."""
        for executor in (self._queries, self._short, self._first, self._bulk):
            executor.shutdown(wait=False, cancel_futures=True)

    async def _run(self, executor: ThreadPoolExecutor, texts: Sequence[str]) -> list[Vector]:
        model = await self._opened()
        return await asyncio.get_running_loop().run_in_executor(executor, model.encode, texts)

    async def _opened(self) -> Model:
        await self._loaded.wait()
        assert self._model is not None
        return self._model


async def _in_batches(
    run: Callable[[Sequence[str]], Awaitable[list[Vector]]], texts: Sequence[str]
) -> list[Vector]:
    """Neighbours of about the same length share a batch, so that little is padded."""
    order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
    batches = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
    results = await asyncio.gather(*(run([texts[place] for place in part]) for part in batches))
    vectors: list[Vector | None] = [None] * len(texts)
    for part, result in zip(batches, results, strict=True):
        for place, vector in zip(part, result, strict=True):
            vectors[place] = vector
    return [vector for vector in vectors if vector is not None]


def _open(folder: Path) -> Model:
    """Imports are here because they take a third of a second that nothing else at start depends on."""
    import onnxruntime
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_NAME))
    tokenizer.no_padding()  # the file pads and truncates everything to 128 tokens
    tokenizer.enable_truncation(MAX_TOKENS)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_cpu_mem_arena = True
    session = onnxruntime.InferenceSession(
        str(folder / GRAPH_NAME), options, providers=["CPUExecutionProvider"]
    )

    shrinking = onnxruntime.RunOptions()  # else the memory of the largest batch is kept for ever: 90 MB
    shrinking.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")

    def read(texts: Sequence[str]) -> Feeds:
        rows = [tokenizer.encode(text).ids for text in texts]
        ids = np.zeros((len(rows), max(map(len, rows))), np.int64)
        mask = np.zeros_like(ids)
        for place, row in enumerate(rows):
            ids[place, : len(row)] = row
            mask[place, : len(row)] = 1
        return {"input_ids": ids, "attention_mask": mask}

    def compute(feeds: Feeds) -> list[Vector]:
        options = shrinking if len(feeds["input_ids"]) > 1 else None
        found: Any = session.run(None, feeds, options)[0]
        return list(found)

    return Model(read, compute)


async def _generate(folder: Path) -> None:
    """In a process of its own: the quantiser needs 400 MB for three seconds."""
    command = (sys.executable, "-m", "minirag_retrieval.model_files", "--out", str(folder))
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    _, complaint = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError(
            complaint.decode(errors="replace").strip() or "the model's files could not be made"
        )


def _be_nice() -> None:
    """Lowers the priority of the calling thread; Linux takes a thread's id where others know processes only."""
    if sys.platform.startswith("linux"):
        import threading

        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), BULK_NICENESS)
