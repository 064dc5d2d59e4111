"""The attacks of the corpus as endpoints: refused when they are registered, or failed when they are due; nothing is called."""

from collections import Counter

from canaries import FRONT, canaries, fronting, watched
from dns_server import naming
from minirag_webhooks.errors import InvalidUrl
from recorded import an_example, recorded
from ssrf_corpus import corpus, zone
from webhooks_builders import Webhooks

PRIVATE = "The URL points to this machine or to a private network, which may not be reached from here."


async def test_no_endpoint_of_the_corpus_is_connected_to(webhooks: Webhooks) -> None:
    async with canaries() as birds, fronting() as front, naming(zone()) as names:
        guarded = Webhooks(webhooks.database, allow=FRONT, per_tenant=1000, resolver=names.resolve)
        attacks = [attack.url for attack in corpus(birds.port)]
        aside = [
            front.redirecting(f"http://127.0.0.1:{birds.port}/"),
            front.redirecting("http://169.254.169.254/"),
        ]
        refused: list[InvalidUrl] = []
        for url in attacks + aside:
            try:
                await guarded.create(url, events=["source.ingested"])
            except InvalidUrl as refusal:
                refused.append(refusal)
        assert len(refused) >= 80
        assert all(each.status == 422 and each.detail.endswith(".") for each in refused)
        due = len(attacks) + len(aside) - len(refused)
        await guarded.happen(recorded(an_example("source.ingest.completed")))
        with watched() as begun:
            async with guarded.delivering():
                settled = await guarded.settled(due, timeout=60)
        assert birds.connections == Counter()
        called = {place for place in begun if place[0] == FRONT or place[1] in birds.ports or place[1] < 1024}
        assert called == {(FRONT, front.port)} and len(front.requests) == len(aside)
    assert Counter(row["state"] for row in settled) == {"failed": due}
    sentences = Counter(row["reason"] for row in settled)
    assert sentences[PRIVATE] >= 200, sentences
    assert all(sentence and sentence.endswith(".") for sentence in sentences), sentences
