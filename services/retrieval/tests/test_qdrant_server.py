"""Several processes on one Qdrant server, over HTTP: who makes the collection, of how many copies, and on which version."""

import asyncio
import secrets
import threading

import pytest
from cryptography.fernet import Fernet
from minirag_contracts.errors import Unavailable
from minirag_retrieval.adapters.qdrant import INDEXES, QdrantIndex
from minirag_retrieval.bootstrap import vector_index
from minirag_retrieval.ports import VectorIndex
from minirag_retrieval.settings import Settings
from qdrant_client import AsyncQdrantClient
from qdrant_server import Collections, qdrant_server

NAME = "minirag_chunks"


def an_index(url: str, monkeypatch: pytest.MonkeyPatch, **more: str) -> VectorIndex:
    """As a process of retrieval makes it."""
    given = {
        "MINIRAG_DATABASE_URL": "postgresql://retrieval@127.0.0.1/minirag",
        "MINIRAG_DATABASE_SYSTEM_URL": "postgresql://retrieval_system@127.0.0.1/minirag",
        "MINIRAG_NATS_PASSWORD": secrets.token_hex(16),
        "MINIRAG_SECRET_KEY": Fernet.generate_key().decode(),
        "QDRANT_URL": url,
        **more,
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return vector_index(Settings())


async def test_two_that_start_on_an_empty_server_agree_on_one_store(monkeypatch: pytest.MonkeyPatch) -> None:
    collections = Collections()
    collections.both_have_asked = threading.Barrier(2)
    with qdrant_server(collections) as url:
        two = [an_index(url, monkeypatch) for _ in range(2)]
        first, second = await asyncio.gather(*(index.status() for index in two))
        again = [await index.status() for index in two]
        assert first.store_id == second.store_id == again[0].store_id == again[1].store_id
        assert collections.asked.count(("PUT", f"/collections/{NAME}")) == 2
        assert set(collections.made) == {NAME}
        assert set(collections.made[NAME]["indexes"]) == set(INDEXES)
        assert not [asked for asked in collections.asked if asked[0] == "DELETE"]
        for index in two:
            await index.close()


async def test_a_new_collection_is_a_new_store_for_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    collections = Collections()
    with qdrant_server(collections) as url:
        two = [an_index(url, monkeypatch) for _ in range(2)]
        before = [(await index.status()).store_id for index in two]
        del collections.made[NAME]
        after = [(await index.status()).store_id for index in two]
        assert len(set(before)) == len(set(after)) == 1
        assert before != after
        assert set(collections.made[NAME]["indexes"]) == set(INDEXES)
        for index in two:
            await index.close()


async def test_what_somebody_left_half_made_is_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    collections = Collections()
    with qdrant_server(collections) as url:
        dead = an_index(url, monkeypatch)
        named = (await dead.status()).store_id
        collections.made[NAME]["indexes"] = {"tenant_id": {"data_type": "keyword", "points": 0}}
        index = an_index(url, monkeypatch)
        collections.asked.clear()
        assert (await index.status()).store_id == named
        assert set(collections.made[NAME]["indexes"]) == set(INDEXES)
        assert collections.asked.count(("PUT", f"/collections/{NAME}/index")) == len(INDEXES) - 1
        await dead.close()
        await index.close()


@pytest.mark.parametrize(("copies", "written"), [(1, 1), (2, 2), (3, 2)])
async def test_each_vector_is_kept_as_often_as_the_setting_says(
    monkeypatch: pytest.MonkeyPatch, copies: int, written: int
) -> None:
    collections = Collections()
    with qdrant_server(collections) as url:
        index = an_index(url, monkeypatch, MINIRAG_QDRANT_REPLICATION=str(copies))
        await index.status()
        made = collections.made[NAME]
        assert (made["replication_factor"], made["write_consistency_factor"]) == (copies, written)
        await index.close()


async def test_a_server_that_is_too_old_is_named_and_nothing_is_made_on_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    collections = Collections("1.15.4")
    with qdrant_server(collections) as url:
        index = an_index(url, monkeypatch)
        with pytest.raises(
            Unavailable, match=r"version 1\.15\.4, which is too old: it has to be 1\.19 or newer"
        ):
            await index.status()
        assert not collections.made
        collections.version = "1.19.0"
        await index.status()
        assert set(collections.made) == {NAME}
        await index.close()


async def test_a_refused_collection_is_no_collection_of_somebody_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    collections = Collections()
    monkeypatch.setattr(collections, "answer", refusing(collections.answer))
    with qdrant_server(collections) as url:
        index = QdrantIndex(AsyncQdrantClient(url, check_compatibility=False))
        with pytest.raises(Exception, match="Wrong input: too many copies"):
            await index.status()
        await index.close()


def refusing(answer):
    def answered(method, path, body):
        if method == "PUT":
            return 400, "Wrong input: too many copies"
        return answer(method, path, body)

    return answered
