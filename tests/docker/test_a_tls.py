"""The profile `tls`: Caddy in front, and the gateway believes it, and nobody else, about who the client is."""

import asyncio
import secrets
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import httpx
import pytest
from api import Tenant, text_of
from container_engines import free_port
from deployment import Deployment

LOCAL_AUTHORITY = "/data/caddy/pki/authorities/local/root.crt"
"""For localhost, and every name that no public authority certifies, Caddy signs by itself."""


@pytest.fixture(scope="module")
def behind_caddy(deployment: Deployment) -> Iterator[Deployment]:
    """The deployment with the profile, on free ports."""
    image = deployment.environment.get("MINIRAG_CADDY_IMAGE", "caddy:2")
    if subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=False).returncode:
        pulled = subprocess.run(
            ["docker", "pull", "--quiet", image], capture_output=True, text=True, check=False
        )
        if pulled.returncode:
            pytest.skip(f"the image {image} cannot be had here: {pulled.stderr.strip()[-200:]}")
    ports = {"MINIRAG_HTTP_PORT": str(free_port()), "MINIRAG_HTTPS_PORT": str(free_port())}
    other = Deployment({**deployment.environment, **ports, "COMPOSE_PROFILES": "tls"})
    other.start()
    yield other
    other.run("rm", "--force", "--stop", "caddy")


@pytest.fixture
async def https(behind_caddy: Deployment) -> AsyncIterator[httpx.AsyncClient]:
    """A client that believes the deployment's own authority and no other."""
    authority = behind_caddy.run("exec", "-T", "caddy", "cat", LOCAL_AUTHORITY)
    context = ssl.create_default_context(cadata=authority)
    url = f"https://localhost:{behind_caddy.environment['MINIRAG_HTTPS_PORT']}"
    async with httpx.AsyncClient(base_url=url, verify=context, timeout=30) as client:
        yield client


@dataclass
class Owner:
    """Somebody who can log in."""

    slug: str
    email: str
    password: str

    async def log_in(self, client: httpx.AsyncClient, **headers: str) -> httpx.Response:
        """As a browser does; the cookies say what the gateway takes the connection for."""
        body = {"tenant_slug": self.slug, "email": self.email, "password": self.password}
        found = await client.post("/v1/auth/browser", json=body, headers=headers)
        assert found.status_code in (200, 201), found.text
        return found


async def signed_up(client: httpx.AsyncClient) -> Owner:
    slug = f"tls-{secrets.token_hex(4)}"
    owner = Owner(slug, f"owner@{slug}.example", secrets.token_urlsafe(16))
    body = {
        "tenant_name": slug,
        "tenant_slug": slug,
        "owner_email": owner.email,
        "owner_password": owner.password,
    }
    assert (await client.post("/v1/tenants", json=body)).status_code == 201
    return owner


async def test_https_is_https_for_the_gateway_and_a_claim_of_it_is_not(
    behind_caddy: Deployment, https: httpx.AsyncClient, http: httpx.AsyncClient
) -> None:
    owner = await signed_up(https)
    assert "Secure" in (await owner.log_in(https)).headers["set-cookie"]
    claimed = await owner.log_in(http, **{"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7"})
    assert "Secure" not in claimed.headers["set-cookie"]


async def test_http_leads_to_https(behind_caddy: Deployment) -> None:
    async with httpx.AsyncClient() as client:
        found = await client.get(
            f"http://localhost:{behind_caddy.environment['MINIRAG_HTTP_PORT']}/dashboard/"
        )
    assert found.status_code == 308
    assert found.headers["location"].startswith("https://localhost")


async def test_an_answer_is_streamed_through_it(https: httpx.AsyncClient) -> None:
    tenant = await Tenant.sign_up(https, "Streamed")
    bot_id = await tenant.bot()
    await tenant.ready(await tenant.text_source(bot_id, "The lighthouse keeper lights the lamp at dusk."))
    events = await tenant.ask_streamed(bot_id, "Who lights the lamp?")
    assert events[-1].event == "done"
    assert "keeper" in text_of(events)


async def test_a_client_waits_while_the_gateway_is_replaced(
    behind_caddy: Deployment, https: httpx.AsyncClient
) -> None:
    tenant = await Tenant.sign_up(https, "Patient")
    replaced = asyncio.create_task(
        asyncio.to_thread(behind_caddy.run, "up", "--wait", "--force-recreate", "--no-deps", "gateway")
    )
    statuses = []
    while not replaced.done():
        statuses.append((await tenant.request("GET", "/v1/tenants/me")).status_code)
        await asyncio.sleep(0.1)
    await replaced
    assert (await tenant.request("GET", "/v1/tenants/me")).status_code == 200
    assert statuses.count(200) == len(statuses), statuses
