"""Events as they happen, in words."""

import json
import re
from pathlib import Path

import pytest
from dashboard_people import join
from dashboards import Dashboard
from minirag_dashboard import APP
from pages import violations
from playwright.async_api import Page, expect

ASYNCAPI = Path(__file__).parents[2] / "docs/asyncapi.json"
FIELDS = {"bot", "source", "user", "name", "role", "stage", "version", "url", "detail", "error", "reason"}


def types() -> set[str]:
    """Every type of event that the stream tells."""
    messages = json.loads(ASYNCAPI.read_text(encoding="utf-8"))["components"]["messages"]
    told = {name for name in messages if not name.startswith("bus.") and "." in name}
    assert len(told) > 40
    return told


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_type_has_a_sentence(language: str) -> None:
    """And no sentence is about a type that there is not, or names what no event has."""
    texts = json.loads((APP / f"locales/{language}/happened.json").read_text(encoding="utf-8"))["types"]
    known = types() | {"source.ingest.progress"}
    assert known - set(texts) == set()
    assert [name for name in texts if name not in known and name.rpartition(".")[0] not in known] == []
    assert {field for text in texts.values() for field in re.findall(r"\{(\w+)\}", text)} <= FIELDS


async def test_events_appear_as_they_happen(page: Page, dashboard: Dashboard) -> None:
    """With filter, pause and detail; what was before comes from the audit log."""
    tenant = dashboard.tenant
    await page.goto(f"{dashboard.url}#/events")
    live = page.get_by_role("region", name="Since you opened this page")
    earlier = page.get_by_role("region", name="Earlier")
    await expect(page.get_by_role("status").filter(has_text="Live")).to_be_visible()
    await expect(earlier).to_contain_text("The organisation «Acme» signed up.")
    await expect(live).to_contain_text("Nothing yet")

    bot_id = await tenant.bot(name="Concierge")
    source_id = await tenant.text_source(bot_id, "The museum opens at ten.", name="Hours")
    created = live.get_by_role("listitem").filter(has_text="The bot «Concierge» was created.")
    await expect(created).to_be_visible()
    await expect(live).to_contain_text("«Hours» is ready.")
    await expect(live.get_by_role("progressbar")).to_have_count(0)
    ready = live.get_by_role("listitem").filter(has_text="«Hours» is ready.")
    await expect(ready.get_by_role("link")).to_have_attribute("href", f"#/sources/{source_id}")

    await page.get_by_role("button", name="Bots", exact=True).click()
    await expect(ready).to_be_hidden()
    await expect(created).to_be_visible()
    await expect(earlier).to_contain_text("Nothing of that kind happened earlier.")
    await page.get_by_role("button", name="All", exact=True).click()

    await expect(live).to_contain_text("Version 1 of «Hours» answers from now on.")
    await page.get_by_role("button", name="Pause").click()
    await tenant.bot(name="Night porter")
    await page.get_by_role("button", name="Continue with one new event").click()
    await expect(live.get_by_role("listitem").first).to_contain_text("The bot «Night porter» was created.")

    detail = created.get_by_role("button", name="Details: The bot «Concierge» was created.")
    await detail.press("Enter")
    dialog = page.get_by_role("dialog")
    event = json.loads(await dialog.get_by_role("region", name="JSON").inner_text())
    assert (event["specversion"], event["type"], event["data"]["bot_id"]) == ("1.0", "bot.created", bot_id)
    await expect(dialog.get_by_role("link", name="Open the bot")).to_have_attribute(
        "href", f"#/bots/{bot_id}"
    )
    assert await violations(page) == []
    await page.keyboard.press("Escape")
    await expect(detail).to_be_focused()
    await page.emulate_media(color_scheme="dark")
    await page.reload()  # at once, without colours on their way to others
    await expect(earlier).to_contain_text("The bot «Night porter» was created.")
    assert await violations(page) == []


async def test_what_nobody_has_words_for_is_named(page: Page, dashboard: Dashboard) -> None:
    await page.goto(f"{dashboard.url}#/events")
    await expect(page.get_by_role("heading", name="Events")).to_be_visible()
    said = await page.evaluate(
        "import('/dashboard/js/components/happened.js').then(({sentence}) => sentence({type: 'moon.landed', data: {}}))"
    )
    assert said == "moon.landed"


async def test_who_may_not_read_the_audit_log_sees_what_happens_now(
    page: Page, phone: Page, signed_up: Dashboard
) -> None:
    await join(signed_up, page.context, "admin")
    await page.goto(f"{signed_up.url}#/events")
    await expect(page.get_by_role("status").filter(has_text="Live")).to_be_visible()
    await expect(page.get_by_role("heading", name="Earlier")).to_be_hidden()
    await join(signed_up, phone.context, "member")
    await phone.goto(f"{signed_up.url}#/events")
    await expect(phone.get_by_text("Events are for administrators and owners.")).to_be_visible()
    assert await violations(phone) == []
