"""Every way we know to make a server call itself or its neighbours, against canaries on this machine: no connection is begun."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from ipaddress import ip_address
from urllib.parse import urlsplit

import pytest
from canaries import FRONT, Canaries, Front, canaries, fronting, own_addresses, watched
from dns_server import AAAA, A, NameServer, naming
from minirag_service.egress import Allowance, EgressRefused, Fetched, FetchFailed, GuardedClient
from ssrf_corpus import corpus, zone


@pytest.fixture
async def birds() -> AsyncIterator[Canaries]:
    async with canaries() as found:
        yield found


@pytest.fixture
async def front() -> AsyncIterator[Front]:
    async with fronting() as found:
        yield found


@pytest.fixture
async def names() -> AsyncIterator[NameServer]:
    async with naming(zone()) as found:
        yield found


def a_client(names: NameServer, allow: str = FRONT) -> GuardedClient:
    return GuardedClient(Allowance.parse(allow), timeout=timedelta(seconds=10), resolver=names.resolve)


async def refusal(client: GuardedClient, url: str, *, post: bool = False) -> str:
    """The sentence with which a call is refused for good; fails if there is an answer."""
    with pytest.raises((EgressRefused, FetchFailed)) as refused:
        await (client.post(url, b"{}") if post else client.fetch(url))
    assert not getattr(refused.value, "temporary", False), url
    return str(refused.value)


def test_the_corpus_is_large_and_each_technique_has_several_urls() -> None:
    attacks = corpus(8000)
    assert len({attack.url for attack in attacks}) == len(attacks) >= 300
    assert min(Counter(attack.technique for attack in attacks).values()) >= 10


@pytest.mark.parametrize("post", [False, True], ids=["get", "post"])
async def test_no_url_of_the_corpus_leads_to_a_connection(
    birds: Canaries, names: NameServer, post: bool
) -> None:
    with watched() as begun:
        async with a_client(names) as client:
            for attack in corpus(birds.port):
                assert (await refusal(client, attack.url, post=post)).endswith("."), attack
    assert birds.connections == Counter()
    assert [place for place in begun if place != ("127.0.0.1", names.port)] == []
    assert names.over_tcp > 0  # of a name with many addresses the last one was seen as well


async def test_no_redirect_of_an_allowed_host_leads_to_a_connection(
    birds: Canaries, names: NameServer, front: Front
) -> None:
    """Over one to four hops. Some of the corpus are relative there, and stay at the host that redirects."""
    attacks = [attack for attack in corpus(birds.port) if not set(attack.url) & set("\r\n\0")]
    urls = [front.redirecting(attack.url, hops=number % 4) for number, attack in enumerate(attacks)]
    with watched() as begun:
        async with a_client(names) as client:
            outcomes = [(await asyncio.gather(client.fetch(url), return_exceptions=True))[0] for url in urls]
    assert birds.connections == Counter()
    assert {place for place in begun if place != ("127.0.0.1", names.port)} == {(FRONT, front.port)}
    assert len(front.requests) > len(attacks) * 2
    refused = [outcome for outcome in outcomes if isinstance(outcome, EgressRefused | FetchFailed)]
    assert all(str(each).endswith(".") and not getattr(each, "temporary", False) for each in refused)
    stayed = [outcome.final_url for outcome in outcomes if isinstance(outcome, Fetched)]
    assert len(stayed) <= 5 and all(url.startswith(f"http://{FRONT}:{front.port}/") for url in stayed)
    assert len(refused) + len(stayed) == len(attacks)


async def test_without_the_guard_the_corpus_lands(birds: Canaries, names: NameServer) -> None:
    """The control: the canaries count, and nearly every technique reaches them when nobody looks where a URL leads."""
    landed: Counter[str] = Counter()
    for attack in corpus(birds.port):
        landed[attack.technique] += await unguarded(attack.url, names, birds.ports)
    assert birds.connections.total() == landed.total() >= 100, landed
    assert {each for each, count in landed.items() if not count} <= {"clouds", "other_v6", "loopback_v6"}
    assert {"127.0.0.1", "127.1.2.3", "127.255.255.254"} <= {host for host, _ in birds.connections}


async def unguarded(url: str, names: NameServer, ports: list[int]) -> bool:
    """Whether a client that parses, looks up and connects would have fetched something from this machine."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        address = (await names.resolve(host, port or 80))[0]
    except (ValueError, OSError):
        return False
    found = ip_address(address)
    plain = getattr(found, "ipv4_mapped", None) or found
    if port not in ports or not (plain.is_loopback or plain.is_unspecified):
        return False
    reader, writer = await asyncio.open_connection(address, port)
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return answer.endswith(b"secret")


async def test_a_name_that_changes_its_mind_is_connected_to_where_it_was_checked(
    birds: Canaries, front: Front
) -> None:
    """Asked again, it says the canary's address; nobody asks again."""
    async with naming({"rebinding.example": [[FRONT], ["127.0.0.1"]]}) as names, a_client(names) as client:
        fetched = await client.fetch(f"http://rebinding.example:{front.port}/page")
        assert fetched.body == b"The front page"
        assert names.questions == Counter({("rebinding.example", A): 1, ("rebinding.example", AAAA): 1})
        assert f"Host: rebinding.example:{front.port}" in front.requests[0]
        await refusal(client, f"http://rebinding.example:{birds.port}/")
    assert birds.connections == Counter()


@pytest.mark.parametrize("second", ["127.0.0.1", "::1", "169.254.169.254", "10.0.0.1"])
async def test_a_name_that_changes_its_mind_before_a_redirect_is_checked_again(
    birds: Canaries, front: Front, second: str
) -> None:
    async with naming({"rebinding.example": [[FRONT], [second]]}) as names:
        with watched() as begun:
            async with a_client(names) as client:
                hop = f"http://rebinding.example:{front.port}/hops/0/http%3A%2F%2Frebinding.example%3A{birds.port}%2F"
                assert "private network" in await refusal(client, hop)
    assert birds.connections == Counter()
    assert {place for place in begun if place[1] != names.port} == {(FRONT, front.port)}


async def test_many_calls_of_a_name_that_keeps_changing_never_reach_the_wrong_one(
    birds: Canaries, front: Front
) -> None:
    """It changes at every question; each call is answered by the allowed host or refused."""
    turns = [[FRONT], ["127.0.0.1"]] * 200
    async with naming({"flipping.example": turns}) as names, a_client(names) as client:
        calls = (client.fetch(f"http://flipping.example:{port}/") for port in [front.port, birds.port] * 50)
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert birds.connections == Counter()
    answered = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
    assert {fetched.body for fetched in answered} <= {b"The front page"}
    assert any(isinstance(outcome, EgressRefused) for outcome in outcomes)


@pytest.mark.parametrize(
    ("allow", "opened", "closed"),
    [
        ("127.0.0.1:{0}", ["127.0.0.1:{0}"], ["127.0.0.1:{1}", "127.1.2.3:{0}", "[::1]:{0}", "loop.example:{0}", "127.1:{0}"]),
        ("127.1.2.3", ["127.1.2.3:{0}", "127.1.2.3:{1}", "other-loop.example:{2}"], ["127.0.0.1:{0}", "zero.example:{0}"]),
        ("127.1.0.0/16", ["127.1.2.3:{0}", "other-loop.example:{0}"], ["127.0.0.1:{0}", "127.255.255.254:{0}", "localhost:{0}"]),
        ("loop.example", ["loop.example:{0}", "LOOP.example.:{1}"], ["alias.example:{0}", "127.0.0.1:{0}", "a.loop.example:{0}"]),
        ("loop.example:{1}", ["loop.example:{1}"], ["loop.example:{0}", "loop.example:{2}", "localhost:{1}"]),
        ("bücher.example", ["bücher.example:{0}", "xn--bcher-kva.example:{0}"], ["loop.example:{0}"]),
        ("::1", ["[::1]:{0}", "loop6.example:{0}", "[0:0::1]:{0}"], ["127.0.0.1:{0}", "localhost:{0}", "[::]:{0}"]),
        ("[::1]:{0}", ["[::1]:{0}"], ["[::1]:{1}", "loop6.example:{0}"]),
    ],
)  # fmt: skip
async def test_what_the_operator_allows_is_opened_and_nothing_beside_it(
    birds: Canaries, names: NameServer, allow: str, opened: list[str], closed: list[str]
) -> None:
    if "::1" in allow and "::1" not in own_addresses():
        pytest.skip("this machine has no IPv6 loopback")
    async with a_client(names, allow.format(*birds.ports)) as client:
        for place in closed:
            await refusal(client, f"http://{place.format(*birds.ports)}/")
        assert birds.connections == Counter()
        for place in opened:
            assert (await client.fetch(f"http://{place.format(*birds.ports)}/")).body == b"secret", place
    assert birds.connections.total() == len(opened)
