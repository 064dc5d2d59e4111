"""The embedding model alone, in this process: `python -m bench.raw_model TEXTS.json` prints chunks, seconds and CPU seconds.

The same chunks, made by the same code, and the same batches and threads as in the stack; nothing is stored.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

from minirag_contracts.context import TenantScope
from minirag_contracts.ids import new_id
from minirag_ingest.adapters.extract import text
from minirag_ingest.adapters.extract.tokenizer import MiniLmTokens
from minirag_ingest.commands.making import BATCH, IN_FLIGHT
from minirag_ingest.domain.chunking import chunks_of
from minirag_retrieval.adapters.minilm import MiniLm
from minirag_retrieval.model_files import default_folder

from bench.corpus import gathered


async def main(texts: list[str]) -> dict[str, float]:
    """Chunks first, then the measurement."""
    count = MiniLmTokens()
    chunks = [
        f"{chunk.header}\n{chunk.text}"
        for number, body in enumerate(texts)
        for chunk in chunks_of(text.extract(body.encode()), f"Document {number}", None, count)
    ]
    batches = [chunks[start : start + BATCH] for start in range(0, len(chunks), BATCH)]
    model, scope = MiniLm(default_folder()), TenantScope(new_id())
    await model.load()
    await model.embed_batch(batches[0], scope)
    began, cpu = time.monotonic(), time.process_time()
    await gathered(batches, lambda batch: model.embed_batch(batch, scope), IN_FLIGHT)
    seconds, cpu = time.monotonic() - began, time.process_time() - cpu
    await model.close()
    return {"chunks": len(chunks), "seconds": seconds, "cpu_seconds": cpu}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(json.loads(Path(sys.argv[1]).read_bytes())))))
