"""Fixtures of retrieval: a real engine process, each vector index, and the use cases joined over real stores."""

import os
import tempfile
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from minirag_eventstore import Database
from minirag_retrieval.adapters.edge import EdgeIndex
from minirag_retrieval.adapters.minilm import MiniLm
from minirag_retrieval.adapters.qdrant import QdrantIndex
from minirag_retrieval.model_files import default_folder, generate
from minirag_retrieval.ports import VectorIndex
from qdrant_client import AsyncQdrantClient
from retrieval_engine import EngineProcess
from retrieval_rooms import Rooms, WordEmbedder


@pytest.fixture
def engine() -> Iterator[EngineProcess]:
    """Running, on an empty folder; the path is short because sockets allow 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="minirag-engine-") as folder:
        process = EngineProcess(Path(folder))
        process.start()
        yield process
        process.kill()


@pytest.fixture
async def edge_index(engine: EngineProcess) -> AsyncIterator[EdgeIndex]:
    index = EdgeIndex(engine.socket, patience=10.0)
    yield index
    await index.close()


@pytest.fixture
async def qdrant_index() -> AsyncIterator[QdrantIndex]:
    """On the server that QDRANT_URL names, else on the client's local mode; the collection is the test's own."""
    url = os.environ.get("QDRANT_URL")
    client = AsyncQdrantClient(url) if url else AsyncQdrantClient(":memory:")
    collection = f"minirag_test_{uuid4().hex}"
    index = QdrantIndex(client, collection)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # local mode says that it has no payload indexes
        await index.status()
    yield index
    await client.delete_collection(collection)
    await index.close()


@pytest.fixture(params=["edge", "qdrant"])
def index(request: pytest.FixtureRequest) -> VectorIndex:
    """Each adapter of the port in turn."""
    chosen: VectorIndex = request.getfixturevalue(f"{request.param}_index")
    return chosen


@pytest.fixture(scope="session")
def model_folder() -> Path:
    """Of the real model; made once for the environment."""
    generate(default_folder())
    return default_folder()


@pytest.fixture
async def minilm(model_folder: Path) -> AsyncIterator[MiniLm]:
    """The real model, loaded."""
    model = MiniLm(model_folder)
    await model.load()
    yield model
    await model.close()


@pytest.fixture
async def rooms(make_database: Callable[[str], Awaitable[Database]], edge_index: EdgeIndex) -> Rooms:
    """The use cases over real Postgres and the real engine; the embedder knows words only, and is quick."""
    return Rooms(await make_database("retrieval"), edge_index, WordEmbedder())
