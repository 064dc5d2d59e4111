"""A robots.txt that forbids a great many pages: it is asked about them together, and a crawl of them ends."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import pytest
from ingest_builders import Ingest, a_crawl
from minirag_ingest.commands import crawling
from minirag_ingest.commands.rules import Rules
from minirag_ingest.domain.crawl_plan import CrawlPlan
from minirag_ingest.domain.frontier import Seeds
from minirag_ingest.ports import LastingFailure, RobotsAnswer, Unreadable
from web_site import Site, a_site

MANY = 4000


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with a_site() as found:
        yield found


@pytest.fixture
def questions(ingest: Ingest, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many URLs each question to the extraction process was about."""
    asked, survey = [], ingest.extraction.survey_robots

    async def counted(text: str, urls: Sequence[str]) -> RobotsAnswer:
        asked.append(len(urls))
        return await survey(text, urls)

    monkeypatch.setattr(ingest.extraction, "survey_robots", counted)
    return asked


async def test_thousands_of_forbidden_pages_are_asked_about_together(
    ingest: Ingest, site: Site, questions: list[int]
) -> None:
    site.text("/robots.txt", "User-agent: *\nDisallow: /secret/")
    site.page("/", links=[*(f"/secret/{n}" for n in range(MANY)), "/a"])
    site.page("/a", links=[f"/secret/{n}" for n in range(MANY, MANY + 10)])
    created = await ingest.create(a_crawl(site.url()))
    await ingest.ingest(created.id)
    assert set(await ingest.crawled(created.id, timeout=60)) == {"/", "/a"}
    assert len(questions) < 15
    assert sum(questions) <= MANY + 20
    assert not any(path.startswith("/secret/") for path in site.paths())


@pytest.mark.timeout(180)
async def test_a_crawl_ends_however_short_its_slices_are(
    ingest: Ingest, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crawling, "SLICE", timedelta(0))
    site.text("/robots.txt", "User-agent: *\nDisallow: /secret/")
    site.page("/", links=[*(f"/secret/{n}" for n in range(MANY)), "/a", "/b"])
    for path in ("/a", "/b"):
        site.page(path)
    created = await ingest.create(a_crawl(site.url()))
    await ingest.ingest(created.id)
    assert set(await ingest.crawled(created.id, timeout=60)) == {"/", "/a", "/b"}
    assert all(site.times(path) == 1 for path in ("/", "/a", "/b"))


class SlowRules:
    """Takes too long for more than ``most`` URLs at once."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.questions: list[int] = []

    async def survey_robots(self, text: str, urls: Sequence[str]) -> RobotsAnswer:
        self.questions.append(len(urls))
        if len(urls) > self.most:
            raise Unreadable("unreadable_document", "Reading the document takes too long.")
        return RobotsAnswer(tuple("secret" not in url for url in urls))


def _urls(count: int) -> list[str]:
    return [f"https://h.example/{'secret' if n % 2 else 'open'}/{n}" for n in range(count)]


async def test_rules_that_take_long_are_asked_about_fewer_pages_at_once() -> None:
    slow, urls = SlowRules(10), _urls(40)
    rules = Rules(slow, CrawlPlan("https://h.example/"), Seeds("User-agent: *"))  # type: ignore[arg-type]  # the part that is asked
    assert [await rules.allows(url, urls[at:]) for at, url in enumerate(urls)] == [True, False] * 20
    assert slow.questions[:2] == [40, 5]
    assert len(slow.questions) == 1 + 8


async def test_rules_that_cannot_be_applied_to_one_page_are_said_to_be_unreadable() -> None:
    rules = Rules(SlowRules(0), CrawlPlan("https://h.example/"), Seeds("User-agent: *"))  # type: ignore[arg-type]  # as above
    with pytest.raises(LastingFailure, match=r"robots\.txt cannot be understood"):
        await rules.allows("https://h.example/a", _urls(900))


async def test_what_robots_txt_does_not_speak_of_is_not_asked() -> None:
    plan = CrawlPlan("https://h.example/", respect_robots=False)
    for rules in (
        Rules(SlowRules(0), plan, Seeds("User-agent: *")),  # type: ignore[arg-type]  # as above
        Rules(SlowRules(0), CrawlPlan("https://other.example/"), Seeds("User-agent: *")),  # type: ignore[arg-type]
        Rules(SlowRules(0), CrawlPlan("https://h.example/"), Seeds()),  # type: ignore[arg-type]
    ):
        assert await rules.allows("https://h.example/secret", _urls(3))
