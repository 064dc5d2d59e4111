"""Given events, when command, then events: a bot that is changed, deactivated, and activated again."""

from uuid import uuid4

import pytest
from minirag_chat.domain import bot
from minirag_chat.errors import BotNotFound
from minirag_contracts.errors import InvalidRequest
from minirag_contracts.events import EventPayload
from minirag_contracts.events.chat import BotActivated, BotCreated, BotDeactivated, BotUpdated
from minirag_contracts.requests.bots import BotChanges, UpdateBot
from minirag_contracts.requests.chat import BotCredentials, CreateBot

BOT = uuid4()
SECRET = "0123456789abcdef0123456789abcdef"


def created(**fields: object) -> BotCreated:
    request = CreateBot.model_validate({"name": "Support", **fields})
    [event] = bot.create(BOT, request, "minirag/extractive")
    assert isinstance(event, BotCreated)
    return event


def given(*events: EventPayload) -> bot.Bot:
    state = bot.Bot()
    for event in events:
        state = bot.evolve(state, event)
    return state


def changed(state: bot.Bot, *, secrets_differ: bool = False, **fields: object) -> list[EventPayload]:
    return bot.update(state, BotChanges.model_validate(fields), secrets_differ=secrets_differ)


def test_only_what_is_set_is_changed_and_the_event_has_all_of_it() -> None:
    before = created(description="Answers", greeting="Hello")
    [event] = changed(given(before), name="Sales", greeting=None)
    assert isinstance(event, BotUpdated)
    assert event.model_dump() == {**before.model_dump(), "name": "Sales", "greeting": None}


@pytest.mark.parametrize("fields", [{}, {"name": "Support", "temperature": 0.7}, {"is_active": True}])
def test_what_changes_nothing_is_no_event(fields: dict[str, object]) -> None:
    assert changed(given(created()), **fields) == []


def test_a_secret_of_another_value_is_a_change_though_nothing_of_it_shows() -> None:
    state = given(created(credentials={"api_key": "sk-1"}))
    credentials = BotCredentials(api_key="sk-2")
    [event] = changed(state, credentials=credentials, secrets_differ=True)
    assert isinstance(event, BotUpdated) and event.has_credentials and "sk-" not in event.model_dump_json()
    assert changed(state, credentials=credentials, secrets_differ=False) == []
    [event] = changed(state, credentials=None, secrets_differ=True)
    assert isinstance(event, BotUpdated) and not event.has_credentials


def test_a_bot_is_deactivated_once_and_activated_again() -> None:
    state = given(created())
    off = BotDeactivated(bot_id=BOT)
    assert bot.deactivate(state) == changed(state, is_active=False) == [off]
    state = bot.evolve(state, off)
    assert bot.deactivate(state) == changed(state, is_active=False) == []
    assert changed(state, is_active=True, name="Support") == [BotActivated(bot_id=BOT)]
    renamed, on = changed(state, is_active=True, name="Sales")
    assert isinstance(renamed, BotUpdated) and isinstance(on, BotActivated)
    assert bot.evolve(state, on).is_active


def test_a_bot_that_is_not_there_is_neither_changed_nor_deactivated() -> None:
    for attempt in (lambda: changed(given()), lambda: bot.deactivate(given())):
        with pytest.raises(BotNotFound):
            attempt()


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"model": "a model"},
        {"model": ""},
        {"max_tokens": 0},
        {"temperature": float("nan")},
        {"greeting": "x" * 501},
        {"system_prompt": "x" * 100_001},
        {"greeting": "a\x00b"},
        {"suggested_questions": ["x"] * 7},
        {"suggested_questions": ["x" * 201]},
        {"suggested_questions": [""]},
        {"identity_secret": SECRET[1:]},
        {"identity_secret": "x" * 513},
        {"credentials": {"api_key": ""}},
    ],
)
def test_the_limits_hold_for_new_bots_and_for_changes(fields: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest):
        changed(given(created()), **fields)
    if fields != {"model": ""}:  # a new bot without a model gets the default
        with pytest.raises(InvalidRequest):
            created(**fields)


def test_a_prompt_from_before_its_limit_stays_until_it_is_changed() -> None:
    state = given(created().model_copy(update={"system_prompt": "x" * 100_001}))
    [event] = changed(state, name="Sales")
    assert isinstance(event, BotUpdated) and len(event.system_prompt) == 100_001
    assert changed(state, system_prompt="x" * 100_000)


def test_a_change_says_on_the_wire_only_what_is_set() -> None:
    request = UpdateBot(bot_id=BOT, changes=BotChanges(credentials=None, name="Sales"))
    again = UpdateBot.model_validate_json(request.model_dump_json())
    assert again.changes.model_fields_set == {"credentials", "name"}
    assert again.changes.model_dump() == {"name": "Sales", "credentials": None}
