"""Requests on the bus, each to its use case."""

from dataclasses import dataclass

from minirag_contracts.requests.bots import DeactivateBot, GetBotFace, IdentifyVisitor, UpdateBot
from minirag_contracts.requests.chat import (
    CancelTurn,
    CreateBot,
    GetBot,
    GetChat,
    GetPrices,
    GetTurn,
    GiveFeedback,
    ListBots,
    ListChats,
    ListMessages,
    StartTurn,
)
from minirag_contracts.requests.exports import ExportChats
from minirag_service import Runtime

from minirag_chat.commands.cancel_turn import CancelTurnCommand
from minirag_chat.commands.create_bot import CreateBotCommand
from minirag_chat.commands.give_feedback import GiveFeedbackCommand
from minirag_chat.commands.start_turn import StartTurnCommand
from minirag_chat.commands.update_bot import DeactivateBotCommand, UpdateBotCommand
from minirag_chat.queries.bots import BotQueries
from minirag_chat.queries.chats import ChatQueries
from minirag_chat.queries.exports import ExportQueries
from minirag_chat.queries.messages import MessageQueries
from minirag_chat.queries.prices import PriceQueries
from minirag_chat.queries.visitors import VisitorQueries


@dataclass(frozen=True, slots=True)
class UseCases:
    """Everything that chat can be asked."""

    create_bot: CreateBotCommand
    update_bot: UpdateBotCommand
    deactivate_bot: DeactivateBotCommand
    start_turn: StartTurnCommand
    cancel_turn: CancelTurnCommand
    give_feedback: GiveFeedbackCommand
    bots: BotQueries
    chats: ChatQueries
    messages: MessageQueries
    exports: ExportQueries
    visitors: VisitorQueries
    prices: PriceQueries


def register(runtime: Runtime, use_cases: UseCases) -> None:
    """Answers ``rpc.chat.>``."""
    runtime.on(CreateBot, use_cases.create_bot)
    runtime.on(UpdateBot, use_cases.update_bot)
    runtime.on(DeactivateBot, use_cases.deactivate_bot)
    runtime.on(GetBot, use_cases.bots.get)
    runtime.on(ListBots, use_cases.bots.list)
    runtime.on(GetBotFace, use_cases.visitors.face)
    runtime.on(IdentifyVisitor, use_cases.visitors.identify)
    runtime.on(StartTurn, use_cases.start_turn)
    runtime.on(CancelTurn, use_cases.cancel_turn)
    runtime.on(GetTurn, use_cases.messages.turn)
    runtime.on(GetChat, use_cases.chats.get)
    runtime.on(ListChats, use_cases.chats.list)
    runtime.on(ListMessages, use_cases.messages.list)
    runtime.on(ExportChats, use_cases.exports.page)
    runtime.on(GetPrices, use_cases.prices.get)
    runtime.on(GiveFeedback, use_cases.give_feedback)
