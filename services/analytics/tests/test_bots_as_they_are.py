"""Bots are renamed, switched off and on: statistics show them as they are today, and count all of them."""

from uuid import uuid4

from analytics_builders import BOT, TODAY, Analytics, a_bot, a_renamed_bot, an_answer
from minirag_contracts.context import Context, TenantScope
from minirag_contracts.events.chat import BotActivated, BotDeactivated
from minirag_contracts.examples import TENANT_ID
from minirag_contracts.requests.analytics import GetBotUsage, GetOverview
from recorded import recorded

SCOPE = TenantScope(TENANT_ID)
CONTEXT = Context(actor="user:test", tenant_id=TENANT_ID)


async def bot(analytics: Analytics) -> tuple[object, object, object]:
    [row] = await analytics.rows("bots", SCOPE)
    return row["name"], row["model"], row["is_active"]


async def test_a_bot_has_the_name_and_model_of_its_last_configuration(analytics: Analytics) -> None:
    await analytics.apply([recorded(a_bot()), recorded(a_renamed_bot(name="Desk", model="gpt-4o"))])
    assert await bot(analytics) == ("Desk", "gpt-4o", True)


async def test_a_bot_is_switched_off_and_on(analytics: Analytics) -> None:
    await analytics.apply([recorded(a_bot()), recorded(BotDeactivated(bot_id=BOT))])
    assert await bot(analytics) == ("Help", "gpt-4o-mini", False)
    await analytics.apply([recorded(BotActivated(bot_id=BOT))])
    assert await bot(analytics) == ("Help", "gpt-4o-mini", True)


async def test_what_was_used_is_shown_under_todays_name(analytics: Analytics) -> None:
    await analytics.apply(
        [recorded(a_bot(name="Before")), recorded(an_answer()), recorded(a_renamed_bot(name="After"))]
    )
    [used] = (await analytics.queries(TODAY).bot_usage(GetBotUsage(), CONTEXT)).items
    assert (used.bot_profile_id, used.bot_name) == (BOT, "After")


async def test_a_switched_off_bot_goes_on_counting(analytics: Analytics) -> None:
    await analytics.apply([recorded(a_bot()), recorded(a_bot(uuid4())), recorded(BotDeactivated(bot_id=BOT))])
    assert (await analytics.queries().overview(GetOverview(), CONTEXT)).bot_profiles == 2


async def test_an_event_of_one_tenant_leaves_anothers_bot_alone(analytics: Analytics) -> None:
    await analytics.apply([recorded(a_bot()), recorded(BotDeactivated(bot_id=BOT), tenant_id=uuid4())])
    assert await bot(analytics) == ("Help", "gpt-4o-mini", True)


async def test_usage_of_a_bot_that_is_not_known_yet_is_shown_without_a_name(analytics: Analytics) -> None:
    await analytics.apply([recorded(an_answer())])
    [used] = (await analytics.queries().bot_usage(GetBotUsage(), CONTEXT)).items
    assert (used.bot_name, used.request_count) == ("", 1)
