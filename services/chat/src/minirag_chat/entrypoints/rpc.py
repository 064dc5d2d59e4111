"""Requests on the bus, each to its use case."""

from dataclasses import dataclass

from minirag_contracts.requests.chat import (
    CreateBot,
    GetBot,
    GetChat,
    GetTurn,
    GiveFeedback,
    ListBots,
    ListChats,
    ListMessages,
    StartTurn,
)
from minirag_service import Runtime

from minirag_chat.commands.create_bot import CreateBotCommand
from minirag_chat.commands.give_feedback import GiveFeedbackCommand
from minirag_chat.commands.start_turn import StartTurnCommand
from minirag_chat.queries.bots import BotQueries
from minirag_chat.queries.chats import ChatQueries
from minirag_chat.queries.messages import MessageQueries


@dataclass(frozen=True, slots=True)
class UseCases:
    """Everything that chat can be asked."""

    create_bot: CreateBotCommand
    start_turn: StartTurnCommand
    give_feedback: GiveFeedbackCommand
    bots: BotQueries
    chats: ChatQueries
    messages: MessageQueries


def register(runtime: Runtime, use_cases: UseCases) -> None:
    """Answers ``rpc.chat.>``."""
    runtime.on(CreateBot, use_cases.create_bot)
    runtime.on(GetBot, use_cases.bots.get)
    runtime.on(ListBots, use_cases.bots.list)
    runtime.on(StartTurn, use_cases.start_turn)
    runtime.on(GetTurn, use_cases.messages.turn)
    runtime.on(GetChat, use_cases.chats.get)
    runtime.on(ListChats, use_cases.chats.list)
    runtime.on(ListMessages, use_cases.messages.list)
    runtime.on(GiveFeedback, use_cases.give_feedback)
