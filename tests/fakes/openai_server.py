"""A fake OpenAI server that speaks the real wire format: for tests, and as the benchmark's yardstick.

``python tests/fakes/openai_server.py --port 0`` prints its base URL (``http://127.0.0.1:<port>/v1``) as the first line.

What it answers is said by command-line defaults, by ``POST /control`` (a JSON object of the fields of ``Script``), or,
for one request, by its model's name: directives behind two dashes, such as ``fake--tokens-30--first-50--gap-5``:

    tokens-N   words of the answer           first-MS  milliseconds until the first      gap-MS  between two
    status-N   an error answer (401, 404, 429, 500, 503; 400 is a context-length error)
    cut-N      the connection breaks after N words                     stall-N  silence for ever after N words
    nousage    no usage, as with servers that do not know ``stream_options``

``answer`` (by control or in the process) is a text to say instead of the words that everybody knows, and ``hold`` has
every answer, whatever its model, wait after so many words until control says otherwise.

``GET /control`` gives what was asked so far: counters and the bodies of the last requests.
Bare ASGI, so that it costs a tenth of what is measured with it.
"""

import argparse
import asyncio
import json
import os
import re
import socket
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from threading import Thread
from typing import Any

import uvicorn
import uvloop

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

SENTENCE = "The quick brown fox jumps over the lazy dog and then it answers the question as well as it can"
WORDS = SENTENCE.split()

_PIECES = re.compile(r"\s*\S{1,12}|\s+")
"""A text in pieces as a model gives them; joined they are the text."""

ERRORS = {
    400: ("context_length_exceeded", "This model's maximum context length is 128000 tokens."),
    401: ("invalid_api_key", "Incorrect API key provided: sk-secret-fragment."),
    404: ("model_not_found", "The model does not exist or you do not have access to it."),
    429: ("rate_limit_exceeded", "Rate limit reached for requests."),
    500: ("server_error", "The server had an error while processing your request: secret-host-17."),
    503: ("overloaded", "The engine is currently overloaded."),
}


@dataclass(frozen=True, slots=True)
class Script:
    """How a request is answered; times in milliseconds."""

    tokens: int = 24
    first: float = 0.0
    gap: float = 0.0
    status: int = 200
    cut: int | None = None
    stall: int | None = None
    nousage: bool = False
    answer: str | None = None
    hold: int | None = None

    def words(self) -> list[str]:
        """The answer in the pieces that are streamed."""
        if self.answer is None:
            return [_word(index) for index in range(self.tokens)]
        return _PIECES.findall(self.answer)

    @classmethod
    def directed(cls, base: "Script", model: str) -> "Script":
        """The script with what the model's name says of it."""
        changes: dict[str, Any] = {}
        for directive in model.split("--")[1:]:
            name, _, value = directive.partition("-")
            if name == "nousage":
                changes[name] = True
            elif name in ("first", "gap"):
                changes[name] = float(value)
            elif name in ("tokens", "status", "cut", "stall"):
                changes[name] = int(value)
        return replace(base, **changes) if changes else base


@dataclass(slots=True)
class FakeOpenAI:
    """The ASGI application. ``requests`` holds the bodies of the last hundred completions."""

    script: Script = field(default_factory=Script)
    api_key: str | None = None
    requests: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=100))
    keys: deque[str] = field(default_factory=lambda: deque(maxlen=100))
    completions: int = 0
    embeddings: int = 0
    disconnects: int = 0
    open_streams: int = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        body = await _body(receive)
        path = scope["path"].removeprefix("/v1")
        if path == "/control":
            await self._control(scope["method"], body, send)
        elif path == "/models":
            await _json(send, 200, {"object": "list", "data": [{"id": "fake", "object": "model"}]})
        elif not self._authorised(scope):
            await _error(send, 401)
        elif path == "/chat/completions":
            await self._complete(json.loads(body), receive, send)
        elif path == "/embeddings":
            await self._embed(json.loads(body), send)
        else:
            await _error(send, 404)

    def _authorised(self, scope: Message) -> bool:
        key = dict(scope["headers"]).get(b"authorization", b"").decode().removeprefix("Bearer ")
        self.keys.append(key)
        return bool(key) and self.api_key in (None, key)

    async def _control(self, method: str, body: bytes, send: Send) -> None:
        if method == "POST":
            self.script = replace(self.script, **json.loads(body))
        state = {
            "script": asdict(self.script),
            "completions": self.completions,
            "embeddings": self.embeddings,
            "disconnects": self.disconnects,
            "open_streams": self.open_streams,
            "requests": list(self.requests),
        }
        await _json(send, 200, state)

    async def _complete(self, request: dict[str, Any], receive: Receive, send: Send) -> None:
        self.completions += 1
        self.requests.append(request)
        script = Script.directed(self.script, request["model"])
        if script.status != 200:
            await _error(send, script.status)
        elif request.get("stream"):
            await self._stream(request, script, receive, send)
        else:
            if script.first:
                await asyncio.sleep(script.first / 1000)
            await _json(send, 200, _whole(request, script, self.completions))

    async def _stream(self, request: dict[str, Any], script: Script, receive: Receive, send: Send) -> None:
        gone = asyncio.ensure_future(_disconnected(receive))
        self.open_streams += 1
        answer = asyncio.ensure_future(_chunks(request, script, self.completions, send, self._may_say))
        try:
            await asyncio.wait({gone, answer}, return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                answer.result()
        finally:
            self.open_streams -= 1
            self.disconnects += not answer.done()  # last: who waits for it finds the other counted
            answer.cancel()
            gone.cancel()

    async def _may_say(self, index: int) -> None:
        while self.script.hold is not None and index >= self.script.hold:
            await asyncio.sleep(0.01)

    async def _embed(self, request: dict[str, Any], send: Send) -> None:
        self.embeddings += 1
        inputs = request["input"] if isinstance(request["input"], list) else [request["input"]]
        size = int(request.get("dimensions") or 8)
        data = [
            {"object": "embedding", "index": index, "embedding": _vector(str(text), size)}
            for index, text in enumerate(inputs)
        ]
        count = sum(len(str(text).split()) for text in inputs)
        usage = {"prompt_tokens": count, "total_tokens": count}
        await _json(send, 200, {"object": "list", "data": data, "model": request["model"], "usage": usage})


def answer_text(tokens: int) -> str:
    """What an answer of so many words says."""
    return "".join(_word(index) for index in range(tokens))


async def _chunks(
    request: dict[str, Any],
    script: Script,
    number: int,
    send: Send,
    may_say: Callable[[int], Awaitable[None]],
) -> None:
    headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    head = {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": request["model"],
        "system_fingerprint": "fp_fake",
    }
    if script.first:
        await asyncio.sleep(script.first / 1000)
    await _event(send, {**head, "choices": [_choice({"role": "assistant", "content": ""})]})
    for index, word in enumerate(script.words()):
        if index and script.gap:
            await asyncio.sleep(script.gap / 1000)
        await may_say(index)
        if index == script.stall:
            await asyncio.Event().wait()
        if index == script.cut:
            raise ConnectionAbortedError("cut as directed")  # uvicorn drops the connection mid-body
        await _event(send, {**head, "choices": [_choice({"content": word})]})
    await _event(send, {**head, "choices": [_choice({}, "stop")]})
    if (request.get("stream_options") or {}).get("include_usage") and not script.nousage:
        await _event(send, {**head, "choices": [], "usage": _usage(request, script)})
    await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})


def _whole(request: dict[str, Any], script: Script, number: int) -> dict[str, Any]:
    message = {"role": "assistant", "content": "".join(script.words()), "refusal": None}
    whole: dict[str, Any] = {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": request["model"],
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
    }
    return whole if script.nousage else {**whole, "usage": _usage(request, script)}


def _usage(request: dict[str, Any], script: Script) -> dict[str, Any]:
    prompt = sum(len(str(message.get("content", "")).split()) for message in request["messages"])
    return {
        "prompt_tokens": prompt,
        "completion_tokens": (said := len(script.words())),
        "total_tokens": prompt + said,
        "prompt_tokens_details": {"cached_tokens": 0},
    }


def _choice(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}


def _word(index: int) -> str:
    return ("" if index == 0 else " ") + WORDS[index % len(WORDS)]


def _vector(text: str, size: int) -> list[float]:
    """The same text always has the same vector of length 1."""
    raw = [(sum(ord(letter) * (i + 7) for letter in text) % 97) / 97 + 0.01 for i in range(size)]
    norm = sum(value * value for value in raw) ** 0.5
    return [value / norm for value in raw]


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _event(send: Send, data: dict[str, Any]) -> None:
    body = b"data: " + json.dumps(data, separators=(",", ":")).encode() + b"\n\n"
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _json(send: Send, status: int, data: Any) -> None:
    body = json.dumps(data).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _error(send: Send, status: int) -> None:
    code, message = ERRORS.get(status, ("error", "An error."))
    await _json(send, status, {"error": {"message": message, "type": code, "param": None, "code": code}})


LISTEN = "0.0.0.0" if os.environ.get("MINIRAG_E2E_HERE") else "127.0.0.1"
"""Containers reach this machine by another address than its own loopback."""


def listening(port: int = 0) -> socket.socket:
    """A bound socket on this machine; 0 picks a free port.

    The protocol must be named: asyncio turns Nagle's algorithm off only where it reads TCP there, and with it on, every
    second piece of a stream waits 40 ms for an acknowledgement.
    """
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((LISTEN, port))
    return bound


def server(app: FakeOpenAI) -> uvicorn.Server:
    """The application behind uvicorn, silent."""
    config = uvicorn.Config(app, log_level="critical", access_log=False, lifespan="off", ws="none")
    return uvicorn.Server(config)


@contextmanager
def fake_openai(app: FakeOpenAI | None = None) -> Iterator[tuple[str, FakeOpenAI]]:
    """The server in a thread of its own, for tests: gives its base URL and its state."""
    app = app or FakeOpenAI()
    bound = listening()
    running = server(app)
    thread = Thread(target=lambda: asyncio.run(running.serve(sockets=[bound])), daemon=True)
    thread.start()
    try:
        while not running.started and thread.is_alive():
            time.sleep(0.005)
        yield f"http://127.0.0.1:{bound.getsockname()[1]}/v1", app
    finally:
        running.should_exit = True
        running.force_exit = True
        thread.join(5)
        bound.close()


def main() -> None:
    """Runs until interrupted."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--tokens", type=int, default=24)
    parser.add_argument("--first-token-ms", type=float, default=0.0)
    parser.add_argument("--gap-ms", type=float, default=0.0)
    parser.add_argument("--api-key", help="the only key that is accepted; any if omitted")
    arguments = parser.parse_args()
    script = Script(tokens=arguments.tokens, first=arguments.first_token_ms, gap=arguments.gap_ms)
    app = FakeOpenAI(script=script, api_key=arguments.api_key)
    bound = listening(arguments.port)
    print(f"http://127.0.0.1:{bound.getsockname()[1]}/v1", flush=True)  # noqa: T201  # whoever starts it reads its address here
    uvloop.run(server(app).serve(sockets=[bound]))


if __name__ == "__main__":
    main()
