"""The LLM worker: ``python -m minirag_chat.adapters.llm.worker <fd>``. The only module that imports litellm.

The import takes seconds, holds the GIL and costs 200 MB, so it happens here, once, while requests already queue on the
socket. The worker keeps nothing: it may be killed at any moment and is started again by the next request.
"""

import asyncio
import ctypes
import gc
import logging
import os
import signal
import socket
import sys
from typing import Any

import uvloop

from minirag_chat.adapters.llm.failures import code_of
from minirag_chat.adapters.llm.wire import Message, Wire

log = logging.getLogger("minirag_chat.llm_worker")

PR_SET_PDEATHSIG = 1
RETRIES = 1
"""How often LiteLLM asks again after a transient error, before the first token only."""


def load() -> Any:
    """LiteLLM, quiet and offline: no telemetry, no price list or tokenizer from the internet, no callbacks."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    os.environ.setdefault("LITELLM_LOG", "CRITICAL")
    import litellm

    litellm.telemetry = False
    litellm.suppress_debug_info = True
    litellm.drop_params = True
    litellm.disable_streaming_logging = True
    litellm.disable_hf_tokenizer_download = True
    litellm.turn_off_message_logging = True
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy", "httpx", "openai"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return litellm


class Worker:
    """Runs many streams at once over one socket."""

    def __init__(self, litellm: Any) -> None:
        self._litellm = litellm
        self._streams: dict[int, asyncio.Task[None]] = {}
        self._gone = asyncio.Event()
        self._wire = Wire(self._message, self._gone.set)

    async def serve(self, connection: socket.socket) -> None:
        """Until the other end hangs up."""
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self._wire, sock=connection)
        self._wire.send(["ready"])
        await self._gone.wait()

    def _message(self, message: Message) -> None:
        if message[0] == "stream":
            _, number, request = message
            task = asyncio.create_task(self._stream(number, request))
            self._streams[number] = task
            task.add_done_callback(lambda _: self._streams.pop(number, None))
        elif message[0] == "cancel" and (running := self._streams.get(message[1])) is not None:
            running.cancel()

    async def _stream(self, number: int, request: dict[str, Any]) -> None:
        pieces: list[str] = []
        usage: Any = None
        try:
            response = await self._ask(request)
            async for chunk in response:
                usage = getattr(chunk, "usage", None) or usage
                text = chunk.choices[0].delta.content if chunk.choices else None
                if text:
                    pieces.append(text)
                    self._wire.send(["delta", number, text])
        except Exception as error:  # noqa: BLE001  # every provider has its own; only our code for it crosses the wire
            code = code_of(error, began=bool(pieces))
            log.warning("request failed: %s status=%s code=%s", *_described(error), code)
            if pieces:
                self._wire.send(self._count(number, request, pieces, usage))
            self._wire.send(["error", number, code])
        else:
            self._wire.send(self._count(number, request, pieces, usage))
            self._wire.send(["end", number])

    async def _ask(self, request: dict[str, Any]) -> Any:
        return await self._litellm.acompletion(
            model=request["model"],
            messages=request["messages"],
            temperature=request["temperature"],
            max_tokens=request["max_tokens"],
            api_key=request["api_key"],
            timeout=request["timeout"],
            max_retries=RETRIES,
            stream=True,
            stream_options={"include_usage": True},
        )

    def _count(self, number: int, request: dict[str, Any], pieces: list[str], usage: Any) -> Message:
        if usage is not None and usage.prompt_tokens:
            details = getattr(usage, "prompt_tokens_details", None)
            cached = getattr(details, "cached_tokens", None) or 0
            return ["count", number, usage.prompt_tokens, usage.completion_tokens or 0, cached]
        model = request["model"]
        prompt = self._litellm.token_counter(model=model, messages=request["messages"])
        return ["count", number, prompt, self._litellm.token_counter(model=model, text="".join(pieces)), 0]


def _described(error: Exception) -> tuple[str, Any]:
    """What may be logged of an error: class and status. Its text may quote the visitor or parts of a key."""
    return type(error).__name__, getattr(error, "status_code", None)


def main() -> None:
    """Serves the socket that was handed over, and dies with the process that did it."""
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("the parent is gone already")
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C reaches the whole group; chat hangs up when it has drained
    connection = socket.socket(fileno=int(sys.argv[1]))
    logging.basicConfig(level=logging.WARNING, format="llm-worker %(levelname)s %(message)s")
    gc.disable()  # a fifth of what loading costs, and none of it is garbage
    litellm = load()
    uvloop.run(_serve(litellm, connection))
    os._exit(0)  # there is nothing to tidy up, and LiteLLM's own tidying takes a second


async def _serve(litellm: Any, connection: socket.socket) -> None:
    await _rehearse(litellm)
    gc.collect()
    gc.enable()
    gc.freeze()  # a full collection over all that LiteLLM has loaded stops every stream for a quarter of a second
    await Worker(litellm).serve(connection)


async def _rehearse(litellm: Any) -> None:
    """Two requests that reach no provider: most of what LiteLLM does only once, a second of it, is then done."""
    request = {
        "model": "openai/rehearsal",
        "messages": [{"role": "user", "content": "Hello"}],
        "stream": True,
    }
    try:
        async for _ in await litellm.acompletion(**request, mock_response="Hi"):
            pass
        with socket.socket() as taken:  # bound, not listening: whoever connects is refused at once
            taken.bind(("127.0.0.1", 0))
            address = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
            await litellm.acompletion(**request, api_base=address, api_key="none", max_retries=0, timeout=2)
    except Exception as error:  # noqa: BLE001  # the second is meant to fail; if the first does, requests will say so
        log.debug("rehearsed: %s", type(error).__name__)
    litellm.token_counter(model=request["model"], messages=request["messages"])


if __name__ == "__main__":
    main()
