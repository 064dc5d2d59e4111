"""Conversations are found by what was said in them, page by page, and nobody finds another's."""

from uuid import UUID, uuid4

import pytest
from chat_builders import ChatClient, Stage, a_finding
from minirag_chat.queries import search
from minirag_contracts.errors import InvalidRequest, RemoteRefusal
from minirag_contracts.requests.chat import ListChats

QUESTIONS = (
    "How long may I return a bicycle?",
    "Öffnungszeiten am Sonntag?",
    "Is 100% of the price given back?",
    "営業時間は何時から何時までですか",
    "bicycle pumps with under_score",
)


@pytest.fixture
async def talk(no_keys: None, stage: Stage) -> "Talk":
    stage.retrieval.reply = a_finding("The refund window of every shop is 30 days.")
    bot = await stage.client.create_bot()
    talk = Talk(stage.client, bot.id)
    for question in QUESTIONS:
        await talk.say(question)
    return talk


class Talk:
    """Conversations of one tenant with one bot."""

    def __init__(self, client: ChatClient, bot_id: UUID) -> None:
        self.client = client
        self.bot_id = bot_id

    async def say(self, question: str, client: ChatClient | None = None, **fields: UUID) -> UUID:
        done = (await (client or self.client).converse(self.bot_id, question, **fields))[-1]
        return UUID(done.data["chat_id"])

    async def find(self, text: str, client: ChatClient | None = None, **fields: object) -> list[str]:
        found = await (client or self.client).ask(ListChats(search=text, **{"limit": 50, **fields}))
        assert found.next is None
        return [chat.title for chat in found.items]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("bicycle", [4, 0]),
        ("BICYCLE Return", [0]),
        ("cycl", [4, 0]),
        ("öffnungszeiten", [1]),
        ("ÖFFNUNGS sonn", [1]),
        ("営業時間", [3]),
        ("100%", [2]),
        ("%", [2]),
        ("_", [4]),
        ("under_score", [4]),
        ("\\", []),
        ("bicycle tower", []),
        ("  ", [4, 3, 2, 1, 0]),
    ],
)
async def test_all_words_occur_whatever_their_case_and_none_has_a_meaning_of_its_own(
    talk: "Talk", text: str, numbers: list[int]
) -> None:
    assert await talk.find(text) == [QUESTIONS[number] for number in numbers]


async def test_answers_and_later_questions_are_looked_through_too(talk: "Talk") -> None:
    assert await talk.find("refund window") != []
    chat_id = await talk.say("Where is the station?")
    await talk.say("And the lighthouse?", chat_id=chat_id)
    assert await talk.find("station lighthouse") == ["Where is the station?"]
    assert await talk.find("lighthouse", bot_id=talk.bot_id) == ["Where is the station?"]
    assert await talk.find("lighthouse", bot_id=uuid4()) == []


async def test_nobody_finds_what_is_not_theirs(talk: "Talk", stage: Stage) -> None:
    stranger = ChatClient(stage.client.bus)
    visitor = stage.client.as_actor(f"visitor:{uuid4()}")
    assert await talk.find("bicycle", stranger) == await talk.find("bicycle", visitor) == []
    await talk.say("A bicycle of mine", visitor)
    assert await talk.find("bicycle", visitor) == ["A bicycle of mine"]
    assert len(await talk.find("bicycle")) == 3


@pytest.mark.parametrize("looked_through", [1, 2, 3, 5, 5000])
@pytest.mark.parametrize("limit", [1, 2])
async def test_page_after_page_finds_everything_once_however_few_each_looks_through(
    talk: "Talk", monkeypatch: pytest.MonkeyPatch, looked_through: int, limit: int
) -> None:
    monkeypatch.setattr(search, "LOOKED_THROUGH", looked_through)
    titles, cursor, pages = [], None, 0
    while pages == 0 or cursor:
        page = await talk.client.ask(ListChats(search="bicycle", limit=limit, cursor=cursor))
        titles += [chat.title for chat in page.items]
        cursor, pages = page.next, pages + 1
        assert len(page.items) <= limit and pages <= len(QUESTIONS) + 1
    assert titles == [QUESTIONS[4], QUESTIONS[0]]


async def test_what_cannot_be_looked_for_is_refused(talk: "Talk") -> None:
    with pytest.raises(InvalidRequest):
        search.patterns_of("word " * 11)
    with pytest.raises(RemoteRefusal, match="follow the cursor"):
        await talk.client.ask(ListChats(search="x", offset=1))
