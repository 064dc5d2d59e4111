"""The gateway as a process of its own, on a socket that outlives it."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable

import httpx
from cryptography.fernet import Fernet
from gateway_world import a_sign_up
from minirag_messaging import Bus
from minirag_messaging.testing import NatsServer


async def test_a_restart_on_an_inherited_socket_refuses_nobody(
    database_urls: Callable[..., Awaitable[tuple[str, str]]], nats: NatsServer, bus: Bus
) -> None:
    listening = socket.create_server(("127.0.0.1", 0), backlog=128)
    url, system_url = await database_urls("gateway")
    environment = os.environ | {
        "MINIRAG_MODE": "embedded",
        "MINIRAG_NATS_URL": nats.url,
        "MINIRAG_DATABASE_URL": url,
        "MINIRAG_DATABASE_SYSTEM_URL": system_url,
        "MINIRAG_SECRET_KEY": Fernet.generate_key().decode(),
        "MINIRAG_HTTP_FD": str(listening.fileno()),
        "MINIRAG_DRAIN": "1",
    }

    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "minirag_gateway"]
        return subprocess.Popen(
            command,
            env=environment,
            pass_fds=[listening.fileno()],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    process = start()
    try:
        base = f"http://127.0.0.1:{listening.getsockname()[1]}"
        async with httpx.AsyncClient(base_url=base, timeout=20) as client:
            response = await client.post("/v1/tenants", json=a_sign_up("acme"))
            assert response.status_code == 201
            process.send_signal(signal.SIGTERM)
            output, _ = await asyncio.to_thread(process.communicate, timeout=20)
            assert process.returncode == 0, output.decode()
            assert b"owner@example.com" not in output
            waiting = asyncio.create_task(client.post("/v1/tenants", json=a_sign_up("acme")))
            await asyncio.sleep(0.1)  # nobody runs; the connection waits in the socket's backlog
            process = start()
            assert (await waiting).status_code == 409
    finally:
        process.kill()
        process.communicate()
        listening.close()
