"""Takes the pictures of docs/admin-guide.md and docs/widget-integration.md from the running system: ``make screenshots``.

Starts a stack of its own with the organisation of ``demo.py``. Names of pages as arguments take only those, ``--to FOLDER``
writes them elsewhere, and ``--all`` takes every page in four screens, for people who judge its looks.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import demo
from minirag_local.testing import running_stack
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests/support"))
import chromium  # type: ignore[import-not-found]  # noqa: E402  the tests' way to a browser
from host_site import host_site  # type: ignore[import-not-found]  # noqa: E402  and their web site

IMAGES = ROOT / "docs/images"
SIZES = {"desktop": (1280, 800), "phone": (390, 844)}

SITE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Clock Museum</title><link rel="icon" href="data:,"><style>body {{ font: 18px/1.6 Georgia, serif; max-width: 40rem;
margin: 4rem auto; padding: 0 1.5rem; color: #222 }} h1 {{ font-size: 2.4rem }}</style><h1>The Clock Museum</h1><p>Five centuries
of clocks, from the tower clock of 1531 to the watches of our grandparents. On Sundays at two a clockmaker repairs yours before
your eyes.</p><p>Open daily but Mondays, nine to six.</p><script {script} data-title="Museum guide"></script></html>"""

PAGES = {
    "overview": "overview",
    "bots": "bots",
    "try-it": "bots/{bot}/try/{chats[1]}",
    "embed": "bots/{bot}/embed",
    "sources": "sources",
    "source": "sources/{sources[1]}",
    "versions": "sources/{sources[1]}/versions",
    "chat": "chats/{chats[1]}",
    "webhooks": "webhooks",
    "tokens": "tokens",
    "embed-keys": "tokens/embed",
    "users": "users",
    "analytics": "analytics",
    "events": "events",
    "settings": "settings",
}
"""The name of a picture, and the address of its page."""


def shots(everything: bool) -> Iterator[tuple[str, str]]:
    """Size and theme of the pictures to take."""
    yield from (
        ((size, theme) for size in SIZES for theme in ("light", "dark"))
        if everything
        else [("desktop", "light")]
    )


def opened(browser: Browser, url: str, slug: str, size: str, theme: str) -> Page:
    """A page with the owner logged in."""
    width, height = SIZES[size]
    options: dict[str, Any] = {"color_scheme": theme, "locale": "en-GB", "reduced_motion": "reduce"}
    context = browser.new_context(viewport={"width": width, "height": height}, **options)
    account = {
        "email": demo.OWNER["owner_email"],
        "password": demo.OWNER["owner_password"],
        "tenant_slug": slug,
    }
    answer = context.request.post(f"{url}/v1/auth/browser", data=account)
    if not answer.ok:
        raise RuntimeError(answer.text())
    context.add_init_script("localStorage.setItem('minirag.visited', 'yes')")
    return context.new_page()


def take(
    browser: Browser, url: str, known: dict[str, Any], names: list[str], folder: Path, everything: bool
) -> None:
    """Goes from page to page and takes its picture when it is at rest."""
    for size, theme in shots(everything):
        page = opened(browser, url, known["slug"], size, theme)
        for name in names:
            address = PAGES[name].format(**known)
            page.goto(f"{url}/dashboard/#/{address}")
            page.wait_for_selector("main:not([aria-busy]) h1")
            page.wait_for_timeout(700)
            suffix = f"-{size}-{theme}" if everything else ""
            page.screenshot(path=folder / f"{name}{suffix}.png")
            print(folder / f"{name}{suffix}.png")
        page.context.close()


def take_widget(browser: Browser, address: str, folder: Path) -> None:
    """A visitor asks on the organisation's site; light on a desk, dark on a phone."""
    for name, size, theme in (("widget", "desktop", "light"), ("widget-phone", "phone", "dark")):
        width, height = SIZES[size]
        options: dict[str, Any] = {"color_scheme": theme, "locale": "en-GB", "reduced_motion": "reduce"}
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        page = context.new_page()
        page.goto(address)
        page.get_by_role("button", name="Open chat").click()
        page.get_by_role("button", name="What is your oldest piece?").click()
        page.get_by_role("button", name="Good answer").wait_for()
        page.wait_for_timeout(500)
        page.screenshot(path=folder / f"{name}.png")
        print(folder / f"{name}.png")
        context.close()


def main() -> int:
    """Answers an exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(PAGES)}; all without")
    parser.add_argument("--to", type=Path, default=IMAGES)
    parser.add_argument("--all", action="store_true", help="desktop and phone, light and dark")
    parser.add_argument("--empty", action="store_true", help="an organisation that has nothing yet")
    given = parser.parse_args()
    names = given.names or [name for name in PAGES if not given.empty or "{" not in PAGES[name]]
    if chromium.find() is None:
        parser.error(chromium.MISSING)
    if wrong := [name for name in names if name not in PAGES or (given.empty and "{" in PAGES[name])]:
        parser.error(f"there is no such picture: {', '.join(wrong)}")
    given.to.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        running_stack(Path(folder)) as stack,
        host_site() as museum,
        sync_playwright() as playwright,
    ):
        known = demo.seed(stack.url, origin=museum.origin, empty=given.empty)
        browser = playwright.chromium.launch(**chromium.options())
        take(browser, stack.url, known, names, given.to, given.all)
        if not given.empty and not given.names:
            script = f'src="{stack.url}/dashboard/widget/minirag-widget.js" data-embed-key="{known["key"]}"'
            museum.pages["/"] = SITE.format(script=script)
            take_widget(browser, f"{museum.origin}/", given.to)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
