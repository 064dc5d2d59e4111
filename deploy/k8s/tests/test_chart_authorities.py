"""An authority of the operator's own is trusted beside the public ones, by everything in a pod that speaks TLS."""

import asyncio
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import asyncpg
import certifi
import httpcore
import httpx
import nats
import pytest
from certificates import a_certificate
from rendered_chart import Object, Rendered, containers, environment, values_of

Heard = asyncio.Queue[bytes]

READ = ("SSL_CERT_FILE", "PGSSLROOTCERT", "OTEL_EXPORTER_OTLP_CERTIFICATE")


def joining(pod: Object) -> Object | None:
    """The container that puts both together."""
    return next((each for each in containers(pod) if each["name"] == "authorities"), None)


def joined(pod: Object, private: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """What it does, with the paths of here in the place of the pod's."""
    container = joining(pod)
    assert container is not None
    python, *command, _, _ = container["command"]
    assert python == "python"
    return subprocess.run(
        [sys.executable, *command, str(private), str(folder / "all.pem")],
        capture_output=True,
        text=True,
        check=False,
    )


@asynccontextmanager
async def speaking_tls(public: Path, private: Path, hello: bytes = b"") -> AsyncIterator[tuple[int, Heard]]:
    """The port of a server that speaks TLS, after an answer to eight bytes in plain where it has one; what it is told first."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(public, private)
    heard: Heard = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if hello:
            await reader.readexactly(8)
            writer.write(hello)
        with suppress(ssl.SSLError, ConnectionError):
            await writer.start_tls(context)
            if first := await reader.read(1):  # nothing from who does not trust the certificate
                heard.put_nowait(first)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1") as server:
        yield server.sockets[0].getsockname()[1], heard


def test_every_pod_reads_them_from_where_they_are_put_together(production: Rendered) -> None:
    for name, pod in production.pods():
        container = joining(pod)
        assert container is not None, name
        assert pod["spec"]["initContainers"][0] is container, name
        volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
        assert volumes["private-authorities"]["configMap"]["name"] == "authorities"
        (item,) = volumes["private-authorities"]["configMap"]["items"]
        mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        private, together = container["command"][-2:]
        assert private == f"{mounts['private-authorities']}/{item['path']}"
        (main,) = pod["spec"]["containers"]
        assert {environment(main)[variable] for variable in READ} == {together}
        seen = {mount["name"]: mount for mount in main["volumeMounts"]}["authorities"]
        assert (seen["mountPath"], seen["readOnly"]) == (mounts["authorities"], True)
        assert together == f"{seen['mountPath']}/all.pem"
        assert main["image"] == container["image"]


def test_without_any_nothing_is_put_together(keda: Rendered) -> None:
    for name, pod in keda.pods():
        assert joining(pod) is None, name
        assert not set(READ) & set(environment(pod["spec"]["containers"][0])), name


def test_they_may_be_in_a_secret() -> None:
    asked = ("--set", "common.authorities.secret=ours", "--set", "common.authorities.key=root.pem")
    chart = Rendered("-f", values_of("minimal"), *asked)
    for _, pod in chart.pods():
        volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
        assert volumes["private-authorities"]["secret"] == {
            "secretName": "ours",
            "defaultMode": 0o440,
            "items": [{"key": "root.pem", "path": "ca.crt"}],
        }


async def test_what_is_put_together_is_trusted_by_all_that_speak_tls(
    production: Rendered, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    public, private = a_certificate("127.0.0.1", tmp_path)
    pod = production.services()["retrieval"]
    done = joined(pod, public, tmp_path)
    assert done.returncode == 0, done.stderr
    for variable in READ:
        monkeypatch.delenv(variable, raising=False)
    async with speaking_tls(public, private) as (port, heard):
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await httpx.AsyncClient().get(f"https://127.0.0.1:{port}/")
        for variable in READ:
            monkeypatch.setenv(variable, str(tmp_path / "all.pem"))
        with suppress(httpx.HTTPError):  # it says nothing and hangs up
            await httpx.AsyncClient().get(f"https://127.0.0.1:{port}/")
        assert await asyncio.wait_for(heard.get(), 10) == b"G"
        for context in (nats.aio.client.Client().ssl_context, httpcore.default_ssl_context()):
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
            writer.write(b"x")
            assert await asyncio.wait_for(heard.get(), 10) == b"x"
            writer.close()
    async with speaking_tls(public, private, b"S") as (port, heard):
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await asyncpg.connect(f"postgresql://chat:x@127.0.0.1:{port}/minirag?sslmode=verify-full")
        assert await asyncio.wait_for(heard.get(), 10) == b"\0"  # the length of a start-up message begins so
    assert set(public_ones()) < set(
        ssl.create_default_context(cafile=tmp_path / "all.pem").get_ca_certs(True)
    )


def public_ones() -> list[bytes]:
    return ssl.create_default_context(cafile=certifi.where()).get_ca_certs(binary_form=True)


def test_a_file_without_a_certificate_keeps_a_pod_from_starting(production: Rendered, tmp_path: Path) -> None:
    empty = tmp_path / "ca.crt"
    empty.write_text("not a certificate\n")
    done = joined(production.services()["chat"], empty, tmp_path)
    assert done.returncode
    assert "ssl.SSLError" in done.stderr
    assert not (tmp_path / "all.pem").exists()
