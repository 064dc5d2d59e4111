"""The real model, and its files."""

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest
from minirag_contracts.context import TenantScope
from minirag_contracts.ids import new_id
from minirag_retrieval.adapters.hashes import HashEmbedder
from minirag_retrieval.adapters.minilm import LATELY, REMEMBERED, Lately, MiniLm
from minirag_retrieval.model_files import GRAPH_NAME, ModelFilesError, are_complete, generate
from minirag_retrieval.model_files.weights import packaged

SOMEBODY = TenantScope(new_id())


async def test_near_meanings_are_near_and_others_are_far(minilm: MiniLm) -> None:
    question = await minilm.embed_query("How do I reset my password?")
    near, far = await minilm.embed_batch(
        ["Choose a new password in your account settings.", "The mill grinds corn."], SOMEBODY
    )
    assert question @ near > 0.5
    assert question @ far < 0.15


async def test_vectors_have_length_one_and_come_in_the_order_of_the_texts(minilm: MiniLm) -> None:
    texts = [f"chapter {n} " + "and so on " * (n % 7) for n in range(20)]
    together = await minilm.embed_batch(texts, SOMEBODY)
    alone = [await minilm.embed_query(text) for text in texts]
    assert all(abs(float(np.linalg.norm(vector)) - 1) < 1e-3 for vector in together)
    assert min(float(a @ b) for a, b in zip(together, alone, strict=True)) > 0.97


async def test_texts_of_any_length_are_embedded(minilm: MiniLm) -> None:
    vectors = await minilm.embed_short(["", "x", "word " * 5000, "日本語 🚀 \ud800"[:5]])
    assert [vector.shape for vector in vectors] == [(384,)] * 4
    assert await minilm.embed_batch([], SOMEBODY) == []


async def test_a_few_texts_do_not_wait_behind_another_tenants_many(minilm: MiniLm) -> None:
    many = [f"Paragraph {n} of a long manual. " * 20 for n in range(160)]
    bulk = asyncio.create_task(minilm.embed_batch(many, TenantScope(new_id())))
    await asyncio.sleep(0.2)
    for _ in range(3):
        await minilm.embed_batch(["A single note."], SOMEBODY)
        assert not bulk.done(), "there was nothing to wait behind"
    await bulk


def test_what_a_tenant_had_embedded_lately_is_forgotten_by_and_by() -> None:
    now = 0.0
    lately, other = Lately(lambda: now), TenantScope(new_id())
    assert [lately.add(SOMEBODY, 32) for _ in range(3)] == [32, 64, 96]
    assert lately.add(other, 1) == 1
    now = 2 * LATELY
    assert lately.add(SOMEBODY, 8) == 32
    now = 20 * LATELY
    for _ in range(REMEMBERED):
        lately.add(TenantScope(new_id()), 8)
    assert lately.add(SOMEBODY, 8) == pytest.approx(8, abs=0.01)
    assert len(lately._had) <= REMEMBERED + 1, "tenants that came once are kept for ever"


async def test_the_vectors_are_those_of_the_original_model(minilm: MiniLm) -> None:
    """Cosines of the model's own documentation, which the quantised graph keeps to a few hundredths."""
    one, two, three = await minilm.embed_batch(
        ["That is a happy person", "That is a very happy person", "Today is a sunny day"], SOMEBODY
    )
    assert float(one @ two) == pytest.approx(0.943, abs=0.03)
    assert float(one @ three) == pytest.approx(0.257, abs=0.05)


def test_files_are_made_once_and_made_again_when_they_are_damaged(model_folder: Path, tmp_path: Path) -> None:
    assert generate(model_folder) is False
    folder = tmp_path / "model"
    folder.mkdir()
    for file in model_folder.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    assert are_complete(folder)
    (folder / GRAPH_NAME).write_bytes(b"short")
    assert not are_complete(folder)
    (folder / GRAPH_NAME).write_bytes((model_folder / GRAPH_NAME).read_bytes())
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"format": 0}))
    assert not are_complete(folder)


def test_other_weights_than_the_pinned_ones_are_refused() -> None:
    with pytest.raises(ModelFilesError, match="another content"):
        packaged("model.safetensors", "0" * 64)
    with pytest.raises(ModelFilesError, match="no file"):
        packaged("nothing.bin", "0" * 64)


async def test_vectors_for_measuring_are_as_long_as_others_and_the_same_for_the_same_text() -> None:
    embedder = HashEmbedder()
    one, two = await embedder.embed_batch(["a text", "another"], SOMEBODY)
    assert one.shape == (384,)
    assert float(np.linalg.norm(one)) == pytest.approx(1, abs=1e-5)
    assert np.array_equal(one, await embedder.embed_query("a text"))
    assert float(one @ two) < 0.5
    assert embedder.model_id != MiniLm.model_id, "a change of the embedder must embed anew"
