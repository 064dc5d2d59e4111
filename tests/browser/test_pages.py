"""The eyes of these tests see: complaints, policies, axe, screens. On pages made for it, without a stack."""

import re
from typing import Any

import pytest
from minirag_dashboard import APP
from pages import DARK, PHONE, Complaints, Screen, until, violations
from playwright.async_api import BrowserContext, Page, Route, expect

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SITE = "https://site.example/"
HEAD = '<!doctype html><html lang="en"><head><title>T</title><link rel="icon" href="data:,">'
GOOD = HEAD + "%s</head><main><h1>T</h1>%s</main></html>"
KINDS = {"js": "text/javascript", "css": "text/css"}


async def serve(context: BrowserContext, files: dict[str, str]) -> None:
    """A site of these files, and of the dashboard's, under the dashboard's policy."""

    async def answer(route: Route) -> None:
        name = route.request.url.removeprefix(SITE)
        headers = {"Content-Security-Policy": POLICY}
        kind = KINDS.get(name.rpartition(".")[2], "text/html")
        body = files.get(name) if name in files else (APP / name).read_text()
        await route.fulfill(body=body, headers=headers, content_type=kind)

    await context.route(f"{SITE}**", answer)


@pytest.mark.parametrize(
    ("script", "heard"),
    [
        ("console.error('look')", "console: look"),
        ("setTimeout(() => { throw new Error('thrown') })", "exception: .*thrown"),
        ("Promise.reject(new Error('refused'))", "exception: .*refused"),
        (
            "document.body.append(Object.assign(document.createElement('script'), {text: '1'}))",
            "policy: script-src",
        ),
        ("document.body.setAttribute('style', 'color: red')", "policy: style-src"),
        ("try { new Function('1') } catch {}", "policy: script-src"),
        ("fetch('https://elsewhere.example').catch(() => 0)", "policy: connect-src"),
    ],
)
async def test_what_a_page_does_wrong_is_heard(
    page: Page, complaints: Complaints, script: str, heard: str
) -> None:
    await serve(page.context, {"": GOOD % ("", '<script src="a.js"></script>'), "a.js": script})
    await page.goto(SITE)
    await until(lambda: any(re.search(heard, one) for one in complaints.left()))
    complaints.allow(heard)
    complaints.allow("Content Security Policy|Refused to")
    assert not complaints.left()


async def test_axe_finds_what_is_wrong_and_nothing_else(page: Page) -> None:
    await serve(
        page.context, {"": GOOD % ("", "<button>Save</button>"), "bad": GOOD % ("", '<img src="data:,">')}
    )
    await page.goto(SITE)
    assert await violations(page) == []
    assert await page.evaluate("typeof axe") == "undefined"
    await page.goto(f"{SITE}bad")
    (found,) = await violations(page)
    assert found.startswith("image-alt (critical): ") and "<img" in found
    assert await violations(page, "h1") == []


@pytest.mark.parametrize(
    ("screen", "width", "dark"), [({}, 1280, False), (PHONE, 390, False), (DARK, 1280, True)]
)
async def test_a_test_has_the_screen_that_it_asks_for(
    page: Page, screen: Screen, width: int, dark: bool
) -> None:
    assert await page.evaluate("screen.width") == width
    assert await page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") is dark


async def test_two_people_share_nothing(page: Page, phone: Page) -> None:
    for each in (page, phone):
        await serve(each.context, {"": GOOD % ("", "")})
        await each.goto(SITE)
    await page.evaluate("localStorage.setItem('who', 'me')")
    assert await phone.evaluate("[localStorage.getItem('who'), screen.width]") == [None, 390]


LIBRARIES = """
import Alpine from './vendor/alpine.esm.js';
import { marked } from './vendor/marked.esm.js';
import DOMPurify from './vendor/purify.es.js';
import './vendor/chart.umd.js';
Alpine.data('counter', () => ({ count: 1, more() { this.count += 1; } }));
Alpine.start();
document.querySelector('#text').innerHTML = DOMPurify.sanitize(marked.parse('**bold** <img src=x onerror=alert(1)>'));
new Chart(document.querySelector('canvas'), {
  type: 'line', data: { labels: ['a', 'b'], datasets: [{ data: [1, 2] }] }, options: { animation: false },
});
document.body.dataset.ready = String(Chart.version);
"""

USES = """<div x-data="counter"><button @click="more" x-bind:class="count > 1 && 'p-4'">more</button>
<output x-text="count"></output><p x-show="count > 1">shown</p></div>
<div id="text"></div><div><canvas aria-label="a chart" role="img"></canvas></div>"""


async def test_the_libraries_work_under_the_policy(page: Page, complaints: Complaints) -> None:
    """Also where they hide and size elements: by the object model, which the policy leaves alone."""
    complaints.allow("inline event handler|script-src-attr")  # told while DOMPurify reads what it takes out
    head = '<link rel="stylesheet" href="vendor/app.css"><script type="module" src="main.js"></script>'
    await serve(page.context, {"": GOOD % (head, USES), "main.js": LIBRARIES, "x": ""})
    await page.goto(SITE)
    await page.wait_for_selector("body[data-ready^='4.']")
    assert not await page.get_by_text("shown").is_visible()
    await page.get_by_role("button").click()
    await expect(page.locator("output")).to_have_text("2")
    await expect(page.get_by_text("shown")).to_be_visible()
    html: Any = await page.locator("#text").inner_html()
    assert "<strong>bold</strong>" in html and "onerror" not in html
    assert await page.evaluate("getComputedStyle(document.body).margin") == "0px"
