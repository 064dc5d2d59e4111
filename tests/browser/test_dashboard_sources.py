"""What bots know, in the dashboard: adding by every way, progress, stopping, versions, timetables, failures in words."""

import asyncio
import io
import re
import secrets
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from dashboards import Dashboard, OpenPage
from pages import DARK, PHONE, Complaints, Screen, come, shown_tab, violations
from playwright.async_api import Locator, Page, expect
from web_site import Asked, Site, a_site

HOURS = "# Hours\n\nThe museum opens at nine and closes at five."
REFUSED = "Failed to load resource"
"""The console tells every answer that is an error."""

DROP = """([target, files]) => {
    const transfer = new DataTransfer();
    for (const [name, text] of files) transfer.items.add(new File([text], name));
    for (const type of ['dragenter', 'dragover', 'drop'])
        target.dispatchEvent(new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true }));
}"""


@pytest_asyncio.fixture(loop_scope="session")
async def site() -> AsyncIterator[Site]:
    async with a_site() as found:
        yield found


async def opened(page: Page, dashboard: Dashboard, path: str = "sources") -> Page:
    await page.goto(f"{dashboard.url}#/{path}")
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    await come(page)
    return page


async def accessible(page: Page) -> None:
    await expect(page.locator(".busy-bar")).to_be_hidden()
    assert await violations(page) == []


def row(page: Page, name: str) -> Locator:
    return page.get_by_role("listitem").filter(has=page.get_by_role("link", name=name, exact=True))


def state(within: Page | Locator, words: str) -> Locator:
    return within.locator(".badge").get_by_text(words, exact=True)


async def test_who_has_nothing_is_led_and_what_was_typed_is_not_lost(
    dashboard: Dashboard, page: Page, complaints: Complaints
) -> None:
    complaints.allow(REFUSED)
    await opened(page, dashboard)
    await expect(page.get_by_text("There is no bot yet.")).to_be_visible()
    await expect(page.get_by_role("link", name="Create a bot")).to_have_attribute("href", "#/bots")
    await accessible(page)
    await dashboard.tenant.bot(name="Guide")
    await expect(page.get_by_role("heading", name="Nothing to know yet")).to_be_visible()  # it came by itself
    await accessible(page)

    await page.get_by_role("link", name=re.compile("^Text")).click()
    await page.get_by_role("button", name="Add this text").click()
    await expect(page.get_by_text("Please give it a name.")).to_be_visible()
    await page.get_by_label("Name", exact=True).fill("Opening hours")
    await page.get_by_role("textbox", name="Text").fill(HOURS)
    await page.context.set_offline(True)
    await page.get_by_role("button", name="Add this text").click()
    await expect(page.get_by_text("The server cannot be reached.")).to_be_visible()
    await page.context.set_offline(False)
    await page.get_by_role("tab", name="Text").press("ArrowLeft")
    await expect(page.get_by_role("tab", name="Single pages")).to_be_focused()
    await page.get_by_role("link", name="Sources", exact=True).last.click()
    await page.get_by_role("link", name=re.compile("^Text")).click()
    await expect(page.get_by_role("textbox", name="Text")).to_have_value(HOURS)  # nothing is lost
    await page.get_by_role("button", name="Add this text").click()
    await expect(page.get_by_role("heading", level=1, name="Opening hours")).to_be_visible()
    await expect(state(page, "ready")).to_be_visible()
    await page.get_by_role("button", name="Delete").click()
    await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await expect(page.get_by_role("heading", name="Nothing to know yet")).to_be_visible()


async def test_a_text_is_changed_given_a_timetable_and_rolled_back(
    dashboard: Dashboard, page: Page, complaints: Complaints
) -> None:
    complaints.allow(REFUSED)
    bot = await dashboard.tenant.bot(name="Guide")
    source = await dashboard.tenant.text_source(bot, HOURS, "Opening hours")
    await dashboard.tenant.ready(source)
    await opened(page, dashboard, f"sources/{source}")

    await page.get_by_role("tab", name="Settings").click()
    await page.get_by_label("New text").fill("# Hours\n\nThe museum opens at ten.")
    await page.get_by_label("Read again by itself").select_option("cron")
    await page.get_by_label("Timetable (cron)").fill("at six")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_label("Timetable (cron)")).to_have_attribute("aria-invalid", "true")
    await expect(page.get_by_label("New text")).to_have_value("# Hours\n\nThe museum opens at ten.")
    await page.get_by_label("Timetable (cron)").fill("0  6 * * 1-5")
    await page.get_by_label("Time zone").fill("Europe/Berlin")
    await accessible(page)
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Saved. It is being read again.")).to_be_visible()
    await expect(page.get_by_text("by a timetable: 0 6 * * 1-5 (Europe/Berlin)").first).to_be_visible()
    await expect(page.get_by_text("It is read next on")).to_be_visible()

    await page.get_by_role("tab", name="Versions").click()
    await expect(page.get_by_role("row", name=re.compile("^2 answers now"))).to_be_visible()
    await accessible(page)
    await page.get_by_role("button", name="Go back to this: version 1").click()
    sure = page.get_by_role("dialog", name="Go back to version 1?")
    await expect(sure).to_contain_text("Turn off its timetable first")
    await sure.get_by_role("button", name="Go back to this").click()
    await expect(
        page.get_by_role("row", name=re.compile("^3 answers now.*back to version 1"))
    ).to_be_visible()
    await page.get_by_role("tab", name="History").click()
    await expect(state(page, "done")).to_have_count(3)


async def test_files_are_dropped_chosen_and_sent_in_pieces(
    dashboard: Dashboard, page: Page, complaints: Complaints, tmp_path: Path
) -> None:
    complaints.allow(REFUSED)
    await dashboard.tenant.bot(name="Guide")
    await opened(page, dashboard)
    await expect(page.get_by_role("heading", name="Nothing to know yet")).to_be_visible()
    files = [["a.txt", "Alpha is the first."], ["b.md", "# Beta\n\nBeta is the second."], ["c.png", "no"]]
    await page.evaluate(DROP, [await page.query_selector("main h2"), files])
    await expect(page.get_by_role("tab", name="Files")).to_have_attribute("aria-selected", "true")
    await expect(page.get_by_text("1 file was left out, as it cannot be read: c.png")).to_be_visible()
    queue = page.get_by_role("list", name="Files to upload")
    await expect(queue.get_by_role("listitem")).to_have_count(2)
    await page.get_by_label("Name of the group").fill("Letters")
    await accessible(page)
    await page.get_by_role("button", name="Upload 2 files").click()
    await expect(page.get_by_role("heading", level=1, name="Letters")).to_be_visible()
    await expect(state(row(page, "b.md"), "ready")).to_be_visible()

    bad, archive = tmp_path / "bad.docx", tmp_path / "large.zip"
    bad.write_bytes(b"")
    archive.write_bytes(
        packed({"kept.txt": b"Gamma is the third.", "photo.png": secrets.token_bytes(31_000_000)})
    )
    await opened(page, dashboard, "sources/add/files")
    await page.locator("input[type=file]").first.set_input_files([bad, archive])
    network = await page.context.new_cdp_session(page)
    line = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 4_000_000}
    await network.send("Network.emulateNetworkConditions", line)
    async with page.expect_request(lambda sent: sent.headers.get("upload-offset") == "5242880"):
        await page.get_by_role("button", name="Upload 2 files").click()
    async with page.expect_request(lambda sent: sent.method == "HEAD"):  # it asks how far it came
        await network.send("Network.emulateNetworkConditions", {**line, "offline": True})
    await network.send("Network.emulateNetworkConditions", {**line, "uploadThroughput": -1})
    sent = page.get_by_role("list", name="Uploads").get_by_role("listitem")
    refused = sent.filter(has_text="bad.docx")
    await expect(refused.get_by_role("alert")).not_to_be_empty()
    await expect(page.get_by_text("The others were uploaded and are being read.")).to_be_visible()
    await expect(queue).to_contain_text("bad.docx")
    await expect(queue).not_to_contain_text("large.zip")
    await page.get_by_role("link", name="Sources", exact=True).last.click()
    await expect(state(row(page, "large.zip"), "ready")).to_be_visible()
    await page.get_by_role("button", name="Parts of large.zip").press("Enter")
    await expect(page.get_by_role("list", name="Parts of large.zip")).to_contain_text("kept.txt")
    await page.get_by_role("link", name="large.zip").click()
    await page.get_by_text("1 file of the archive was left out").click()
    await expect(page.get_by_text("photo.png")).to_be_visible()


def packed(files: dict[str, bytes]) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return whole.getvalue()


async def test_a_site_is_looked_at_crawled_and_stopped(
    dashboard: Dashboard, page: Page, site: Site, complaints: Complaints
) -> None:
    complaints.allow(REFUSED)
    gate = asyncio.Event()
    gate.set()

    async def wait(asked: Asked) -> None:
        if asked.path == "/otters":
            await gate.wait()

    site.before = wait
    site.page("/", links=["/herons", "/otters", "/admin/"])
    site.page("/herons", "Herons nest in the old poplars by the weir.")
    site.page("/otters", "Otters were seen at the mill pond.")
    site.page("/admin/")
    await dashboard.tenant.bot(name="Guide")
    await opened(page, dashboard, "sources/add/site")
    await page.get_by_label("Address of the start page").fill("no address")
    await page.get_by_role("button", name="Look first").click()
    await expect(page.get_by_label("Address of the start page")).to_have_attribute("aria-invalid", "true")
    await page.get_by_label("Address of the start page").fill(site.url())
    await page.get_by_text("Limits and exceptions").click()
    await page.get_by_label("Seconds between two pages").fill("0")
    await page.get_by_label("Not these").fill("/admin/")
    await page.get_by_role("button", name="Look first").click()
    await expect(page.get_by_role("heading", name="3 pages would be taken")).to_be_visible()
    await page.get_by_text("1 address would be left out").click()
    await expect(page.get_by_text("You exclude it.")).to_be_visible()
    await page.get_by_role("button", name=f"Leave out: {site.url('/herons')}").click()
    await expect(page.get_by_label("Not these")).to_have_value("/admin/\n/herons$")
    await accessible(page)
    await page.get_by_label("Not these").fill("/admin/")
    await page.get_by_role("tabpanel", name="A web site").get_by_label("Name (if you like)").fill("Reserve")
    gate.clear()
    await page.get_by_role("button", name="Add this site").click()

    await expect(page.get_by_role("heading", level=1, name="Reserve")).to_be_visible()
    await expect(page.get_by_role("progressbar", name="Looking through the site")).to_be_visible()
    await accessible(page)
    await page.get_by_role("button", name="Stop", exact=True).click()
    await expect(page.get_by_text("«Reserve» is no longer being read.")).to_be_visible()
    await page.get_by_role("tab", name="History").click()
    await expect(state(page, "stopped").first).to_be_visible()
    gate.set()

    await page.get_by_role("button", name="Read again", exact=True).click()
    await page.get_by_role("tab", name="Overview").click()
    await expect(page.get_by_role("heading", name="3 parts")).to_be_visible()
    await expect(state(page, "ready")).to_have_count(4)


async def test_parts_that_fail_say_why_and_are_retried(dashboard: Dashboard, page: Page, site: Site) -> None:
    site.page("/", links=["/otters", "/herons"])
    site.page("/otters")
    site.page("/herons")
    bot = await dashboard.tenant.bot(name="Guide")
    config = {"url": site.url(), "crawl": {"delay_seconds": 0}}
    body = {"bot_profile_id": bot, "name": "Reserve", "source_type": "url", "config": config}
    made = await dashboard.tenant.call("POST", "/v1/sources", 201, json=body)
    await opened(page, dashboard, f"sources/{made['id']}")
    await page.get_by_role("button", name="Read again", exact=True).click()
    await expect(state(page, "ready")).to_have_count(4)
    site.fail("/otters", 403)
    otters = row(page, site.url("/otters").removeprefix("http://"))
    await otters.get_by_role("button", name="Read again").click()
    await expect(otters.get_by_text("The URL answered with status 403")).to_be_visible()
    site.page("/otters", "Otters live at the mill pond.")
    await page.get_by_role("button", name="Retry failed parts", exact=True).click()
    await expect(page.get_by_text("1 failed part is being read again.")).to_be_visible()
    await expect(state(page, "ready")).to_have_count(4)

    await page.get_by_role("link", name="Sources", exact=True).last.click()
    body |= {"name": "Nobody there", "config": {"url": "http://127.0.0.1:9/"}}
    made = await dashboard.tenant.call("POST", "/v1/sources", 201, json=body)
    waiting = row(page, "Nobody there")
    await waiting.get_by_role("button", name="Read again").click()
    await expect(waiting.get_by_text("waiting to try again")).to_be_visible()
    await expect(waiting.get_by_text("127.0.0.1 could not be connected to. Next attempt: ")).to_be_visible()
    await waiting.get_by_role("button", name="Stop").click()
    await expect(state(waiting, "not read yet")).to_be_visible()


async def test_addresses_become_a_group_and_a_member_only_looks(
    dashboard: Dashboard, page: Page, open_page: OpenPage, site: Site, complaints: Complaints
) -> None:
    site.page("/herons", "Herons nest in the old poplars by the weir.")
    bot = await dashboard.tenant.bot(name="Guide")
    await dashboard.tenant.bot(name="Shop")
    await opened(page, dashboard, f"sources/add/urls?bot={bot}")
    await page.get_by_label("Addresses").fill(f"{site.url('/herons')}\n{site.url('/gone')}")
    await page.get_by_role("button", name="Add 2 pages").click()
    await expect(page.get_by_role("heading", name="2 parts")).to_be_visible()
    await expect(page.get_by_text("The URL answered with status 404: there is no such page.")).to_be_visible()
    await page.get_by_role("link", name="Sources", exact=True).last.click()
    await page.get_by_label("Bot", exact=True).select_option(label="Shop")
    await expect(page.get_by_role("heading", name="Nothing to know yet")).to_be_visible()
    await page.get_by_label("Bot", exact=True).select_option(label="Guide")
    await expect(state(row(page, site.host), "failed")).to_be_visible()

    password = secrets.token_urlsafe(16)
    member = {"email": f"member@{dashboard.slug}.example", "password": password, "role": "member"}
    await dashboard.tenant.call("POST", "/v1/users", 201, json=member)
    theirs = Dashboard(dashboard.url, dashboard.tenant, dashboard.slug, member["email"], password)
    looking = await open_page()
    await theirs.log_in(looking.context)
    await opened(looking, dashboard)
    await expect(row(looking, site.host)).to_be_visible()
    for name in ("Add a source", "Read again", "Retry failed parts"):
        await expect(looking.get_by_text(name, exact=True).first).to_be_hidden()
    await looking.get_by_role("link", name=site.host, exact=True).click()
    await expect(looking.get_by_role("heading", name="2 parts")).to_be_visible()
    await expect(looking.get_by_role("tab", name="Settings")).to_have_count(0)
    await accessible(looking)
    complaints.allow("404")
    await opened(looking, dashboard, "sources/01a21700-0000-7000-8000-000000000000")
    await expect(looking.get_by_role("link", name="To all sources")).to_be_visible()


@pytest.mark.parametrize("screen", [DARK, PHONE], ids=["dark", "phone"])
async def test_every_view_is_accessible_and_fits(dashboard: Dashboard, page: Page, screen: Screen) -> None:
    bot = await dashboard.tenant.bot(name="Guide")
    source = await dashboard.tenant.text_source(bot, HOURS, "Hours")
    await dashboard.tenant.ready(source)
    views = ["sources", *(f"sources/add/{kind}" for kind in ("site", "files", "urls", "text"))]
    views += [f"sources/{source}{tab}" for tab in ("", "/ingestions", "/versions", "/settings")]
    for view in views:
        await opened(page, dashboard, view)
        if view != "sources":
            await expect(shown_tab(page, view)).to_be_visible()
        await expect(page.locator(".skeleton").filter(visible=True)).to_have_count(0)
        await accessible(page)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), view
