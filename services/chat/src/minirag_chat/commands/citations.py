"""Citations: the passages that a model was given, as clients see them and as the event refers to them."""

from collections.abc import Sequence

from minirag_contracts.events.chat import Citation
from minirag_contracts.requests.chat import CitationRead
from minirag_contracts.requests.retrieval import Passage, SearchReply

from minirag_chat.domain import text


def place_of(url: str | None, anchor: str | None) -> str | None:
    """The place in the page, where the page names it in a way that a link can."""
    if url is None or anchor is None or "#" in f"{url}{anchor}" or any(map(str.isspace, anchor)):
        return url
    return f"{url}#{anchor}"


def citations_of(found: SearchReply) -> list[CitationRead]:
    """What clients see of the passages that the model is given, numbered as in the prompt."""
    return [
        CitationRead(
            n=number,
            chunk_id=passage.chunk_id,
            source_id=passage.source_id,
            content=text.excerpt(passage.text),
            score=round(passage.score, 4),
            title=passage.title,
            url=place_of(passage.url, passage.anchor),
            page=passage.page,
            heading=passage.heading,
        )
        for number, passage in enumerate(found.passages, start=1)
    ]


def passages_of(citations: Sequence[CitationRead]) -> SearchReply:
    """What can be told of a search by what clients saw of it: the beginnings of the passages."""
    passages = [
        Passage(
            chunk_id=one.chunk_id,
            source_id=one.source_id,
            ordinal=0,
            score=one.score,
            header="",
            text=one.content,
            title=one.title,
            page=one.page,
            heading=one.heading,
        )
        for one in citations
    ]
    return SearchReply(passages=passages, relevance=0.0)


def citation_refs(citations: Sequence[CitationRead]) -> list[Citation]:
    """The same by reference, for the event."""
    return [
        Citation(n=one.n, chunk_id=one.chunk_id, source_id=one.source_id, score=one.score)
        for one in citations
    ]
