"""The one place that joins ports and adapters."""

import os
from datetime import timedelta

from minirag_eventstore import RetryPolicy, WorkRunner
from minirag_service import Runtime

from minirag_chat.adapters.catalogue import Catalogue
from minirag_chat.adapters.contents import PostgresContents
from minirag_chat.adapters.directory import ModelDirectory
from minirag_chat.adapters.extractive import ExtractiveModel
from minirag_chat.adapters.identities import JwtIdentities
from minirag_chat.adapters.llm.client import LlmClient
from minirag_chat.adapters.prices import Prices
from minirag_chat.adapters.retrieval import BusRetrieval
from minirag_chat.adapters.secrets import PostgresSecrets
from minirag_chat.commands.cancel_turn import CancelTurnCommand
from minirag_chat.commands.create_bot import CreateBotCommand
from minirag_chat.commands.end_turn import EndTurn
from minirag_chat.commands.give_feedback import GiveFeedbackCommand
from minirag_chat.commands.run_turn import Limits, RunTurn
from minirag_chat.commands.start_turn import StartTurnCommand
from minirag_chat.commands.update_bot import DeactivateBotCommand, UpdateBotCommand
from minirag_chat.domain import models
from minirag_chat.entrypoints import rpc, signals
from minirag_chat.queries.bots import BotQueries
from minirag_chat.queries.chats import ChatQueries
from minirag_chat.queries.exports import ExportQueries
from minirag_chat.queries.material import any_credentials
from minirag_chat.queries.messages import MessageQueries
from minirag_chat.queries.prices import PriceQueries
from minirag_chat.queries.visitors import VisitorQueries
from minirag_chat.settings import Settings

TURN = "turn"
"""The kind of work that runs a turn."""

RETRIES = RetryPolicy(tuple(timedelta(seconds=seconds) for seconds in (0.2, 0.5, 1, 2, 4)))
"""For turns of which nobody has seen anything yet: somebody is waiting, so it is soon or never."""


async def assemble(runtime: Runtime, settings: Settings) -> None:
    """Registers what this service answers and works on."""
    store = runtime.store
    contents = PostgresContents()
    runtime.erases_person(contents.erase_actors)
    secrets = PostgresSecrets(runtime.sealer)
    runtime.sealed("bot_credentials", key=("bot_id",))
    runtime.sealed("bot_identity_secrets", key=("bot_id",))
    client = LlmClient(silence=settings.chat_llm_silence)
    runtime.on_stop(client.close)
    catalogue = Catalogue()
    prices = Prices(catalogue, settings.own_prices)
    directory = ModelDirectory(
        own=ExtractiveModel(),
        others=client,
        provider_of=catalogue.provider,
        price=prices.cost_usd,
        environment=os.environ,
        start_others=client.warm,
    )
    run_turn = RunTurn(
        store,
        secrets,
        BusRetrieval(runtime.bus, settings.chat_search_deadline),
        directory,
        runtime.bus,
        EndTurn(store, contents),
        _limits(settings),
    )
    runner = runtime.work(
        WorkRunner(
            store,
            TURN,
            run_turn,
            concurrency=settings.chat_turn_concurrency,
            lease=settings.chat_turn_lease,
            retry=RETRIES,
            on_parked=run_turn.parked,
            poll=timedelta(milliseconds=500),
        )
    )
    rpc.register(
        runtime,
        rpc.UseCases(
            create_bot=CreateBotCommand(store, secrets, directory, settings.default_llm_model),
            update_bot=UpdateBotCommand(store, secrets, directory),
            deactivate_bot=DeactivateBotCommand(store),
            start_turn=StartTurnCommand(store, contents, directory, runner.add),
            cancel_turn=CancelTurnCommand(store, runtime.bus),
            give_feedback=GiveFeedbackCommand(store),
            bots=BotQueries(runtime.database),
            chats=ChatQueries(runtime.database),
            messages=MessageQueries(runtime.database),
            exports=ExportQueries(runtime.database),
            visitors=VisitorQueries(runtime.database, secrets, JwtIdentities()),
            prices=PriceQueries(runtime.database, prices),
        ),
    )
    signals.register(runtime, run_turn.stop)
    if models.configured(os.environ) or await any_credentials(runtime.database):
        client.warm()


def _limits(settings: Settings) -> Limits:
    return Limits(
        history_turns=settings.chat_history_turns,
        history_characters=settings.chat_history_characters,
        top_k=settings.chat_top_k,
        duration=settings.chat_turn_duration,
    )
