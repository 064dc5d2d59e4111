"""What may be asked of analytics."""

from typing import ClassVar

from minirag_contracts.requests.base import Reply, Request


class Overview(Reply):
    """Summary counts of one tenant (spec §15); inactive things count too."""

    bot_profiles: int
    sources: int
    chats: int
    total_prompt_tokens: int
    total_completion_tokens: int
    total_tokens: int


class GetOverview(Request):
    """The summary of the tenant that asks."""

    service: ClassVar[str] = "analytics"
    verb: ClassVar[str] = "overview"
    Returns: ClassVar[type[Reply]] = Overview
