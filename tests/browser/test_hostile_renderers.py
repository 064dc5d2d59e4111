"""Each hostile text by itself in the two renderers, on a page without any policy; and what it does where nobody renders it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from host_site import HostSite, host_site
from hostile_ears import Canary, Ears, listening_canary
from hostile_shown import LOOK, STRANGE, TOUCH
from hostile_texts import ADDRESSES, CASES, Case, named
from minirag_dashboard import APP
from pages import Complaints
from playwright.async_api import Page

WIDGET_SOURCE = Path(__file__).parents[2] / "dashboard/widget/src"

PAGE = '<!doctype html><html lang=en><title>Renderer</title><link rel=icon href="data:,"><body></body></html>'

STEPS = {"widget": 40, "dashboard": 10}
"""In how many pieces a text arrives, as in an answer that is being written."""

RENDERERS = {
    "widget": """async () => {
      const {render} = await import('/src/markdown/render.js');
      const cite = (n) => n > 2 ? null : Object.assign(document.createElement('button'), {type: 'button', className: 'cite'});
      return (box, text) => render(box, text, {say: (name) => name, cite});
    }""",
    "dashboard": """async () => {
      const {rendered} = await import('/app/js/components/markdown.js');
      return (box, text) => box.replaceChildren(rendered(text));
    }""",
}

# Each text grows in an element of its own in the page, as an answer does; then everything that is there is looked at and touched.
SHOW = """async ([cases, renderer, steps]) => {
  const look = %s, touch = %s, show = await eval(renderer)();
  const found = [];
  for (const [number, text] of cases) {
    const box = document.body.appendChild(document.createElement('div'));
    try {
      for (let step = 1; step < steps; step++) show(box, text.slice(0, text.length * step / steps));
      show(box, text);
    } catch (error) { found.push([number, [`threw ${error.stack}`]]); }
    const problems = look(box);
    if (!box.textContent.trim()) problems.push('shows nothing');
    if (problems.length) found.push([number, problems]);
  }
  await touch(document.body);
  return found;
}""" % (LOOK, TOUCH)  # noqa: UP031  # braces are JavaScript's

# What careless programs do with a text: its Markdown as a page, with nothing in between. A frame for each, or they would disturb
# one another.
CONTROL = """async (cases) => {
  const {marked} = await import('/app/vendor/marked.esm.js');
  for (const [number, text] of cases)
    document.body.appendChild(document.createElement('iframe')).srcdoc = marked.parse(text);
}"""


@pytest.fixture(scope="module")
def site() -> Iterator[HostSite]:
    """Serves the modules of both renderers as they are, with no policy."""
    with host_site({"/src/": WIDGET_SOURCE, "/app/": APP}) as site:
        site.pages["/"] = PAGE
        yield site


@pytest_asyncio.fixture(loop_scope="session")
async def canary() -> AsyncIterator[Canary]:
    async with listening_canary() as canary:
        yield canary


@pytest_asyncio.fixture(loop_scope="session")
async def ears(page: Page, site: HostSite) -> Ears:
    """Hear the test's page."""
    ears = Ears({site.origin})
    await ears.listen(page.context)
    return ears


def filled(cases: list[Case], canary: Canary) -> list[tuple[int, str]]:
    return [(case.number, case.filled(canary.host)) for case in cases]


def told(found: list[Any]) -> dict[str, list[str]]:
    """The cases that did something, by name."""
    names = {case.number: case.name for case in CASES}
    return {names[number]: problems for number, problems in found}


def test_there_are_enough_of_them() -> None:
    assert len(CASES) >= 150
    assert len({case.name for case in CASES}) == len({case.text for case in CASES}) == len(CASES)


@pytest.mark.parametrize("renderer", RENDERERS)
async def test_no_text_asks_runs_or_becomes_more_than_text(
    page: Page, site: HostSite, canary: Canary, ears: Ears, renderer: str
) -> None:
    await page.goto(f"{site.origin}/")
    site.asked.clear()
    found = await page.evaluate(SHOW, [filled(CASES, canary), RENDERERS[renderer], STEPS[renderer]])
    await page.wait_for_timeout(300)
    assert told(found) == {}
    assert ears.achieved() == []
    assert (canary.connections, canary.asked) == (0, [])
    assert [path for path in site.asked if not path.startswith(("/src/", "/app/"))] == []


# The addresses that become links, of sources that have such addresses.
LINKED = """async ([addresses, name]) => {
  const {sourceList} = await import('/src/view/sources.js');
  const {safeUrl} = await import('/app/js/components/links.js');
  const list = sourceList(addresses.map((url, n) => ({n, url, title: name, heading: name, content: name})), (key) => key);
  document.body.append(list);
  list.open = true;
  return [[...list.querySelectorAll('a')].map((link) => link.href), addresses.map(safeUrl).filter(Boolean).map(String)];
}"""


async def test_no_address_of_a_source_runs(page: Page, site: HostSite, canary: Canary, ears: Ears) -> None:
    await page.goto(f"{site.origin}/")
    addresses = [Case(0, "", text).filled(canary.host) for text in ADDRESSES]
    for name in named(canary.host).values():
        widget, dashboard = await page.evaluate(LINKED, [addresses, name])
        assert widget == dashboard == ["mailto:a@b.example"]
    await page.evaluate(f"({TOUCH})(document.body)")
    assert await page.evaluate(f"({STRANGE})(document.body)") == []
    assert (ears.achieved(), canary.connections) == ([], 0)


async def test_where_nobody_takes_care_the_same_texts_ask_and_run(
    page: Page, site: HostSite, canary: Canary, ears: Ears, complaints: Complaints
) -> None:
    """The canary and the ears can hear, so that their silence elsewhere says something."""
    complaints.allow("")
    await page.goto(f"{site.origin}/")
    await page.evaluate(CONTROL, filled(CASES, canary))
    for _ in range(100):
        asked, ran = canary.cases(), set(ears.owned)
        if len(asked) >= 60 and len(ran) >= 35 and len(asked | ran) >= 90:
            return
        await page.wait_for_timeout(200)
    raise AssertionError(f"only {len(asked)} cases asked, and {len(ran)} ran")
