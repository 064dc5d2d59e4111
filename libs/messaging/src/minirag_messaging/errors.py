"""The refusals that the bus itself can cause."""

from http import HTTPStatus

from minirag_contracts.errors import Refusal, Unavailable


class RpcTimeout(Unavailable):
    """A service that is needed for this did not answer in time. Please try again."""


class DeadlinePassed(Refusal):
    """There was not enough time to do this. Please try again."""

    status = HTTPStatus.GATEWAY_TIMEOUT
    code = "deadline_passed"


class UnknownRequest(Refusal):
    """The service does not know this request."""

    status = HTTPStatus.NOT_FOUND
    code = "unknown_request"


class MessageTooLarge(Refusal):
    """The request is larger than one message may be."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    code = "payload_too_large"
