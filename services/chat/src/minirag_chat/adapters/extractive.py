"""``minirag/extractive``: the model that needs no key. It writes nothing of its own, it quotes what was found."""

import asyncio
import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import ClassVar

from minirag_contracts.requests.retrieval import SearchReply

from minirag_chat.domain import tokens
from minirag_chat.domain.prompt import Prompt
from minirag_chat.ports import Delta, Params, TokenCount

RELEVANT = 0.33
"""``SearchReply.relevance`` below which nothing that was found has to do with the question; measured in decision 0009."""

NOTHING_RELEVANT = (
    "I found nothing relevant to this question in the sources of this bot. "
    "Try other words, or add a source that covers it."
)

SENTENCES = 2
_WORDS = re.compile(r"\s*\S+(?:\s+\S+)?")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


@dataclass(frozen=True, slots=True)
class ExtractiveModel:
    """The two best-matching sentences of the retrieved passages, with their citation marks."""

    highlights: ClassVar[int] = SENTENCES

    async def stream(self, prompt: Prompt, params: Params) -> AsyncGenerator[Delta | TokenCount, None]:
        """The answer in pieces of two words, then the count."""
        answer = compose(prompt.found)
        for piece in _WORDS.findall(answer):
            yield Delta(piece)
            await asyncio.sleep(0)  # other turns of this process get their share
        read = tokens.estimate(prompt.question) + sum(
            tokens.estimate(one.text) for one in prompt.found.passages
        )
        yield TokenCount(prompt_tokens=read, completion_tokens=tokens.estimate(answer))


def compose(found: SearchReply) -> str:
    """The answer: the best sentences as they stand, each followed by the number of its passage."""
    if not found.passages or found.relevance < RELEVANT:
        return NOTHING_RELEVANT
    chosen: dict[str, int] = {}
    for highlight in found.highlights:
        sentence = " ".join(highlight.sentence.split())
        if sentence and 0 <= highlight.passage < len(found.passages):
            chosen.setdefault(sentence, highlight.passage + 1)
    if (
        not chosen
    ):  # the passages hold no whole sentence (a table, a list): quote the beginning of the best one
        chosen[_opening(found.passages[0].text)] = 1
    return " ".join(f"{sentence} [{number}]" for sentence, number in list(chosen.items())[:SENTENCES])


def _opening(passage: str) -> str:
    sentences = _SENTENCE_END.split(" ".join(passage.split()))
    return " ".join(sentences[:SENTENCES])[:400]
