"""Spans: who is whose parent, what is current, and that nothing happens where nobody traces."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import uuid4

import pytest
from minirag_contracts import tracing
from minirag_contracts.context import Context
from minirag_contracts.envelope import Metadata
from minirag_contracts.tracing import Kind, Value

TRACE, OTHER = "4bf92f3577b34da6a3ce929d0e0e4736", "11111111111111111111111111111111"
CALLER = f"00-{TRACE}-00f067aa0ba902b7-01"


@dataclass
class Began:
    """An open span that remembers what became of it."""

    label: str
    kind: Kind
    parent: str
    attributes: dict[str, Value]
    number: int
    failure: str = ""
    ended: bool = False

    @property
    def traceparent(self) -> str:
        return f"00-{self.parent[3:35] or OTHER}-{self.number:016x}-01"

    def name(self, name: str) -> None:
        self.label = name

    def set(self, attributes: dict[str, Value]) -> None:
        self.attributes |= attributes

    def fail(self, kind: str) -> None:
        self.failure = kind

    def end(self) -> None:
        self.ended = True


@dataclass
class Recorder:
    """A tracer in memory."""

    began: list[Began] = field(default_factory=list)

    def begin(self, name: str, kind: Kind, parent: str, attributes: dict[str, Value]) -> Began:
        self.began.append(Began(name, kind, parent, dict(attributes), len(self.began) + 1))
        return self.began[-1]


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    tracing.use(recorder)
    yield recorder
    tracing.use(None)


def test_where_nobody_traces_a_span_passes_its_parent_on_and_lets_logs_tell() -> None:
    assert not tracing.active()
    with tracing.span("a", parent=CALLER) as span:
        assert (span.traceparent, tracing.current()) == (CALLER, CALLER)
        span.set(a=1)
        span.fail("x")
    assert tracing.current() == ""


def test_spans_nest_and_are_ended(recorder: Recorder) -> None:
    with tracing.span("a", {"k": 1}, parent=CALLER, kind="server"), tracing.span("b") as inner:
        inner.set(http__route="/v1")
        inner.name("c")
    first, second = recorder.began
    assert (first.parent, second.parent) == (CALLER, first.traceparent)
    assert (second.label, second.attributes, second.kind) == ("c", {"http.route": "/v1"}, "internal")
    assert first.ended and second.ended and not first.failure


def test_what_has_no_parent_begins_a_trace_only_where_that_is_wanted(recorder: Recorder) -> None:
    with tracing.span("poll") as poll:
        assert poll.traceparent == tracing.current() == ""
    with tracing.span("work", root=True) as root:
        assert root.traceparent[3:35] == OTHER
    assert [span.label for span in recorder.began] == ["work"]


def test_a_named_parent_of_another_trace_counts_more_than_the_current_span(recorder: Recorder) -> None:
    with tracing.span("request", root=True), tracing.span("delivery", parent=CALLER) as span:
        assert span.traceparent[3:35] == TRACE


def test_events_are_recorded_under_the_span_that_runs_if_it_is_of_their_trace(recorder: Recorder) -> None:
    context = Context(actor="anonymous", traceparent=CALLER, correlation_id=uuid4())
    assert Metadata.of(context, uuid4()).traceparent == CALLER
    with tracing.span("transaction", parent=CALLER) as span:
        assert Metadata.of(context, uuid4()).traceparent == span.traceparent
        assert Metadata.of(context, uuid4()).trace_id == TRACE


def test_an_exception_is_told_by_its_type_or_code_and_never_by_its_text(recorder: Recorder) -> None:
    class Coded(Exception):
        code = "quota_exceeded"

    for error in (ValueError("what a visitor wrote"), Coded("what a visitor wrote")):
        with pytest.raises(type(error)), tracing.span("a", parent=CALLER):
            raise error
    assert [span.failure for span in recorder.began] == ["ValueError", "quota_exceeded"]
    assert "visitor" not in repr(recorder.began)


async def test_tasks_have_spans_of_their_own(recorder: Recorder) -> None:
    async def work(name: str) -> str:
        with tracing.span(name) as span:
            await asyncio.sleep(0)
            assert tracing.current() == span.traceparent
            return span.traceparent

    with tracing.span("request", parent=CALLER) as request:
        found = await asyncio.gather(*(work(str(number)) for number in range(5)))
        assert tracing.current() == request.traceparent
    assert len(set(found)) == 5
    assert {span.parent for span in recorder.began[1:]} == {request.traceparent}
