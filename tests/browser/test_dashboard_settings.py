"""Settings: tabs by address, the organisation's name, limits, who did what, how it all works, looks."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from dashboard_people import join
from dashboards import Dashboard
from pages import Complaints, come, violations
from playwright.async_api import Page, expect


async def test_tabs_have_addresses_and_the_organisation_a_new_name(
    page: Page, dashboard: Dashboard, complaints: Complaints
) -> None:
    complaints.allow("status of 422")
    await page.goto(f"{dashboard.url}#/settings")
    await expect(page.get_by_role("tab", name="Organisation")).to_be_visible()
    await come(page)
    await page.get_by_role("tab", name="Organisation").press("ArrowRight")
    await expect(page.get_by_role("tab", name="Limits")).to_be_focused()
    await expect(page).to_have_url(re.compile("#/settings/limits$"))
    await page.reload()
    await expect(page.get_by_role("tab", name="Limits")).to_have_attribute("aria-selected", "true")
    await page.go_back()

    panel = page.get_by_role("tabpanel", name="Organisation")
    await expect(panel).to_contain_text(dashboard.slug)
    name = panel.get_by_label("Name of the organisation")
    await name.fill("")
    await panel.get_by_role("button", name="Save").click()
    await expect(name).to_have_attribute("aria-invalid", "true")
    await expect(name).to_be_focused()
    assert await violations(page) == []
    await name.fill("Acme & Daughters")
    await name.press("Enter")
    await expect(page.get_by_role("status").filter(has_text="Saved")).to_be_visible()
    await expect(page.get_by_role("navigation")).to_contain_text("Acme & Daughters · Owner")
    assert (await dashboard.tenant.call("GET", "/v1/tenants/me", 200))["name"] == "Acme & Daughters"


async def test_the_audit_log_is_filtered_by_its_address(
    page: Page, dashboard: Dashboard, complaints: Complaints
) -> None:
    tenant = dashboard.tenant
    bot_id = await tenant.bot(name="Concierge")
    for turn in range(55):
        await tenant.call("PATCH", f"/v1/bot-profiles/{bot_id}", 200, json={"description": f"{turn}"})
    await page.goto(f"{dashboard.url}#/settings/audit")
    rows = page.get_by_role("table").get_by_role("row")
    await expect(rows).to_have_count(51)
    await page.get_by_role("button", name="Show more").click()
    await expect(page.get_by_text("The organisation «Acme» signed up.")).to_be_visible()
    assert await violations(page) == []

    await page.get_by_label("Of what").select_option(label="People and keys")
    await expect(page).to_have_url(re.compile("kind=access"))
    await expect(rows.filter(has_text="bot.updated")).to_have_count(0)
    await page.get_by_label("By whom", exact=True).select_option(label=dashboard.email)
    await expect(rows.filter(has_text="token.created")).to_have_count(0)
    await expect(rows.filter(has_text="logged in.").first).to_contain_text("127.0.0.1")
    await page.reload()
    await expect(page.get_by_label("By whom", exact=True)).to_have_value(re.compile("user:"))
    await expect(rows.filter(has_text="logged in.").first).to_be_visible()

    await rows.last.get_by_role("button", name="Details").click()
    await expect(page.get_by_role("dialog").get_by_role("region", name="JSON")).to_contain_text("trace_id")
    await page.get_by_role("dialog").get_by_role("button", name="Close").click()
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    await page.get_by_label("From", exact=True).fill(tomorrow)
    await expect(page.get_by_text("Nothing found")).to_be_visible()
    await page.get_by_role("button", name="Without filters").click()
    await expect(rows).to_have_count(51)

    complaints.allow("status of 422")
    await page.get_by_label("Exact type").fill("moon.landed")
    await page.get_by_label("Exact type").press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("There is no event of the type moon.landed.")


async def test_limits_and_the_systems_parts_are_told(page: Page, dashboard: Dashboard) -> None:
    tenant = dashboard.tenant
    bot_id = await tenant.bot(name="Concierge")
    await tenant.ready(await tenant.text_source(bot_id, "The museum opens at ten."))
    key = {"bot_profile_id": bot_id, "name": "Our site", "origins": ["https://www.example.com"]}
    await tenant.call("POST", "/v1/embed-keys", 201, json={**key, "daily_messages": 1500})
    await page.goto(f"{dashboard.url}#/settings/limits")
    await expect(page.get_by_role("row", name="Our site")).to_contain_text("0 of 1,500")
    in_force = page.get_by_role("main").get_by_role("listitem")
    await expect(in_force.filter(has_text="Webhooks")).to_contain_text(re.compile(r"0 of \d+"))
    await expect(in_force.filter(has_text="Sources", has_not_text="wait")).to_contain_text(
        re.compile("1 of [0-9,]+")
    )
    assert await violations(page) == []

    await page.get_by_role("tab", name="System health").click()
    await expect(page.get_by_text("Everything works.")).to_be_visible()
    await expect(page.get_by_role("listitem").filter(has_text="Database")).to_contain_text("works")
    await expect(page.get_by_text("1 source is ready")).to_be_visible()
    await expect(page.get_by_role("row", name="Concierge")).to_contain_text("1 of 1")
    await expect(page.get_by_text(re.compile(r"MiniRAG \d"))).to_be_visible()
    assert await violations(page) == []


@pytest.mark.parametrize("screen", [{"color_scheme": "light"}])
async def test_a_member_chooses_look_and_language(page: Page, signed_up: Dashboard) -> None:
    await join(signed_up, page.context, "member")
    await page.goto(f"{signed_up.url}#/settings/audit")
    await expect(page.get_by_role("tab")).to_have_text(["Organisation", "Appearance"])
    await expect(page.get_by_text(signed_up.slug, exact=True)).to_be_visible()
    await expect(page.get_by_role("button", name="Save")).to_be_hidden()
    await page.get_by_role("tab", name="Appearance").click()
    await page.get_by_role("radio", name="Dark").check()
    await page.reload()
    await expect(page.locator("html")).to_have_class(re.compile(r"\bdark\b"))
    await expect(page.get_by_role("button", name="Look: dark")).to_be_visible()
    await expect(page.get_by_role("radio", name="Dark")).to_be_checked()
    assert await violations(page) == []
    await page.get_by_role("radio", name="Deutsch").check()
    await expect(page.get_by_role("heading", name="Einstellungen")).to_be_visible()
    await page.reload()
    await expect(page.get_by_role("radio", name="Dunkel")).to_be_checked()
    await expect(page.get_by_role("radio", name="Deutsch")).to_be_checked()
