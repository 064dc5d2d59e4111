"""Requests to JetStream's own API and stores, with acknowledgements."""

import json
from typing import Any

import nats.errors
from minirag_contracts.errors import Unavailable
from nats.aio.msg import Msg

from minirag_messaging.connection import Connection
from minirag_messaging.replies import Disconnected, NoResponders

ACK_TIMEOUT = 5.0
"""Seconds within which the server has to answer."""


class JetStreamRefusal(RuntimeError):
    """JetStream refused: ``code`` is like HTTP's, ``err_code`` is its own (10071: wrong last sequence)."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(f"{error.get('err_code')}: {error.get('description')}")
        self.code = int(error.get("code", 500))
        self.err_code = int(error.get("err_code", 0))


def read_answer(msg: Msg) -> dict[str, Any]:
    """The JSON of an answer or acknowledgement; raises JetStreamRefusal."""
    answer: dict[str, Any] = json.loads(msg.data)
    if "error" in answer:
        raise JetStreamRefusal(answer["error"])
    return answer


async def ask(
    connection: Connection,
    subject: str,
    payload: bytes = b"",
    headers: dict[str, str] | None = None,
    seconds: float = ACK_TIMEOUT,
) -> dict[str, Any]:
    """One request to JetStream, or one stored message and its acknowledgement.

    Raises JetStreamRefusal for a refusal and Unavailable when there is no answer.
    """
    try:
        return read_answer(await connection.replies.request(subject, payload, headers, seconds))
    except (TimeoutError, Disconnected, NoResponders, nats.errors.Error) as error:
        raise Unavailable(f"JetStream does not answer: {type(error).__name__}") from error
