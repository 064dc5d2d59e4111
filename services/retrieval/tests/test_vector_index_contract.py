"""What every adapter of VectorIndex promises."""

from uuid import uuid4

import numpy as np
import pytest
from minirag_retrieval.ports import NEVER, Hits, Span, VectorIndex
from retrieval_points import ENCODER, a_point, a_scope, a_vector, ids_of

BOT = uuid4()


def found(hits: Hits) -> set[object]:
    return {hit.point_id for hit in [*hits.dense, *hits.sparse]}


async def test_a_search_finds_by_meaning_and_by_words_best_first(index: VectorIndex) -> None:
    scope = a_scope()
    near = a_point("a bridge over the harbour", bot_id=BOT, dense=a_vector(0, 0.1))
    far = a_point("harbour cranes", bot_id=BOT, dense=a_vector(0, 5.0))
    await index.insert(scope, [near, far])
    hits = await index.search(scope, BOT, 1, a_vector(0), ENCODER.query("which bridges are there?"))
    assert [hit.point_id for hit in hits.dense] == ids_of([near, far])
    assert hits.dense[0].score == pytest.approx(0.995, abs=0.002)
    assert [hit.point_id for hit in hits.sparse] == ids_of([near])
    assert hits.sparse[0].score > 0


async def test_a_search_without_words_has_an_empty_sparse_arm(index: VectorIndex) -> None:
    scope = a_scope()
    await index.insert(scope, [a_point(bot_id=BOT)])
    hits = await index.search(scope, BOT, 1, a_vector(), ENCODER.query("the of and"))
    assert len(hits.dense) == 1
    assert hits.sparse == []


async def test_a_point_is_visible_from_its_first_generation_until_before_its_last(index: VectorIndex) -> None:
    scope = a_scope()
    await index.insert(scope, [a_point(bot_id=BOT, from_gen=3, to_gen=5)])
    seen = [
        bool(found(await index.search(scope, BOT, g, a_vector(), ENCODER.query("river"))))
        for g in range(2, 7)
    ]
    assert seen == [False, True, True, False, False]


async def test_a_staged_point_is_invisible_until_it_is_opened_and_gone_after_it_is_closed(
    index: VectorIndex,
) -> None:
    scope = a_scope()
    point = a_point(bot_id=BOT, from_gen=NEVER)
    await index.insert(scope, [point])
    query = (a_vector(), ENCODER.query("river"))
    assert not found(await index.search(scope, BOT, 10, *query))
    await index.mark(scope, [point.point_id], 1, from_gen=11)
    assert found(await index.search(scope, BOT, 11, *query)) == {point.point_id}
    await index.mark(scope, [point.point_id], 2, to_gen=12)
    assert found(await index.search(scope, BOT, 11, *query)) == {point.point_id}
    assert not found(await index.search(scope, BOT, 12, *query))


async def test_another_tenant_sees_marks_and_deletes_nothing(index: VectorIndex) -> None:
    scope, stranger = a_scope(), a_scope()
    point = a_point(bot_id=BOT)
    await index.insert(scope, [point])
    assert not found(await index.search(stranger, BOT, 1, a_vector(), ENCODER.query("river")))
    await index.mark(stranger, [point.point_id], 9, to_gen=1)
    await index.delete(stranger, [point.point_id])
    assert await index.spans(stranger, [point.point_id]) == {}
    assert await index.vectors(stranger, [point.point_id]) == {}
    assert await index.spans(scope, [point.point_id]) == {point.point_id: Span(1, NEVER)}


async def test_another_bot_of_the_tenant_sees_nothing(index: VectorIndex) -> None:
    scope = a_scope()
    await index.insert(scope, [a_point(bot_id=BOT)])
    assert not found(await index.search(scope, uuid4(), 1, a_vector(), ENCODER.query("river")))


async def test_inserting_again_leaves_the_point_as_it_is(index: VectorIndex) -> None:
    scope = a_scope()
    point = a_point(bot_id=BOT, from_gen=NEVER)
    await index.insert(scope, [point])
    await index.mark(scope, [point.point_id], 1, from_gen=4)
    await index.insert(scope, [point])
    assert await index.spans(scope, [point.point_id]) == {point.point_id: Span(4, NEVER)}


async def test_a_mark_is_ignored_where_a_higher_claim_was_before(index: VectorIndex) -> None:
    scope = a_scope()
    mine, free = a_point(bot_id=BOT, from_gen=NEVER), a_point(bot_id=BOT, from_gen=NEVER)
    await index.insert(scope, [mine, free])
    await index.mark(scope, [mine.point_id], 7, from_gen=NEVER)
    await index.mark(scope, ids_of([mine, free]), 6, from_gen=2)
    spans = await index.spans(scope, ids_of([mine, free]))
    assert spans == {mine.point_id: Span(NEVER, NEVER), free.point_id: Span(2, NEVER)}


async def test_marks_may_be_repeated_and_name_points_that_do_not_exist(index: VectorIndex) -> None:
    scope = a_scope()
    point = a_point(bot_id=BOT, from_gen=NEVER)
    await index.insert(scope, [point])
    for _ in range(2):
        await index.mark(scope, [point.point_id, uuid4()], 3, from_gen=5, to_gen=6)
    assert await index.spans(scope, [point.point_id, uuid4()]) == {point.point_id: Span(5, 6)}


async def test_points_are_deleted_by_id(index: VectorIndex) -> None:
    scope = a_scope()
    points = [a_point(bot_id=BOT), a_point(bot_id=BOT), a_point(bot_id=uuid4())]
    await index.insert(scope, points)
    assert await index.count(scope, BOT) == 2
    await index.delete(scope, [points[0].point_id, uuid4()])
    assert set(await index.spans(scope, ids_of(points))) == set(ids_of(points[1:]))
    assert await index.count(scope, BOT) == 1


async def test_all_points_of_a_tenant_are_deleted_and_nobody_elses(index: VectorIndex) -> None:
    scope, stranger = a_scope(), a_scope()
    await index.delete_all(scope)
    points = [a_point(bot_id=bot, dense=a_vector(n % 300)) for n in range(300) for bot in (BOT, uuid4())]
    theirs = a_point(bot_id=BOT)
    await index.insert(scope, points)
    await index.insert(stranger, [theirs])
    await index.delete_all(scope)
    assert await index.spans(scope, ids_of(points)) == {}
    assert await index.count(scope, BOT) == 0
    assert set(await index.spans(stranger, [theirs.point_id])) == {theirs.point_id}


async def test_vectors_come_back_as_they_were_given(index: VectorIndex) -> None:
    scope = a_scope()
    point = a_point(bot_id=BOT, dense=a_vector(7, 0.3))
    await index.insert(scope, [point])
    assert np.allclose((await index.vectors(scope, [point.point_id]))[point.point_id], point.dense, atol=1e-6)


async def test_rare_words_weigh_more_and_rarity_counts_within_the_bot_only(index: VectorIndex) -> None:
    scope, other = a_scope(), a_scope()
    common = [a_point(f"the harbour number {word}", bot_id=BOT) for word in ("one", "two", "three", "four")]
    rare = a_point("the lighthouse at night", bot_id=BOT)
    await index.insert(scope, [*common, rare])
    before = await index.search(scope, BOT, 1, a_vector(), ENCODER.query("harbour lighthouse"))
    assert before.sparse[0].point_id == rare.point_id
    await index.insert(other, [a_point(f"a lighthouse {n}", bot_id=BOT) for n in range(30)])
    after = await index.search(scope, BOT, 1, a_vector(), ENCODER.query("harbour lighthouse"))
    assert [hit.score for hit in after.sparse] == pytest.approx([hit.score for hit in before.sparse])


async def test_many_points_go_in_and_are_all_there(index: VectorIndex) -> None:
    scope = a_scope()
    points = [a_point(bot_id=BOT, dense=a_vector(n % 300)) for n in range(600)]
    await index.insert(scope, points)
    await index.flush()
    assert await index.count(scope, BOT) == 600
    assert len(await index.spans(scope, ids_of(points))) == 600
    hits = await index.search(scope, BOT, 1, a_vector(), ENCODER.query("river"), limit=50)
    assert (len(hits.dense), len(hits.sparse)) == (50, 50)


async def test_the_store_keeps_its_identity(index: VectorIndex) -> None:
    first = await index.status()
    await index.insert(a_scope(), [a_point(bot_id=BOT)])
    assert (await index.status()).store_id == first.store_id == index.store_id
