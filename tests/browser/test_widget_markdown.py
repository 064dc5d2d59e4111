"""The widget's renderer in a real browser: its own subset of Markdown, and everything else as the text that it is."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from host_site import HostSite, host_site
from markdown_cases import HARMLESS, LONG, SHOWN, TABLE
from playwright.async_api import Page

SOURCE = Path(__file__).parents[2] / "dashboard/widget/src"

RENDER = """
async ([text, before]) => {
  const {render} = await import('/src/markdown/render.js');
  const mark = (n) => n > 2 ? null : Object.assign(document.createElement('button'),
    {type: 'button', className: 'cite', textContent: n});
  const box = document.createElement('div');
  const context = {say: (name) => name, cite: mark};
  for (const part of [...before, text]) render(box, part, context);
  return box.innerHTML;
}
"""


@pytest.fixture(scope="module")
def site() -> Iterator[HostSite]:
    """Serves the widget's modules as they are."""
    with host_site({"/src/": SOURCE}) as site:
        site.pages["/"] = (
            '<!doctype html><html lang=en><title>Renderer</title><link rel=icon href="data:,"><body></body></html>'
        )
        yield site


async def test_markdown_becomes_elements(page: Page, site: HostSite) -> None:
    await page.goto(f"{site.origin}/")
    wrong = [
        (text, html, shown)
        for text, html in SHOWN
        if (shown := await page.evaluate(RENDER, [text, []])) != html
    ]
    assert wrong == [], wrong


async def test_what_could_do_harm_is_text_or_a_link_that_says_where_it_leads(
    page: Page, site: HostSite
) -> None:
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    await page.goto(f"{site.origin}/")
    site.asked.clear()
    wrong = [
        (text, html, shown)
        for text, html in HARMLESS
        if (shown := await page.evaluate(RENDER, [text, []])) != html
    ]
    assert wrong == [], wrong
    assert len(SHOWN) + len(HARMLESS) >= 40
    assert dialogs == []
    assert [path for path in site.asked if not path.startswith("/src/")] == []


async def test_a_table_is_one_and_can_be_scrolled_by_keyboard(page: Page, site: HostSite) -> None:
    await page.goto(f"{site.origin}/")
    html = await page.evaluate(RENDER, [TABLE, []])
    assert html == (
        '<div class="table" tabindex="0" role="region" aria-label="table"><table><thead><tr><th scope="col">A</th>'
        '<th class="right" scope="col">B</th></tr></thead><tbody><tr><td>1</td><td class="right"><code>x|y</code></td>'
        '</tr><tr><td>&lt;b&gt;</td><td class="right"></td></tr></tbody></table></div>'
    )
    code = await page.evaluate(RENDER, ["```js\nif (a < b) {}\n\n  x\n```\nafter", []])
    assert code.endswith("<code>if (a &lt; b) {}\n\n  x</code></pre><p>after</p>")


async def test_an_answer_that_grows_ends_as_if_it_had_come_at_once(page: Page, site: HostSite) -> None:
    await page.goto(f"{site.origin}/")
    text = "\n\n".join([*(text for text, _ in SHOWN), TABLE, *(text for text, _ in HARMLESS)])
    growing = [text[:size] for size in range(0, len(text), 7)]
    assert await page.evaluate(RENDER, [text, growing]) == await page.evaluate(RENDER, [text, []])


async def test_what_is_already_there_stays_while_more_comes(page: Page, site: HostSite) -> None:
    await page.goto(f"{site.origin}/")
    same = await page.evaluate("""async () => {
      const {render} = await import('/src/markdown/render.js');
      const box = document.createElement('div'), context = {say: (name) => name, cite: () => null};
      render(box, 'one\\n\\ntw', context);
      const [first, second] = box.children;
      render(box, 'one\\n\\ntwo\\n\\n- three', context);
      return [box.children[0] === first, box.children[1] === second, box.children.length];
    }""")
    assert same == [True, False, 3]


async def test_a_source_keeps_nothing_that_turns_the_direction_of_what_follows(
    page: Page, site: HostSite
) -> None:
    await page.goto(f"{site.origin}/")
    shown = await page.evaluate("""async () => {
      const {citer, sourceList} = await import('/src/view/sources.js');
      const turned = (text) => `\\u202e${text}\\u202c`, say = (name, {title} = {}) => title || name;
      const [title, heading, content] = ['fdp.exe', 'Part', 'said'].map(turned);
      const source = {n: 1, url: 'https://a.example/x', title, heading, content};
      return [sourceList([source], say).textContent, citer([source], say)(1).title];
    }""")
    assert shown == ["sources1fdp.exea.example · Partsaid", "fdp.exe"]


@pytest.mark.parametrize("text", LONG, ids=[repr(text[:6]) for text in LONG])
async def test_no_text_keeps_the_page_busy(page: Page, site: HostSite, text: str) -> None:
    await page.goto(f"{site.origin}/")
    await page.evaluate(RENDER, ["warm", []])
    async with asyncio.timeout(20):  # what is tried again and again takes minutes
        await page.evaluate(RENDER, [text, []])
