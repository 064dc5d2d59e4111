"""The attacks of the corpus as sources: each is refused when it is given, or ends with a sentence, and nothing is called."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from canaries import FRONT, Canaries, Front, canaries, fronting, watched
from dns_server import NameServer, naming
from ingest_builders import Ingest, a_url
from minirag_contracts.requests.ingest import SourceRead
from minirag_eventstore import Database
from minirag_ingest.errors import IngestRefusal
from ssrf_corpus import corpus, zone

PRIVATE = "The URL points to this machine or to a private network, which may not be reached from here."


@pytest.fixture
async def names() -> AsyncIterator[NameServer]:
    async with naming(zone()) as found:
        yield found


@pytest.fixture
async def guarded(
    make_database: Callable[..., Awaitable[Database]], names: NameServer
) -> AsyncIterator[Ingest]:
    """A service that may fetch from one host, and looks names up at our server."""
    found = Ingest(await make_database("ingest"), delays=(), allow=FRONT, resolver=names.resolve)
    async with found.working():
        yield found
    await found.close()


async def outcome(ingest: Ingest, url: str, limit: asyncio.Semaphore) -> SourceRead | IngestRefusal:
    """The source when it has ended, or the refusal to take it."""
    async with limit:
        try:
            return await ingest.ingested(a_url(url))
        except IngestRefusal as refused:
            return refused


async def test_no_source_of_the_corpus_leads_to_a_connection(guarded: Ingest, names: NameServer) -> None:
    async with canaries() as birds, fronting() as front:
        urls = urls_of(birds, front)
        limit = asyncio.Semaphore(8)
        with watched() as begun:
            outcomes = await asyncio.gather(*(outcome(guarded, url, limit) for url in urls))
        called = {place for place in begun if place[0] == FRONT or place[1] in birds.ports or place[1] < 1024}
        assert birds.connections == Counter()
        assert called == {(FRONT, front.port)}
    refused = [each for each in outcomes if isinstance(each, IngestRefusal)]
    assert len(refused) >= 80 and all(each.status == 422 and each.detail.endswith(".") for each in refused)
    ended = [each for each in outcomes if isinstance(each, SourceRead)]
    assert Counter(each.status for each in ended) == {"error": len(ended)}
    sentences = Counter(each.error_message for each in ended)
    assert sentences[PRIVATE] >= 250, sentences
    assert all(sentence and sentence.endswith(".") for sentence in sentences), sentences


def urls_of(birds: Canaries, front: Front) -> list[str]:
    """All of the corpus, and of those that are no refused form each as a redirect of the allowed host."""
    attacks = corpus(birds.port)
    away = [
        a
        for a in attacks
        if a.technique in ("notations", "embedded", "names", "clouds", "loopback_v6", "ranges")
    ]
    return [attack.url for attack in attacks] + [front.redirecting(attack.url, hops=1) for attack in away]
