"""The one root of expected refusals. Status and code live in the class, the docstring is the default message."""

from http import HTTPStatus
from typing import ClassVar


class Refusal(Exception):
    """The request was refused."""

    status: ClassVar[int] = HTTPStatus.UNPROCESSABLE_ENTITY
    code: ClassVar[str] = "refused"
    retry_after: float | None = None
    """Seconds after which it may be asked again, where somebody knows; crosses the bus."""

    def __init__(self, detail: str | None = None) -> None:
        self.detail = detail or self.default_detail()
        super().__init__(self.detail)

    @classmethod
    def default_detail(cls) -> str:
        """What it says where nothing more particular is said."""
        return (cls.__doc__ or "").strip().splitlines()[0]


class RemoteRefusal(Refusal):
    """Another service refused the request."""

    def __init__(
        self, code: str, status: int, detail: str, trace_id: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(detail)
        self.retry_after = retry_after
        self.code = code  # type: ignore[misc]  # the class default is the fallback, the wire has the value
        self.status = status  # type: ignore[misc]
        self.trace_id = trace_id


class Unavailable(Refusal):
    """A service that is needed for this did not answer in time. Please try again."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "unavailable"


class TooBusy(Refusal):
    """Somebody who is needed for this wants to be left alone for a while. Please try again later."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "too_busy"

    def __init__(self, detail: str | None = None, retry_after: float = 1.0) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class InvalidRequest(Refusal):
    """The request does not have the expected form."""

    code = "invalid_request"


class Conflict(Refusal):
    """Somebody else changed this at the same moment. Please try again."""

    status = HTTPStatus.CONFLICT
    code = "conflict"


class CommandReused(Refusal):
    """This Idempotency-Key was used before with a different request."""

    code = "idempotency_key_reused"


class Internal(Refusal):
    """Something went wrong on our side. The trace id finds it in the logs."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR
    code = "internal_error"
