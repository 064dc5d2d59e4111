"""Users: added by a link, changed, deactivated, and whom nobody may touch."""

import secrets
from dataclasses import replace
from typing import Any

import pytest
from dashboards import Dashboard, OpenPage
from pages import DARK, DESKTOP, Complaints, Screen, come, held_back, violations
from playwright.async_api import Locator, Page, expect
from widgets import requests_of

PASSWORD = "correct horse battery"  # of people who live as long as a test
REFUSED = r"status of (401|403|409|422)"
"""Chromium tells every refused request in its console, whoever handles it."""


async def somebody(dashboard: Dashboard, **fields: str) -> Dashboard:
    """One more user of the tenant."""
    email = f"{secrets.token_hex(4)}@people.example"
    user: dict[str, Any] = {"email": email, "password": PASSWORD, **fields}
    await dashboard.tenant.call("POST", "/v1/users", 201, json=user)
    return replace(dashboard, email=user["email"], password=PASSWORD)


def row(page: Page, name: str) -> Locator:
    return page.get_by_role("row").filter(has_text=name)


async def test_somebody_is_added_by_a_link_and_chooses_a_password(
    page: Page, dashboard: Dashboard, open_page: OpenPage
) -> None:
    await page.goto(f"{dashboard.url}#/users")
    await page.get_by_role("button", name="Add a user").click()
    dialog = page.get_by_role("dialog", name="Add a user")
    await dialog.get_by_label("E-mail").fill("grace@people.example")
    await dialog.get_by_label("Name").fill("Grace Hopper")
    await dialog.get_by_label("Role").select_option("Administrator")
    await dialog.get_by_label("Role").press("Enter")
    await dialog.get_by_role("button", name="Add a user").click()

    shown = page.get_by_role("dialog", name="A password link for Grace Hopper")
    link = await shown.get_by_label("Password link").input_value()
    assert link.startswith(f"{dashboard.url}#/reset?token=")
    await shown.get_by_role("button", name="Done").click()
    await expect(row(page, "Grace Hopper")).to_contain_text("Administrator")
    await expect(row(page, dashboard.email)).to_contain_text("You")

    other = await open_page()
    await other.goto(link)
    await other.get_by_label("New password").fill(PASSWORD)
    await other.get_by_role("button", name="Save").click()
    await expect(other.get_by_text("Your password is changed")).to_be_visible()
    grace = await open_page()
    await replace(dashboard, email="grace@people.example", password=PASSWORD).log_in(grace.context)
    await grace.goto(f"{dashboard.url}#/users")
    await expect(grace.get_by_role("navigation")).to_contain_text("Acme · Administrator")


async def test_a_user_is_changed_deactivated_and_brought_back(
    page: Page, dashboard: Dashboard, complaints: Complaints
) -> None:
    complaints.allow(REFUSED)
    await page.goto(f"{dashboard.url}#/users")
    await expect(row(page, dashboard.email)).to_be_visible()
    await somebody(dashboard, display_name="Linus")
    await expect(row(page, "Linus")).to_contain_text("Member")  # it is told, nobody has reloaded

    await page.get_by_role("button", name="Edit Linus").click()
    dialog = page.get_by_role("dialog", name="Edit a user")
    await dialog.get_by_label("E-mail").fill(dashboard.email)
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog.get_by_role("alert")).to_be_visible()  # another account has this address
    await dialog.get_by_label("E-mail").fill("linus@people.example")
    await dialog.get_by_label("Name").fill("Linus T.")
    await dialog.get_by_label("Role").select_option("Administrator")
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog).to_be_hidden()
    await expect(row(page, "Linus T.")).to_contain_text("linus@people.example")
    await expect(row(page, "Linus T.")).to_contain_text("Administrator")

    await page.get_by_role("button", name="Deactivate Linus T.").click()
    await (
        page.get_by_role("dialog", name="Deactivate this user?")
        .get_by_role("button", name="Deactivate")
        .click()
    )
    await expect(row(page, "Linus T.")).to_contain_text("deactivated")
    await page.get_by_role("button", name="Activate Linus T.", exact=True).click()
    await expect(row(page, "Linus T.").get_by_text("active", exact=True)).to_be_visible()


async def test_what_happens_between_the_list_and_the_stream_is_not_missed(
    page: Page, dashboard: Dashboard
) -> None:
    stream = await held_back(page, "/v1/events?*")
    await page.goto(f"{dashboard.url}#/users")
    await expect(row(page, dashboard.email)).to_be_visible()
    await somebody(dashboard, display_name="Linus")
    stream.set()
    await expect(row(page, "Linus")).to_be_visible()


async def test_a_page_that_is_left_and_wanted_again_before_it_has_come_is_made_once(
    page: Page, dashboard: Dashboard
) -> None:
    async with page.expect_response("**/v1/events?*"):
        await page.goto(f"{dashboard.url}#/tokens")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Keys")
    await come(page)
    pages = await held_back(page, "/pages/*.html")
    asked = requests_of(page)
    for name in ("users", "bots", "users"):
        async with page.expect_request(f"**/pages/{name}.html"):
            await page.goto(f"{dashboard.url}#/{name}")
    pages.set()
    await expect(row(page, dashboard.email)).to_be_visible()
    await come(page)
    assert len([one for one in asked if "/v1/users?" in one.url]) == 1


async def test_the_last_owner_stays_one_and_is_told_so(
    page: Page, dashboard: Dashboard, complaints: Complaints
) -> None:
    complaints.allow(REFUSED)
    await page.goto(f"{dashboard.url}#/users")
    await page.get_by_role("button", name=f"Edit {dashboard.email}").click()
    dialog = page.get_by_role("dialog", name="Edit a user")
    await dialog.get_by_label("Role").select_option("Member")
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("owner")
    await dialog.get_by_role("button", name="Cancel").click()

    await page.get_by_role("button", name=f"Deactivate {dashboard.email}").click()
    question = page.get_by_role("dialog", name="Deactivate this user?")
    await expect(question).to_contain_text("your own account")
    await question.get_by_role("button", name="Deactivate").click()
    await expect(page.get_by_role("status").filter(has_text="owner")).to_be_visible()
    await expect(row(page, dashboard.email)).to_contain_text("Owner")


async def test_a_password_that_is_too_short_is_said_at_its_field(
    page: Page, dashboard: Dashboard, complaints: Complaints
) -> None:
    complaints.allow(REFUSED)
    await page.goto(f"{dashboard.url}#/users")
    await page.get_by_role("button", name="Add a user").click()
    dialog = page.get_by_role("dialog", name="Add a user")
    await dialog.get_by_label("E-mail").fill("short@people.example")
    await dialog.get_by_label("With a password that I choose now").check()
    password = dialog.get_by_label("First password")
    await password.fill("short")
    await password.press("Enter")
    await expect(password).to_have_attribute("aria-invalid", "true")
    await expect(password).to_be_focused()
    await password.fill(PASSWORD)
    await password.press("Enter")
    await expect(row(page, "short@people.example")).to_contain_text("Member")


async def test_administrators_leave_owners_alone_and_members_see_nobody(
    page: Page, dashboard: Dashboard, open_page: OpenPage, complaints: Complaints
) -> None:
    complaints.allow(REFUSED)
    admin = await open_page()
    await (await somebody(dashboard, role="admin", display_name="Grace")).log_in(admin.context)
    await admin.goto(f"{dashboard.url}#/users")
    await expect(row(admin, dashboard.email)).to_contain_text("Owner")
    await expect(row(admin, dashboard.email).get_by_role("button")).to_have_count(0)
    await expect(row(admin, "Grace").get_by_role("button")).to_have_count(2)
    await admin.get_by_role("button", name="Add a user").click()
    await expect(admin.get_by_role("option", name="Owner")).to_be_disabled()

    member = await open_page()
    await (await somebody(dashboard, role="member")).log_in(member.context)
    await member.goto(f"{dashboard.url}#/users")
    await expect(member.get_by_role("alert")).to_contain_text("Try again")
    await expect(member.get_by_role("button", name="Add a user")).to_be_hidden()
    await expect(member.get_by_role("link", name="Users")).to_have_count(0)


@pytest.mark.parametrize("screen", [DESKTOP, DARK], ids=["light", "dark"])
async def test_axe_finds_nothing(page: Page, dashboard: Dashboard, screen: Screen) -> None:
    await somebody(dashboard, display_name="Linus")
    await page.goto(f"{dashboard.url}#/users")
    await expect(row(page, "Linus")).to_be_visible()
    assert await violations(page) == []
    await page.get_by_role("button", name="Add a user").click()
    await expect(page.get_by_role("dialog")).to_be_visible()
    assert await violations(page) == []
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Password link for Linus").click()
    await expect(page.get_by_role("dialog", name="A password link for Linus")).to_be_visible()
    assert await violations(page) == []
