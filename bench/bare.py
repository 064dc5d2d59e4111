"""The yardstick of ``bench.requests``: one bare FastAPI route behind the gateway's own uvicorn settings.

``python -m bench.bare`` prints its URL as the first line.
"""

import socket
from uuid import UUID

import uvicorn
import uvloop
from fastapi import FastAPI
from minirag_gateway.domain.tenant import TenantRead
from minirag_gateway.entrypoints.http.server import BACKLOG, config_of

TENANT = TenantRead(id=UUID(int=1), name="Bench", slug="bench", is_active=True, plan="free")

app = FastAPI(openapi_url=None)


@app.get("/v1/tenants/me")
async def read_own_tenant() -> TenantRead:
    """The same body as MiniRAG's, without asking who wants it."""
    return TENANT


def main() -> None:
    """Serves until it is terminated."""
    bound = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
    print(f"http://127.0.0.1:{bound.getsockname()[1]}", flush=True)
    uvloop.run(uvicorn.Server(config_of(app, 1)).serve(sockets=[bound]))


if __name__ == "__main__":
    main()
