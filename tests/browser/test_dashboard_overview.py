"""The overview: what it says at first, how it follows what happens, and to whom it says what."""

import re
import secrets

import httpx
from api import Tenant
from dashboard_people import join
from dashboards import Dashboard
from minirag_local.testing import Stack
from pages import Complaints, held_back, until, violations
from playwright.async_api import Page, expect

EMBED = {"name": "Our site", "origins": ["https://www.example.com"]}


async def sign_up(page: Page, url: str) -> str:
    """A new organisation, through the form; answers the API token that the overview shows."""
    slug = f"first-{secrets.token_hex(4)}"
    await page.goto(f"{url}/dashboard/#/sign-up")
    await page.get_by_label("Name of the organisation").fill("First & Co")
    await page.get_by_label("Short name").fill(slug)
    await page.get_by_label("E-mail").fill(f"owner@{slug}.example")
    await page.get_by_label("Password").fill(secrets.token_urlsafe(16))
    await page.get_by_role("button", name="Set up").click()
    return await page.get_by_role("textbox", name="Your first API token").input_value()


async def test_the_first_steps_tick_themselves(page: Page, stack: Stack) -> None:
    """From sign-up to embed key, by what is really there; the token that signing up made is good, and shown once."""
    token = await sign_up(page, stack.url)
    steps = page.get_by_role("region", name="First steps")
    await expect(steps.get_by_role("listitem").filter(has_text="to do")).to_have_count(4)
    await expect(page.get_by_text("Everything works")).to_be_visible()
    assert await violations(page) == []
    async with httpx.AsyncClient(base_url=stack.url, timeout=60) as http:
        tenant = Tenant(http, "", token, {"Authorization": f"Bearer {token}"})
        bot_id = await tenant.bot(name="Concierge")
        await expect(steps.get_by_role("listitem").filter(has_text="Make a bot").first).to_contain_text(
            "done"
        )
        await expect(steps.get_by_role("link", name="Try it")).to_have_attribute(
            "href", f"#/bots/{bot_id}/try"
        )
        await tenant.ready(await tenant.text_source(bot_id, "The museum opens at ten."))
        await expect(steps.get_by_role("progressbar")).to_have_accessible_name("2 of 4 steps done")
        await tenant.ask(bot_id, "When does the museum open?")
        await tenant.call("POST", "/v1/embed-keys", 201, json={"bot_profile_id": bot_id, **EMBED})
    await expect(page.get_by_role("heading", name="All set")).to_be_visible()
    news = page.get_by_role("region", name="What happens now")
    await expect(news).to_contain_text("«Notes» is ready.")
    await expect(news).to_contain_text("A conversation with «Concierge» began.")
    await expect(page.get_by_role("link", name="Conversations 1")).to_be_visible()
    await expect(page.get_by_role("link", name="Put a bot on your site")).to_have_attribute(
        "href", f"#/bots/{bot_id}/embed"
    )

    await page.get_by_role("button", name="I have kept it").click()
    await page.get_by_role("button", name="Hide this list").click()
    await page.emulate_media(color_scheme="dark")
    await page.reload()
    await expect(page.get_by_role("link", name="Conversations 1")).to_be_visible()
    await expect(page.get_by_text("All set")).to_be_hidden()
    await expect(page.get_by_role("textbox", name="Your first API token")).to_be_hidden()
    assert await violations(page) == []


async def test_what_is_told_and_read_is_one_row(page: Page, dashboard: Dashboard) -> None:
    earlier = await held_back(page, "/v1/audit?*")
    async with page.expect_response("**/v1/events?*"):
        await page.goto(f"{dashboard.url}#/overview")
    await dashboard.tenant.bot(name="Concierge")
    rows = page.get_by_role("region", name="What happens now").get_by_role("listitem")
    await expect(rows).to_have_count(1)

    async def is_noted() -> bool:
        noted = await dashboard.tenant.call("GET", "/v1/audit?types=bot.created", 200)
        return len(noted) == 1

    await until(is_noted)
    earlier.set()
    await expect(rows.filter(has_text="The organisation «Acme» signed up.")).to_be_visible()
    await dashboard.tenant.bot(name="Porter")
    await expect(rows.first).to_contain_text("The bot «Porter» was created.")
    await expect(rows.filter(has_text="The bot «Concierge» was created.")).to_have_count(1)


async def test_a_member_sees_whom_to_ask(signed_up: Dashboard, phone: Page) -> None:
    """And nothing that a member may not read is asked for: the page has nothing to complain of."""
    bot_id = await signed_up.tenant.bot(name="Concierge")
    await join(signed_up, phone.context, "member")
    await phone.goto(f"{signed_up.url}#/overview")
    await expect(phone.get_by_role("link", name="Ask Concierge")).to_have_attribute(
        "href", f"#/bots/{bot_id}/try"
    )
    await expect(phone.get_by_text("You have not asked anything yet.")).to_be_visible()
    for absent in ("First steps", "Quick actions", "What happens now", "System health"):
        await expect(phone.get_by_text(absent)).to_be_hidden()
    assert await phone.evaluate("document.documentElement.scrollWidth") == 390
    assert await violations(phone) == []


async def test_what_cannot_be_loaded_can_be_tried_again(
    page: Page, dashboard: Dashboard, complaints: Complaints
) -> None:
    complaints.allow("ERR_FAILED")
    lost = re.compile("/v1/stats/overview")
    stream = await held_back(page, "/v1/events?*")  # with its beginning the page looks again by itself
    await page.route(lost, lambda route: route.abort())
    await page.goto(f"{dashboard.url}#/overview")
    alert = page.get_by_role("alert").filter(has_text="The server cannot be reached")
    await expect(alert).to_be_visible()
    await page.unroute(lost)
    await alert.get_by_role("button", name="Try again").click()
    await expect(page.get_by_role("link", name="Cost in 30 days")).to_be_visible()
    stream.set()
