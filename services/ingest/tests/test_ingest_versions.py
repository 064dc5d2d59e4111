"""Versions: what each changed, going back to one, and content that has not changed."""

from collections.abc import Sequence

import pytest
from contexts import a_context
from ingest_builders import BOT, Ingest, a_source
from minirag_contracts.ids import new_id
from minirag_contracts.requests.ingest import ListSources, VersionRead
from minirag_eventstore.rebuild import rebuild_own
from minirag_ingest.errors import SourceBusy, SourceNotFound, VersionNotKept
from minirag_ingest.ports import Target, TemporaryFailure
from minirag_ingest.projections import PROJECTIONS

FACTS = [f"Fact {number} of the moon is told in a sentence that is long enough. " * 8 for number in range(12)]


def told(facts: Sequence[str]) -> str:
    return "\n\n".join(facts)


async def version_of(ingest: Ingest, text: str, *edits: str) -> list[VersionRead]:
    """The versions of a text that was edited so often, newest first."""
    done = await ingest.ingested(a_source(text))
    for edit in edits:
        await ingest.update(done.id, content=edit)
        await ingest.ingest(done.id)
        assert (await ingest.ended(done.id)).status == "ready"
    return (await ingest.listed_versions(done.id)).items


async def test_each_version_tells_what_it_added_changed_and_removed(ingest: Ingest) -> None:
    edited = [*FACTS[:5], FACTS[5].replace("told", "sung"), *FACTS[6:]]
    third, second, first = await version_of(ingest, told(FACTS), told(edited), told(edited[:9]))
    assert (first.version, first.added, first.changed, first.removed) == (1, first.chunk_count, 0, 0)
    assert first.chunk_count >= 6
    assert (second.version, second.chunk_count) == (2, first.chunk_count)
    assert second.changed in (1, 2) and (second.added, second.removed) == (0, 0)
    assert third.removed == second.chunk_count - third.chunk_count > 0
    assert [(one.visible, one.kept) for one in (third, second, first)] == [
        (True, True),
        (False, True),
        (False, True),
    ]


async def test_what_has_not_changed_makes_no_version_and_is_not_indexed(ingest: Ingest) -> None:
    done = await ingest.ingested(a_source(told(FACTS)))
    ingest.index.staged.clear()
    assert await ingest.ingest(done.id) == 2
    again = await ingest.ended(done.id)
    assert (again.status, again.error_message, again.chunk_count) == ("ready", None, done.chunk_count)
    assert again.last_refreshed_at is not None and done.last_refreshed_at is not None
    assert again.last_refreshed_at > done.last_refreshed_at
    assert ingest.index.staged == {}
    assert (await ingest.events(done.id))[-1] == "source.ingest.unchanged"
    assert [one.version for one in (await ingest.listed_versions(done.id)).items] == [1]
    assert [one.status for one in (await ingest.history(done.id)).items] == ["unchanged", "completed"]
    assert await ingest.count("documents") == 1


@pytest.mark.parametrize("change", [{"name": "Other facts"}, {"config": {"chunk_size": 128}}])
async def test_a_new_name_or_size_of_chunks_is_a_change(ingest: Ingest, change: dict[str, object]) -> None:
    done = await ingest.ingested(a_source(told(FACTS)))
    await ingest.update(done.id, **change)
    await ingest.ingest(done.id)
    await ingest.ended(done.id)
    assert [one.version for one in (await ingest.listed_versions(done.id)).items] == [2, 1]


async def test_what_was_deactivated_is_made_anew_although_it_has_not_changed(ingest: Ingest) -> None:
    done = await ingest.ingested(a_source(told(FACTS)))
    await ingest.delete(done.id)
    assert not any(one.visible for one in (await ingest.listed_versions(done.id)).items)
    await ingest.update(done.id, is_active=True)
    assert (await ingest.ended(done.id)).status == "ready"
    assert ingest.index.active[done.id] == 2


async def test_a_rollback_is_a_new_version_with_the_text_of_the_one_before(ingest: Ingest) -> None:
    await ingest.ingested(a_source("Something else."))
    done = await ingest.ingested(a_source("The moon is made of rock."))
    await ingest.update(done.id, content="The moon is made of cheese.")
    await ingest.ingest(done.id)
    await ingest.ended(done.id)
    assert "cheese" in ingest.index.text(done.id)
    assert await ingest.roll_back(done.id) == 3
    assert (await ingest.ended(done.id)).status == "ready"
    assert ingest.index.text(done.id) == "The moon is made of rock."
    newest = (await ingest.listed_versions(done.id)).items[0]
    assert (newest.version, newest.trigger, newest.of_version, newest.changed) == (3, "rollback", 1, 1)
    assert await ingest.roll_back(done.id, 2) == 4
    await ingest.ended(done.id)
    assert "cheese" in ingest.index.text(done.id)


async def test_the_text_of_three_versions_is_kept_whatever_failed_between(ingest: Ingest) -> None:
    done = await ingest.ingested(a_source("Text 1."))

    async def away(what: str, target: Target) -> None:
        raise TemporaryFailure("Indexing did not succeed.")

    for number in (2, 3, 4):
        await ingest.update(done.id, content=f"Text {number}.")
        ingest.index.before = away
        await ingest.ingest(done.id)
        assert (await ingest.ended(done.id)).status == "error"
        ingest.index.before = None
        await ingest.ingest(done.id)
        assert (await ingest.ended(done.id)).status == "ready"
    versions = (await ingest.listed_versions(done.id)).items
    assert [(one.version, one.kept) for one in versions] == [(7, True), (5, True), (3, True), (1, False)]
    with pytest.raises(VersionNotKept):
        await ingest.roll_back(done.id, 1)
    await ingest.roll_back(done.id)
    await ingest.ended(done.id)
    assert ingest.index.text(done.id) == "Text 3."


async def test_nothing_to_go_back_to_is_said(ingest: Ingest) -> None:
    with pytest.raises(SourceNotFound):
        await ingest.roll_back(new_id())
    done = await ingest.ingested(a_source("One."))
    for version in (None, 1 + 1, 99):
        with pytest.raises(VersionNotKept):
            await ingest.roll_back(done.id, version)
    await ingest.update(done.id, content="Two.")
    await ingest.ingest(done.id)
    await ingest.ended(done.id)

    async def never(what: str, target: Target) -> None:
        raise TemporaryFailure("Not now.")

    ingest.index.before = never
    await ingest.update(done.id, content="Three.")
    await ingest.ingest(done.id)
    with pytest.raises(SourceBusy):
        await ingest.roll_back(done.id)


async def test_the_history_equals_its_rebuild(ingest: Ingest) -> None:
    await version_of(ingest, "One.", "Two.", "Two.")
    for projection in PROJECTIONS[:2]:
        report = await rebuild_own(ingest.database, "ingest", projection)
        assert (report.differences, report.rows > 0) == ([], True), projection.name


async def test_versions_are_listed_in_pages(ingest: Ingest) -> None:
    versions = await version_of(ingest, "One.", "Two.", "Three.")
    everything = await ingest.queries.list(ListSources(bot_id=BOT), a_context())
    source_id = everything.items[0].id
    first = await ingest.listed_versions(source_id, limit=2)
    rest = await ingest.listed_versions(source_id, limit=2, cursor=first.next)
    assert [*first.items, *rest.items] == versions
    assert rest.next is None
