"""What the widget is to the page that has it: light, without effect on it, and of no use to pages that may not."""

import gzip
import json
from typing import Any

import pytest
from minirag_dashboard import WIDGET
from pages import PHONE, Complaints, Screen, until
from playwright.async_api import Page, expect
from widgets import GREETING, QUESTION, SCRIPT, Embedded, Says, Visitor, requests_of

LARGEST = 25 * 1024
"""Bytes of script and style sheet together, compressed."""

HOSTILE_STYLES = """<style>
* { box-sizing: content-box; letter-spacing: 3px; text-transform: uppercase; font: 30px fantasy; color: red; margin: 9px; }
div, button, textarea, p, h2, section { background: lime !important; padding: 40px !important; display: inline !important; }
:root { --bg: black; --text: black; --primary: yellow; --border: red; --radius: 40px; --height: 50px; }
body { display: flex; gap: 50px; } body > * { transform: rotate(3deg); filter: blur(1px); }
</style>"""

OF_THE_PAGE = """() => ({
  globals: Object.getOwnPropertyNames(window).sort(),
  prototypes: [Array, Object, Element, Node, Document, String].map((one) => Object.getOwnPropertyNames(one.prototype).length),
  sheets: [document.styleSheets.length, document.adoptedStyleSheets.length],
  head: document.head.innerHTML,
  root: document.documentElement.getAttributeNames(),
  styles: [...document.querySelectorAll('html, body, main, main *')].map((one) => JSON.stringify([...getComputedStyle(one)]
    .map((name) => getComputedStyle(one)[name]))),
  boxes: [...document.querySelectorAll('html, body, main, main *')].map((one) => JSON.stringify(one.getBoundingClientRect())),
  size: [document.documentElement.scrollWidth, document.documentElement.scrollHeight],
})"""


def test_script_and_styles_are_small() -> None:
    size = sum(
        len(gzip.compress((WIDGET / f"minirag-widget.{kind}").read_bytes(), 6)) for kind in ("js", "css")
    )
    assert size <= LARGEST


async def test_before_it_is_opened_it_asks_for_its_files_and_nothing_else(
    embedded: Embedded, page: Page, visitor: Visitor
) -> None:
    asked = requests_of(page)
    await page.goto(embedded.put("/with"), wait_until="networkidle")
    assert {one.url for one in asked if one.url.startswith(embedded.api)} == {
        f"{embedded.api}{SCRIPT}",
        f"{embedded.api}{SCRIPT[:-3]}.css",
    }
    await visitor.open()
    assert [one.method for one in asked if "/v1/embed/" in one.url and one.method == "POST"] == ["POST"]


SHIFTS = """new Promise((done) => {
  let seen = 0;
  const observer = new PerformanceObserver((list) => { seen += list.getEntries().length; });
  observer.observe({type: 'layout-shift', buffered: true});
  const count = () => done(seen + observer.takeRecords().length);
  requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(count)));
})"""
"""How often something of the page has moved by itself; what was seen before is told after the next frame."""


async def test_what_moves_a_page_is_counted(embedded: Embedded, page: Page) -> None:
    await page.goto(embedded.write("/moving", ""))
    assert await page.evaluate(SHIFTS) == 0
    await page.evaluate("document.querySelector('h1').style.height = '300px'")
    assert await page.evaluate(SHIFTS) == 1


async def test_the_page_is_as_it_would_be_without_it(
    embedded: Embedded, page: Page, visitor: Visitor
) -> None:
    more = '<textarea>mine</textarea><div class="panel message">mine too</div>'
    await page.goto(embedded.write("/plain", "", more=more))
    plain: dict[str, Any] = await page.evaluate(OF_THE_PAGE)
    await page.goto(embedded.put("/with", more=more))
    await expect(page.get_by_role("button", name="Open chat")).to_be_visible()
    assert await page.evaluate(OF_THE_PAGE) == plain
    await visitor.open()
    await visitor.ask("Hello")
    await visitor.answered()
    assert await page.evaluate(OF_THE_PAGE) == plain
    assert await page.evaluate(SHIFTS) == 0
    assert await page.context.cookies() == []


async def test_the_pages_styles_do_not_reach_into_it(
    embedded: Embedded, page: Page, visitor: Visitor
) -> None:
    looks = """() => [...document.querySelector('minirag-widget').shadowRoot.querySelectorAll('.root *')].map((one) => {
      const {color, backgroundColor, font, letterSpacing, padding, display, textTransform} = getComputedStyle(one);
      const {x, y, width, height} = one.getBoundingClientRect();
      return JSON.stringify([one.className, color, backgroundColor, font, letterSpacing, padding, display, textTransform,
        ...[x, y, width, height].map(Math.round)]);
    })"""
    await page.emulate_media(reduced_motion="reduce")
    seen = []
    for address in (embedded.put("/calm"), embedded.put("/hostile", head=HOSTILE_STYLES)):
        if seen:
            await page.evaluate("localStorage.clear(), sessionStorage.clear()")
        await page.goto(address)
        await visitor.open()
        await expect(visitor.widget.get_by_role("button", name=QUESTION)).to_be_visible()
        await expect(visitor.widget.get_by_text(GREETING)).to_be_visible()

        async def at_rest() -> bool:
            before = await page.evaluate(looks)
            await page.wait_for_timeout(500)
            moving = await page.evaluate("document.getAnimations().length")
            return bool(before == await page.evaluate(looks) and not moving)

        await until(at_rest)
        seen.append(await page.evaluate(looks))
    assert seen[1] == seen[0]


async def test_the_page_styles_it_by_variables_and_parts(
    embedded: Embedded, page: Page, visitor: Visitor
) -> None:
    style = """<style>
      minirag-widget { --primary: rgb(1, 2, 3); --radius: 0px; --width: 300px; }
      minirag-widget::part(title) { color: rgb(4, 5, 6); }
    </style>"""
    await page.goto(
        embedded.put(head=style, position="left", title="Our help", text_send="Ask us", icon="question")
    )
    await visitor.open()
    launcher = page.get_by_role("button", name="Close chat").last
    await page.mouse.move(1, 1)
    await expect(launcher).to_have_css("background-color", "rgb(1, 2, 3)")
    await expect(visitor.panel).to_have_css("width", "300px")
    await expect(visitor.panel).to_have_css("left", "24px")
    await expect(visitor.widget.get_by_role("heading", name="Our help")).to_have_css("color", "rgb(4, 5, 6)")
    await expect(visitor.widget.get_by_role("button", name="Ask us")).to_be_visible()


async def test_the_pages_scripts_open_it_ask_and_listen(
    embedded: Embedded, page: Page, visitor: Visitor, says: Says
) -> None:
    await says(answer="At nine [1].")
    await page.goto(embedded.put())
    await expect(page.get_by_role("button", name="Open chat")).to_be_visible()
    told = await page.evaluate("""async () => {
      const widget = document.querySelector('minirag-widget'), told = [];
      for (const name of ['open', 'close', 'message', 'answer', 'error'])
        document.addEventListener(`minirag:${name}`, ({detail}) => told.push([name, detail.text ?? null]));
      widget.open();
      const answer = await widget.send('  When?  ');
      widget.close();
      return [told, answer.text, answer.sources.length, typeof answer.chatId, typeof window.MiniRAG];
    }""")
    heard = [["open", None], ["message", "When?"], ["answer", "At nine [1]."], ["close", None]]
    assert told == [heard, "At nine [1].", 1, "string", "undefined"]
    await page.evaluate("document.querySelector('minirag-widget').newConversation()")
    await visitor.open()
    await expect(visitor.answers).to_have_count(0)


async def test_it_may_be_loaded_in_the_head_moved_removed_and_brought_back(
    embedded: Embedded, page: Page, visitor: Visitor
) -> None:
    tag = f'<script src="{embedded.api}{SCRIPT}" data-embed-key="{embedded.key["key"]}"'
    for path, kind in (
        ("/sync", ""),
        ("/defer", "defer"),
        ("/async", "async"),
        ("/twice", f"></script>{tag}"),
    ):
        await page.goto(embedded.write(path, "", head=f"{tag} {kind}></script>"))
        await expect(visitor.widget).to_have_count(1)
        await expect(page.get_by_role("button", name="Open chat")).to_be_visible()
    await visitor.open()
    await visitor.ask("Hello")
    await visitor.answered()
    await page.evaluate("document.querySelector('main').append(document.querySelector('minirag-widget'))")
    await expect(visitor.answers).to_have_count(1)
    await page.evaluate("window.kept = document.querySelector('minirag-widget'); kept.remove()")
    await page.evaluate("document.body.append(kept)")
    await expect(visitor.answers).to_have_count(1)
    await visitor.ask("Again")
    await expect(visitor.answers).to_have_count(2)
    await visitor.answered()


async def test_a_revoked_key_ends_the_chat(
    embedded: Embedded, page: Page, visitor: Visitor, says: Says, complaints: Complaints
) -> None:
    complaints.allow("status of 40[14]")
    await says(tokens=2000, gap=50)
    await page.goto(embedded.put())
    await visitor.open()
    await visitor.ask("Tell me everything")
    await expect(visitor.answer).to_contain_text("fox")
    await embedded.tenant.call("DELETE", f"/v1/embed-keys/{embedded.key['id']}", 204)
    await expect(visitor.widget.get_by_role("alert")).to_have_text("This chat has ended.")
    await expect(visitor.field).to_be_disabled()
    await page.reload()
    await expect(visitor.widget.get_by_role("alert")).to_have_text("This chat has ended.")


READ = """async ([api, key, token]) => {
  const tries = {
    session: () => fetch(`${api}/v1/embed/${key}/sessions`,
      {method: 'POST', body: '{}', headers: {'Content-Type': 'application/json'}}),
    chats: () => fetch(`${api}/v1/chat`, {headers: {Authorization: `Bearer ${token}`}}),
    bots: () => fetch(`${api}/v1/bot-profiles`, {headers: {Authorization: `Bearer ${token}`}}),
  };
  const read = {};
  for (const [name, go] of Object.entries(tries))
    read[name] = await go().then(async (answer) => [answer.status, (await answer.json()).code], () => 'nothing');
  return read;
}"""


async def test_a_page_of_another_origin_reads_nothing(
    embedded: Embedded, page: Page, visitor: Visitor, complaints: Complaints
) -> None:
    complaints.allow("status of 403|CORS policy|ERR_FAILED")
    async with page.expect_response(lambda answer: answer.url.endswith("/sessions") and answer.ok) as session:
        await page.goto(embedded.put())
        await visitor.open()
    token = json.loads(await (await session.value).text())["session_token"]
    await page.goto(f"{embedded.site.other_origin}/")
    await page.get_by_role("button", name="Open chat").click()
    await expect(visitor.widget.get_by_role("alert")).to_have_text("This chat is not available on this page.")
    await expect(visitor.field).to_be_disabled()
    read = await page.evaluate(READ, [embedded.api, embedded.key["key"], token])
    assert set(map(str, read.values())) <= {"nothing", "[403, 'origin_not_allowed']", "[403, 'forbidden']"}, (
        read
    )
    assert await embedded.chats() == []


@pytest.mark.parametrize("screen", [PHONE], ids=["phone"])
async def test_on_a_phone_it_fills_the_screen(
    embedded: Embedded, page: Page, visitor: Visitor, screen: Screen
) -> None:
    await page.emulate_media(reduced_motion="reduce")
    await page.goto(embedded.put())
    await visitor.open()
    await expect(visitor.panel).to_have_attribute("aria-modal", "true")
    box = await visitor.panel.bounding_box()
    assert box == {"x": 0, "y": 0, "width": 390, "height": 844}
    assert await visitor.field.evaluate("(field) => parseFloat(getComputedStyle(field).fontSize)") >= 16
    assert await page.evaluate("document.documentElement.scrollWidth") == 390
    await page.set_viewport_size({"width": 932, "height": 430})  # turned
    await expect(visitor.panel).not_to_have_attribute("aria-modal", "true")
    await visitor.panel.get_by_role("button", name="Close chat").click()
    await expect(visitor.panel).to_be_hidden()
