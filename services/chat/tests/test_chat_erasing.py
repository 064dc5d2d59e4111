"""A visitor is erased while an answer to them is being written, and their session goes on: nothing of them stays."""

from typing import Any

import pytest
from chat_builders import ChatClient, Stage
from minirag_contracts.context import Context
from minirag_contracts.errors import RemoteRefusal
from minirag_contracts.ids import new_id
from minirag_contracts.requests.chat import ListChats, StartTurn
from minirag_contracts.requests.common import PersonErase, PersonEraseReply
from minirag_service.common import sweep

SILENCE = 30.0
"""Seconds for which the search says nothing, unless the test wants it to."""


async def words(stage: Stage, client: ChatClient) -> list[str]:
    """All that is kept of what was said in the tenant."""
    async with stage.runtime.database.tenant(client.scope) as connection:
        rows = await connection.fetch(
            "SELECT content FROM message_contents UNION ALL SELECT title FROM chat_titles"
        )
    return [row["content"] for row in rows]


async def refused(client: ChatClient, request: Any) -> tuple[int, str]:
    with pytest.raises(RemoteRefusal) as caught:
        await client.ask(request)
    return caught.value.status, caught.value.code


async def test_an_answer_that_was_being_written_goes_as_well_and_the_session_has_ended(
    no_keys: None, stage: Stage
) -> None:
    bot = await stage.client.create_bot()
    ada, bob = (stage.client.as_actor(f"visitor:{new_id()}") for _ in range(2))
    await bob.converse(bot.id, "What does Bob want?")
    kept = sorted(await words(stage, ada))
    stage.retrieval.delay = SILENCE
    started = await ada.start(bot.id, "What does Ada want?")
    operator = Context.for_system("operator")
    request = PersonErase(tenant_id=ada.tenant_id, actor=ada.actor)
    reply = await ada.bus.ask("chat", "person.erase", request, PersonEraseReply, operator)
    assert reply.rows >= 2 and sorted(await words(stage, ada)) == kept

    again = StartTurn(bot_id=bot.id, chat_id=started.chat_id, message_id=new_id(), content="And then?")
    for asked in (again, again.model_copy(update={"chat_id": None}), ListChats()):
        assert await refused(ada, asked) == (401, "session_ended")
    assert len((await bob.ask(ListChats())).items) == 1

    stage.retrieval.delay = 0.0
    assert (await stage.client.ended(started)).state == "completed"
    assert len(await words(stage, ada)) == len(kept) + 1, "the answer has come too late to be erased at once"
    await sweep(stage.runtime)
    assert sorted(await words(stage, ada)) == kept
