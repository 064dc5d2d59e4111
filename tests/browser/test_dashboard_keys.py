"""API tokens and embed keys: two tabs with addresses of their own."""

import pytest
from dashboards import Dashboard, OpenPage
from pages import DARK, DESKTOP, PHONE, Complaints, Screen, come, held_back, violations
from playwright.async_api import Locator, Page, expect


def row(page: Page, name: str) -> Locator:
    return page.get_by_role("row").filter(has_text=name)


async def test_the_tabs_have_addresses_and_are_reached_by_arrow_keys(
    page: Page, dashboard: Dashboard
) -> None:
    await page.goto(f"{dashboard.url}#/tokens")
    tokens, embed = page.get_by_role("tab", name="API tokens"), page.get_by_role("tab", name="Embed keys")
    await expect(tokens).to_have_attribute("aria-selected", "true")
    await come(page)
    await tokens.press("ArrowRight")
    await expect(embed).to_be_focused()
    await expect(page).to_have_url(f"{dashboard.url}#/tokens/embed")
    await expect(page.get_by_role("tabpanel", name="Embed keys")).to_contain_text("No embed keys yet")
    await page.reload()
    await expect(embed).to_have_attribute("aria-selected", "true")
    await page.go_back()
    await expect(page.get_by_role("tabpanel", name="API tokens")).to_contain_text("default")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Keys")


async def test_a_token_is_made_shown_once_and_revoked(page: Page, dashboard: Dashboard) -> None:
    await page.goto(f"{dashboard.url}#/tokens")
    await page.get_by_role("button", name="Create a token").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Name").fill("Nightly import")
    await dialog.get_by_label("Allow less than everything").check()
    await dialog.get_by_label("read everything").check()
    await dialog.get_by_role("button", name="Create a token").click()
    token = await dialog.get_by_role("textbox", name="Your new token").input_value()
    asked = dashboard.tenant.bearing(token)
    await asked.call("GET", "/v1/bot-profiles", 200)
    await dialog.get_by_role("button", name="Done").click()
    await expect(row(page, "Nightly import")).to_contain_text("read everything")

    await page.get_by_role("button", name="Revoke Nightly import").click()
    await page.get_by_role("dialog", name="Revoke this token?").get_by_role("button", name="Revoke").click()
    await expect(row(page, "Nightly import")).to_contain_text("revoked")
    await asked.refused()


async def test_who_is_faster_than_the_list_of_bots_makes_a_key_of_the_one_that_is_shown(
    page: Page, dashboard: Dashboard
) -> None:
    bot = await dashboard.tenant.bot(name="Support desk")
    bots = await held_back(page, "/v1/bot-profiles?*")
    await page.goto(f"{dashboard.url}#/tokens/embed")
    await page.get_by_role("button", name="Create an embed key").click()
    dialog = page.get_by_role("dialog", name="Create an embed key")
    await dialog.get_by_label("Allowed addresses").fill("https://www.example.com")
    await expect(dialog.get_by_label("Bot").get_by_role("option")).to_have_count(0)
    bots.set()
    await expect(dialog.get_by_label("Bot")).to_have_value(bot)
    await dialog.get_by_role("button", name="Create an embed key").click()
    await expect(dialog).to_be_hidden()
    assert [key["bot_profile_id"] for key in await dashboard.tenant.call("GET", "/v1/embed-keys", 200)] == [
        bot
    ]


async def test_an_embed_key_is_made_changed_and_revoked(
    page: Page, dashboard: Dashboard, complaints: Complaints
) -> None:
    complaints.allow("status of 422")
    await page.goto(f"{dashboard.url}#/tokens/embed")
    await expect(page.get_by_role("link", name="To the bots")).to_have_attribute("href", "#/bots")
    bot = await dashboard.tenant.bot(name="Support desk")
    await page.reload()
    await page.get_by_role("button", name="Create an embed key").click()
    dialog = page.get_by_role("dialog", name="Create an embed key")
    await expect(dialog.get_by_label("Bot")).to_have_value(bot)
    await dialog.get_by_label("Name").fill("Our site")
    origins = dialog.get_by_label("Allowed addresses")
    await origins.fill("https://www.example.com/path")
    await dialog.get_by_role("button", name="Create an embed key").click()
    await expect(dialog.get_by_role("alert")).to_be_visible()
    await origins.fill("https://www.example.com\nhttps://shop.example.com")
    await dialog.get_by_role("button", name="Create an embed key").click()
    await expect(dialog).to_be_hidden()
    made = row(page, "Our site")
    for text in (
        "Support desk",
        "https://www.example.com",
        "https://shop.example.com",
        "0 of 2,000",
        "20 a minute",
    ):
        await expect(made).to_contain_text(text)
    await expect(made.get_by_role("link", name="Snippet")).to_have_attribute("href", f"#/bots/{bot}/embed")

    await page.get_by_role("button", name="Edit Our site").click()
    dialog = page.get_by_role("dialog", name="Edit an embed key")
    await dialog.get_by_label("Messages a day").fill("50")
    await dialog.get_by_label("Messages a minute and visitor").fill("2000")
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog.get_by_label("Messages a minute and visitor")).to_have_attribute(
        "aria-invalid", "true"
    )
    await dialog.get_by_label("Messages a minute and visitor").fill("5")
    await dialog.get_by_role("button", name="Save").click()
    await expect(made).to_contain_text("0 of 50")
    await expect(made).to_contain_text("5 a minute")

    await page.get_by_role("button", name="Revoke Our site").click()
    await (
        page.get_by_role("dialog", name="Revoke this embed key?").get_by_role("button", name="Revoke").click()
    )
    await expect(made).to_contain_text("revoked")
    await expect(made.get_by_role("button", name="Edit Our site")).to_be_hidden()
    [key] = await dashboard.tenant.call("GET", "/v1/embed-keys", 200)
    assert (key["is_active"], key["daily_messages"], key["visitor_rate"]) == (False, 50, 5)


@pytest.mark.parametrize("screen", [DESKTOP, DARK], ids=["light", "dark"])
async def test_axe_finds_nothing(page: Page, dashboard: Dashboard, screen: Screen) -> None:
    await a_key(dashboard)
    for address, name, button in (
        ("tokens", "API tokens", "Create a token"),
        ("tokens/embed", "Embed keys", "Create an embed key"),
    ):
        await page.goto(f"{dashboard.url}#/{address}")
        await expect(page.get_by_role("tabpanel", name=name)).to_be_visible()
        await expect(page.get_by_role("row")).to_have_count(2)
        assert await violations(page) == []
        await page.get_by_role("button", name=button).click()
        await expect(page.get_by_role("dialog")).to_be_visible()
        assert await violations(page) == []
        await page.keyboard.press("Escape")


async def test_on_a_phone_the_table_scrolls_and_the_page_does_not(
    open_page: OpenPage, signed_up: Dashboard
) -> None:
    phone = await open_page(PHONE)
    await signed_up.log_in(phone.context)
    await a_key(signed_up)
    await phone.goto(f"{signed_up.url}#/tokens/embed")
    await expect(row(phone, "Our site")).to_be_visible()
    assert await phone.evaluate("document.documentElement.scrollWidth") == 390
    await row(phone, "Our site").get_by_role("link", name="Snippet").scroll_into_view_if_needed()
    await expect(row(phone, "Our site").get_by_role("link", name="Snippet")).to_be_in_viewport()


async def a_key(dashboard: Dashboard) -> None:
    bot = await dashboard.tenant.bot(name="Support desk")
    key = {"bot_profile_id": bot, "name": "Our site", "origins": ["https://www.example.com"]}
    await dashboard.tenant.call("POST", "/v1/embed-keys", 201, json=key)
