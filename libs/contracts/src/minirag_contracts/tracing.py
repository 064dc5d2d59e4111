"""Spans: what is worth timing, and how one joins another across processes (W3C Trace Context).

Without a tracer (see ``use``) a span does nothing but say which trace is current, so that log lines can tell. With one, it is
timed and sent: ``minirag_service.telemetry`` connects OpenTelemetry where the standard ``OTEL_*`` variables ask for it.

A span has ids, figures, kinds and states as attributes and never what people wrote, no secrets and no exception's text.
"""

from contextvars import ContextVar, Token
from types import TracebackType
from typing import Literal, Protocol, Self

Kind = Literal["internal", "server", "client", "producer", "consumer"]
Value = str | int | float | bool


class OpenSpan(Protocol):
    """A span that has begun."""

    @property
    def traceparent(self) -> str:
        """By which others join it."""
        ...

    def name(self, name: str) -> None:
        """Names it anew: what it is may be known later."""
        ...

    def set(self, attributes: dict[str, Value]) -> None:
        """Adds attributes."""
        ...

    def fail(self, kind: str) -> None:
        """It went wrong: a code or the name of an exception's type."""
        ...

    def end(self) -> None:
        """It is over."""
        ...


class Tracer(Protocol):
    """What times spans and sends them."""

    def begin(self, name: str, kind: Kind, parent: str, attributes: dict[str, Value]) -> OpenSpan:
        """Begins a span under the ``traceparent`` of another, or a trace where that is empty."""
        ...


_current: ContextVar[str] = ContextVar("minirag_traceparent", default="")
_tracer: Tracer | None = None


def use(tracer: Tracer | None) -> None:
    """From now on spans are made by this tracer; None: by nobody."""
    global _tracer  # noqa: PLW0603  # one per process, set at its start
    _tracer = tracer


def active() -> bool:
    """Does anybody trace?"""
    return _tracer is not None


def current() -> str:
    """The ``traceparent`` of the span that runs here; empty where there is none."""
    return _current.get()


def here(traceparent: str) -> str:
    """The current span's where that belongs to the same trace (or none is named), and else what is given."""
    now = _current.get()
    return now if now and (not traceparent or now[3:35] == traceparent[3:35]) else traceparent


class span:  # noqa: N801  # reads as a function at its places of use
    """``with span("work turn", parent=…, kind=…) as s:``. Its parent is ``here(parent)``.

    Where that is empty nothing is begun (what services do on their own account, every second, makes no traces), unless it
    is a ``root``. An exception that leaves the block marks it as failed by the name of its type, or its ``code``.
    """

    __slots__ = ("_attributes", "_kind", "_name", "_open", "_parent", "_root", "_token", "traceparent")

    def __init__(
        self,
        name: str,
        attributes: dict[str, Value] | None = None,
        *,
        parent: str = "",
        kind: Kind = "internal",
        root: bool = False,
    ) -> None:
        self._name, self._attributes = name, attributes
        self._parent, self._kind, self._root = parent, kind, root
        self._open: OpenSpan | None = None
        self._token: Token[str] | None = None
        self.traceparent = ""
        """By which others join it; that of the parent where nobody traces."""

    def __enter__(self) -> Self:
        self.traceparent = parent = here(self._parent)
        if _tracer is not None and (parent or self._root):
            self._open = _tracer.begin(self._name, self._kind, parent, self._attributes or {})
            self.traceparent = self._open.traceparent
        if self.traceparent:
            self._token = _current.set(self.traceparent)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._token is not None:
            _current.reset(self._token)
        if self._open is not None:
            if kind is not None and not issubclass(kind, GeneratorExit):
                self._open.fail(str(getattr(error, "code", "") or kind.__name__))
            self._open.end()

    def name(self, name: str) -> None:
        """Names it anew."""
        if self._open is not None:
            self._open.name(name)

    def set(self, **attributes: Value) -> None:
        """Adds attributes; ``__`` in a name stands for a dot."""
        if self._open is not None:
            self._open.set({name.replace("__", "."): value for name, value in attributes.items()})

    def fail(self, kind: str) -> None:
        """It went wrong, though nothing is raised."""
        if self._open is not None:
            self._open.fail(kind)
