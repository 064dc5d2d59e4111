"""Citations: the passages that a model was given, as clients see them and as the event refers to them."""

from collections.abc import Sequence

from minirag_contracts.events.chat import Citation
from minirag_contracts.requests.chat import CitationRead
from minirag_contracts.requests.retrieval import SearchReply

from minirag_chat.domain import text


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
            url=passage.url,
            page=passage.page,
            heading=passage.heading,
        )
        for number, passage in enumerate(found.passages, start=1)
    ]


def citation_refs(citations: Sequence[CitationRead]) -> list[Citation]:
    """The same by reference, for the event."""
    return [
        Citation(n=one.n, chunk_id=one.chunk_id, source_id=one.source_id, score=one.score)
        for one in citations
    ]
