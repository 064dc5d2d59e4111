"""Usage analytics: what was asked, its cost, judgements and waiting times, as charts and as tables."""

import asyncio
from typing import Any

import pages
import pytest
from dashboards import Dashboard, OpenPage
from pages import DARK, DESKTOP, Screen, violations
from playwright.async_api import Locator, Page, expect

PRICED, UNPRICED = "gpt-4o-mini", "openai/fake-nobody-prices"
FOUR = "window.Chart && Object.keys(Chart.instances).length === 4"
COLOURS = "Object.values(Chart.instances).map(chart => chart.options.scales.x.ticks.color).join()"
CHARTS = ("Tokens by day", "Cost by day", "Feedback by day", "Waiting times by day")


async def judged(dashboard: Dashboard, bot: str) -> dict[str, Any]:
    """A question that was answered, and the answer praised."""
    reply: dict[str, Any] = await dashboard.tenant.ask(bot, "What is this?")
    path = f"/v1/chat/{reply['chat_id']}/messages/{reply['message']['id']}/feedback"
    await dashboard.tenant.call("PATCH", path, 200, json={"feedback": "positive"})
    return reply


async def used(dashboard: Dashboard) -> str:
    """Bots of a known and an unknown price whose answers are counted, and the id of the first."""
    bots = [
        await dashboard.tenant.bot(name=name, model=model)
        for name, model in (("Priced", PRICED), ("Unpriced", UNPRICED))
    ]
    for bot in bots:
        await judged(dashboard, bot)
    await dashboard.tenant.ask_streamed(bots[0], "And this?")

    async def are_counted() -> bool:
        latency = await dashboard.tenant.call("GET", "/v1/stats/latency?days=30", 200)
        feedback = await dashboard.tenant.call("GET", "/v1/stats/feedback?days=30", 200)
        return (sum(day["requests"] for day in latency), feedback["positive_count"]) == (3, 2)

    await pages.until(are_counted)
    return bots[0]


def head(page: Page, name: str) -> Locator:
    return page.get_by_role("definition").filter(has=page.locator(f"xpath=self::*[../dt='{name}']")).first


async def until(page: Page, expression: str) -> None:
    """Waits for what the page's scripts see; Playwright's own waiting is what the page's policy forbids."""
    async with asyncio.timeout(15):
        while not await page.evaluate(expression):
            await asyncio.sleep(0.05)


async def test_figures_come_as_questions_are_asked(page: Page, dashboard: Dashboard) -> None:
    await page.goto(f"{dashboard.url}#/analytics")
    await expect(page.get_by_text("Nothing was asked in these days")).to_be_visible()
    await expect(page.get_by_role("link", name="To the bots")).to_be_visible()
    bot = await dashboard.tenant.bot(name="Priced", model=PRICED)
    reply = await judged(dashboard, bot)

    await expect(head(page, "Questions")).to_have_text("1")  # nobody has reloaded
    await expect(head(page, "Tokens")).to_have_text(str(reply["usage"]["total_tokens"]))
    for name in CHARTS[:3]:
        await expect(page.get_by_role("heading", name=name)).to_be_visible()
    total = reply["usage"]["total_tokens"]
    drawn = page.get_by_role("img", name=f"Bars of prompt and completion tokens by day: {total} in 30 days.")
    await expect(drawn).to_be_visible()
    await page.get_by_text("As a table").first.click()
    figures = page.get_by_role("region", name="Tokens by day").get_by_role("row").last
    for name in ("prompt_tokens", "completion_tokens"):
        await expect(figures).to_contain_text(str(reply["usage"][name]))


async def test_what_is_counted_late_is_shown_later(page: Page, dashboard: Dashboard) -> None:
    bot = await dashboard.tenant.bot(name="Unpriced", model=UNPRICED)
    async with page.expect_response("**/v1/events?*"):
        await page.goto(f"{dashboard.url}#/analytics")
    await expect(page.get_by_text("Nothing was asked in these days")).to_be_visible()
    await expect(page.locator(".busy-bar")).to_be_hidden()
    async with page.expect_response("**/v1/stats/latency?*"):
        await page.route("**/v1/stats/latency?*", lambda route: route.fulfill(json=[]), times=1)
        await dashboard.tenant.ask(bot, "What is this?")
    await expect(head(page, "Questions")).to_have_text("1")


async def test_prices_bots_and_days_are_chosen_by_address(page: Page, dashboard: Dashboard) -> None:
    priced = await used(dashboard)
    await page.goto(f"{dashboard.url}#/analytics")
    await expect(head(page, "Questions")).to_have_text("3")
    await expect(page.get_by_text("without 1 answer of unknown price")).to_be_visible()
    models = page.get_by_role("region", name="By model")
    await expect(
        models.get_by_role("row").filter(has_text=UNPRICED).get_by_text("price unknown")
    ).to_have_count(3)
    await expect(models.get_by_role("row").filter(has_text=PRICED)).to_contain_text("$0.15")
    await expect(page.get_by_role("region", name="Feedback by bot").get_by_role("row")).to_have_count(3)

    await page.get_by_label("Bot", exact=True).select_option("Priced")
    await expect(head(page, "Questions")).to_have_text("2")
    await expect(models.get_by_role("row")).to_have_count(2)
    await page.get_by_role("button", name="7 days").click()
    await expect(page).to_have_url(f"{dashboard.url}#/analytics?days=7&bot={priced}")
    await page.reload()
    await expect(page.get_by_role("button", name="7 days")).to_have_attribute("aria-pressed", "true")
    await expect(page.get_by_label("Bot", exact=True)).to_have_value(priced)
    await expect(head(page, "Questions")).to_have_text("2")
    for _ in range(2):
        await page.go_back()
    await expect(head(page, "Questions")).to_have_text("3")
    await expect(page.get_by_label("Bot", exact=True)).to_have_value("")


async def test_charts_follow_theme_and_language_and_end_with_the_page(
    page: Page, dashboard: Dashboard, open_page: OpenPage
) -> None:
    await used(dashboard)
    await page.goto(f"{dashboard.url}#/users")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Users")
    assert await page.evaluate("typeof Chart") == "undefined"  # loaded by the first chart, not before
    await page.goto(f"{dashboard.url}#/analytics")
    for name in CHARTS:
        await expect(page.get_by_role("heading", name=name)).to_be_visible()
    await until(page, FOUR)
    light = await page.evaluate(COLOURS)
    await page.get_by_role("button", name="Look: as the system").click()
    await page.get_by_role("button", name="Look: light").click()
    await until(page, f"{FOUR} && {COLOURS} !== '{light}'")
    await page.get_by_role("button", name="Deutsch").click()
    await until(
        page,
        "Object.values(Chart.instances).some(chart => chart.data.datasets[0].label === 'Tokens der Anfragen')",
    )
    await page.get_by_role("link", name="Personen").click()
    await until(page, "Object.keys(Chart.instances).length === 0")

    still = await open_page({"reduced_motion": "reduce"})
    await dashboard.log_in(still.context)
    await still.goto(f"{dashboard.url}#/analytics")
    await until(still, FOUR)
    assert await still.evaluate(
        "Object.values(Chart.instances).every(chart => chart.options.animation === false)"
    )


@pytest.mark.parametrize("screen", [DESKTOP, DARK], ids=["light", "dark"])
async def test_axe_finds_nothing(page: Page, dashboard: Dashboard, screen: Screen) -> None:
    await used(dashboard)
    await page.goto(f"{dashboard.url}#/analytics")
    await expect(head(page, "Questions")).to_have_text("3")
    for summary in await page.get_by_text("As a table").all():
        await summary.click()
    assert await violations(page) == []
