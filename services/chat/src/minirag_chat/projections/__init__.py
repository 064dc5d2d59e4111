"""Read models of chat, each a fold of its events."""

from minirag_chat.projections.bots import Bots
from minirag_chat.projections.chats import Chats
from minirag_chat.projections.turns import Turns

PROJECTIONS = (Bots(), Chats(), Turns())
"""Every projection of this service."""
