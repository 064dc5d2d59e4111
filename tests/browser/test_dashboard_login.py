"""Getting in, getting out, and what is around every page: by mouse, by keyboard, in two languages and two themes."""

import secrets

import pytest
from dashboards import Dashboard, OpenPage
from pages import SCREENS, Complaints, Screen, come, held_back, violations
from playwright.async_api import Page, expect

REFUSED = r"status of (401|403|409|422|429)"
"""Chromium tells every refused request in its console, whoever handles it."""


async def test_somebody_signs_up_logs_out_and_in_again_by_keyboard_alone(
    page: Page, signed_up: Dashboard, complaints: Complaints
) -> None:
    complaints.allow(REFUSED)
    name = f"Ähre & Söhne {secrets.token_hex(3)}"
    await page.goto(signed_up.url)
    link = page.get_by_role("link", name="Set up an organisation")
    await expect(link).to_be_visible()
    await come(page)
    await link.press("Enter")
    await expect(page.get_by_label("Name of the organisation")).to_be_visible()
    await come(page)
    await page.get_by_label("Name of the organisation").focus()
    await page.keyboard.type(name)
    slug = name.lower().replace("ä", "a").replace("ö", "o").replace(" & ", "-").replace(" ", "-")
    await expect(page.get_by_label("Short name")).to_have_value(slug)
    for text in ("", "ada@example.com", "short"):
        await page.keyboard.press("Tab")
        await page.keyboard.type(text)
    await page.keyboard.press("Enter")

    password = page.get_by_label("Password")
    await expect(page.get_by_role("alert")).to_have_text("Please check the fields that are marked.")
    await expect(password).to_have_attribute("aria-invalid", "true")
    await expect(password).to_be_focused()
    await password.fill("correct horse")
    await password.press("Enter")
    await expect(page.get_by_role("navigation")).to_contain_text(f"{name} · Owner")
    await expect(page).to_have_url(f"{signed_up.url}#/overview")

    await expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    await come(page)
    await page.get_by_role("button", name="Log out").press("Enter")
    await page.get_by_label("E-mail").fill("ada@example.com")
    await page.get_by_label("Password").fill("correct hose")
    await page.get_by_label("Password").press("Enter")
    await expect(page.get_by_role("alert")).to_be_visible()
    await page.get_by_label("Password").fill("correct horse")
    await page.get_by_label("Password").press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    await page.reload()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Overview")


async def test_no_script_of_the_page_can_read_the_credential(page: Page, dashboard: Dashboard) -> None:
    await page.goto(f"{dashboard.url}#/account")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Account")

    seen = await page.evaluate("JSON.stringify([document.cookie, {...localStorage}, {...sessionStorage}])")
    cookies = {
        cookie["name"]: cookie for cookie in await page.context.cookies(f"{dashboard.origin}/v1/auth/browser")
    }

    assert {"minirag_session", "minirag_refresh"} <= set(cookies)
    for cookie in cookies.values():
        assert cookie["httpOnly"]
        assert cookie["sameSite"] == "Strict"
        assert cookie["value"] not in seen
    assert "eyJ" not in seen


async def test_a_changed_password_ends_the_other_login_and_says_so(
    page: Page, dashboard: Dashboard, open_page: OpenPage, complaints: Complaints
) -> None:
    complaints.allow(REFUSED)
    other = await open_page()
    await dashboard.log_in(other.context)
    await other.goto(f"{dashboard.url}#/account")
    await expect(other.get_by_role("heading", level=1)).to_have_text("Account")

    await page.goto(f"{dashboard.url}#/account")
    await page.get_by_label("Current password").fill(dashboard.password)
    await page.get_by_label("New password").fill("another good one")
    await page.get_by_role("button", name="Change the password").click()
    await expect(page.get_by_role("status").last).to_contain_text("Your password is changed.")

    await other.get_by_role("link", name="Keys").click()
    await expect(other.get_by_text("Your login has ended")).to_be_visible()
    await page.get_by_role("link", name="Keys").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Keys")


async def test_two_tabs_renew_one_login_without_ending_it(
    page: Page, dashboard: Dashboard, complaints: Complaints
) -> None:
    complaints.allow(REFUSED)
    await page.goto(f"{dashboard.url}#/tokens")
    other = await page.context.new_page()
    await other.goto(f"{dashboard.url}#/tokens")
    await page.context.clear_cookies(name="minirag_session")  # as when its hour is over

    for tab in (page, other):
        await tab.evaluate("location.hash = '#/users'")
    for tab in (page, other):
        await expect(tab.get_by_role("heading", level=1)).to_have_text("Users")
        await tab.evaluate("location.hash = '#/tokens'")
        await expect(tab.get_by_text("default")).to_be_visible()


async def test_a_page_that_is_opened_before_the_chosen_language_has_come_speaks_it_too(
    page: Page, dashboard: Dashboard
) -> None:
    german = await held_back(page, "/locales/de/common.json")
    await page.goto(f"{dashboard.url}#/bots")
    await page.get_by_role("button", name="Deutsch").click()
    await page.goto(f"{dashboard.url}#/account")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Account")
    german.set()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Konto")


async def test_language_and_theme_are_chosen_and_stay(page: Page, dashboard: Dashboard) -> None:
    await page.goto(f"{dashboard.url}#/account")
    await page.get_by_role("button", name="Deutsch").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Konto")
    await page.get_by_role("button", name="Aussehen: wie das System").click()
    await page.get_by_role("button", name="Aussehen: hell").click()

    await page.reload()

    await expect(page.get_by_role("heading", level=1)).to_have_text("Konto")
    await expect(page.locator("html")).to_have_class("dark")
    await expect(page.locator("html")).to_have_attribute("lang", "de")


async def test_an_unknown_address_leads_back(
    page: Page, dashboard: Dashboard, complaints: Complaints
) -> None:
    complaints.allow("status of 404")
    await page.goto(f"{dashboard.url}#/nowhere/at/all")
    await page.get_by_role("link", name="To the overview").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Overview")


async def test_a_phone_has_its_navigation_in_a_drawer(phone: Page, signed_up: Dashboard) -> None:
    await signed_up.log_in(phone.context)
    await phone.goto(f"{signed_up.url}#/account")
    menu = phone.get_by_role("button", name="Menu")
    await menu.click()
    await phone.get_by_role("link", name="Overview").click()
    await expect(phone.get_by_role("heading", level=1)).to_have_text("Overview")
    await expect(phone.get_by_role("link", name="Bots", exact=True).first).not_to_be_in_viewport()
    await come(phone)
    await menu.press("Enter")
    await expect(phone.get_by_role("link", name="Overview")).to_be_focused()
    await phone.keyboard.press("Escape")
    await expect(menu).to_have_attribute("aria-expanded", "false")


@pytest.mark.parametrize("screen", SCREENS.values(), ids=SCREENS.keys())
async def test_axe_finds_nothing_where_people_get_in(
    page: Page, open_page: OpenPage, signed_up: Dashboard, screen: Screen
) -> None:
    pages = {"login": "Log in", "sign-up": "Set up an organisation", "reset?token=x": "Choose a new password"}
    for address, title in pages.items():
        await page.goto(f"{signed_up.url}#/{address}")
        await expect(page.get_by_role("heading", level=1)).to_have_text(title)
        assert await violations(page) == []
    inside = await open_page(screen)
    await signed_up.log_in(inside.context)
    await inside.goto(f"{signed_up.url}#/account")
    await expect(inside.get_by_role("heading", level=1)).to_have_text("Account")
    assert await violations(inside) == []


async def test_who_logs_out_after_the_hour_is_out(
    page: Page, dashboard: Dashboard, complaints: Complaints
) -> None:
    complaints.allow(REFUSED)
    await page.goto(f"{dashboard.url}#/account")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Account")
    await page.context.clear_cookies(name="minirag_session")

    await page.get_by_role("button", name="Log out").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Log in")

    await page.evaluate(
        "localStorage.setItem('minirag.visited', 'yes')"
    )  # even where it believes to know better
    await page.reload()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Log in")
    assert await page.context.cookies(f"{dashboard.origin}/v1/auth/browser") == []


async def test_a_server_that_is_away_for_a_moment_ends_no_login(
    page: Page, dashboard: Dashboard, complaints: Complaints
) -> None:
    complaints.allow("Failed to load resource")
    await page.goto(f"{dashboard.url}#/account")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Account")
    await page.route("**/v1/auth/browser**", lambda route: route.abort())
    await page.reload()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Log in")

    await page.unroute("**/v1/auth/browser**")
    await page.reload()

    await expect(page.get_by_role("heading", level=1)).to_have_text("Account")


async def test_odd_addresses_and_reset_links_are_shown_to_whoever_is_logged_in(
    page: Page, dashboard: Dashboard, complaints: Complaints
) -> None:
    complaints.allow("status of 404")
    await page.goto(f"{dashboard.url}#/%")
    await expect(page.get_by_role("heading", level=1)).to_have_text("This page does not exist")
    await page.goto(f"{dashboard.url}#/reset?token=x")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Choose a new password")
