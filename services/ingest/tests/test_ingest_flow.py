"""Sources become versions: every kind, every failure, every interruption."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest
from ingest_builders import BOT, TENANT, Ingest, a_source, a_url
from ingest_documents import A_PAGE, a_docx, a_pdf, an_encrypted_pdf
from minirag_contracts.context import TenantScope
from minirag_contracts.errors import RemoteRefusal, Unavailable
from minirag_eventstore import Database
from minirag_eventstore.rebuild import rebuild_own
from minirag_ingest.adapters.index import _failure
from minirag_ingest.adapters.web import WebFetcher
from minirag_ingest.entrypoints.health import disk_check
from minirag_ingest.errors import DiskFull
from minirag_ingest.ports import Busy, Target, TemporaryFailure
from minirag_service.egress import Allowance, GuardedClient

REQUESTED = ["source.created", "source.ingest.requested"]


class Web:
    """A web server on this machine; ``pages`` by path: status, headers, body."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.asked: list[str] = []
        self.port = 0

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode()
        self.asked.append(path)
        status, headers, body = self.pages.get(path, (404, {}, b"nothing"))
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        await writer.drain()
        writer.close()


@pytest.fixture
async def web() -> AsyncIterator[Web]:
    found = Web()
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    async with server:
        yield found


async def test_a_text_becomes_a_version_that_answers(ingest: Ingest) -> None:
    done = await ingest.ingested(a_source("The moon is made of rock. " * 400))
    assert (done.status, done.document_count, done.error_message) == ("ready", 1, None)
    assert done.chunk_count > 5
    assert done.last_refreshed_at is not None
    assert await ingest.events(done.id) == [*REQUESTED, "source.ingest.completed"]
    staged = ingest.index.staged[Target(BOT, done.id, 1)]
    assert len(staged) == done.chunk_count
    assert {chunk.title for chunk in staged.values()} == {"Moon facts"}
    assert await ingest.count("work") == 0


@pytest.mark.parametrize(
    ("filename", "data", "title", "text"),
    [
        ("a.txt", b"Plain words.", "a.txt", "Plain words."),
        ("a.md", b"# Guide\nMarked words.", "Guide", "Marked words."),
        ("a.html", A_PAGE.encode(), "Fees & fines", "One euro a day."),
        ("a.pdf", a_pdf("Portable words."), "a.pdf", "Portable words."),
        ("a.docx", a_docx(), "Travel policy", "City: Oslo; Limit: 120"),
        ("a.csv", b"who,what\nAda,engine", "a.csv", "who: Ada; what: engine"),
    ],
)
async def test_every_kind_of_file_is_ingested(
    ingest: Ingest, filename: str, data: bytes, title: str, text: str
) -> None:
    done = await ingest.ended((await ingest.upload(filename, data)).id)
    assert (done.status, done.error_message) == ("ready", None)
    assert text in ingest.index.text(done.id)
    assert {chunk.title for chunk in ingest.index.staged[Target(BOT, done.id, 1)].values()} == {title}


async def test_a_page_is_fetched_and_cited_by_its_title_and_last_url(ingest: Ingest, web: Web) -> None:
    web.pages["/old"] = (301, {"Location": "/fees"}, b"")
    web.pages["/fees"] = (200, {"Content-Type": "text/html; charset=utf-8"}, A_PAGE.encode())
    done = await ingest.ingested(a_url(web.url("/old")))
    assert (done.status, done.error_message) == ("ready", None)
    chunk = ingest.index.staged[Target(BOT, done.id, 1)][0]
    assert (chunk.title, chunk.url, chunk.anchor) == ("Fees & fines", web.url("/fees"), "top")


async def test_a_pdf_on_the_web_is_read_as_a_pdf(ingest: Ingest, web: Web) -> None:
    web.pages["/x"] = (
        200,
        {"Content-Type": "application/octet-stream"},
        a_pdf("Fetched words.", title="Manual"),
    )
    done = await ingest.ingested(a_url(web.url("/x")))
    assert ingest.index.text(done.id) == "Fetched words."


@pytest.mark.parametrize(
    ("filename", "data", "sentence"),
    [
        ("a.txt", b"", "The file is empty."),
        ("a.txt", b"caf\xe9", "not UTF-8"),
        ("a.txt", b"a\0b", "NUL"),
        ("a.pdf", b"%PDF-1.4 broken", "damaged"),
        ("a.pdf", an_encrypted_pdf(), "password"),
        ("a.pdf", a_pdf(""), "no text"),
        ("a.docx", b"PK\x03\x04word/", "damaged"),
    ],
)
async def test_a_file_that_cannot_be_read_ends_in_a_sentence_at_once(
    ingest: Ingest, filename: str, data: bytes, sentence: str
) -> None:
    done = await ingest.ended((await ingest.upload(filename, data)).id)
    assert done.status == "error"
    assert sentence in (done.error_message or "")
    assert await ingest.events(done.id) == [*REQUESTED, "source.ingest.failed"]
    assert await ingest.count("work") + await ingest.count("dead_letters") == 0


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://127.0.0.2:1/", "this machine or to a private network"),
        ("http://169.254.169.254/latest/meta-data/", "private network"),
        ("http://[::1]/", "private network"),
        ("http://2130706434/", "private network"),
    ],
)
async def test_an_address_that_may_not_be_reached_ends_in_a_sentence(
    ingest: Ingest, url: str, sentence: str
) -> None:
    done = await ingest.ingested(a_url(url))
    assert (done.status, sentence in (done.error_message or "")) == ("error", True)


async def test_a_redirect_into_a_private_network_ends_in_a_sentence(ingest: Ingest, web: Web) -> None:
    web.pages["/"] = (302, {"Location": "http://10.0.0.1/"}, b"")
    done = await ingest.ingested(a_url(web.url("/")))
    assert "private network" in (done.error_message or "")


async def test_a_missing_page_ends_at_once_and_a_failing_one_after_some_attempts(
    ingest: Ingest, web: Web
) -> None:
    missing = await ingest.ingested(a_url(web.url("/missing")))
    assert missing.error_message == "The URL answered with status 404: there is no such page."
    assert web.asked == ["/missing"]
    web.pages["/down"] = (503, {}, b"")
    down = await ingest.ingested(a_url(web.url("/down")))
    assert down.error_message == "The URL answered with status 503. It was tried 3 times."
    assert web.asked.count("/down") == 3
    assert await ingest.count("dead_letters") == 0


async def test_a_server_that_asks_for_patience_gets_it(ingest: Ingest, web: Web) -> None:
    web.pages["/busy"] = (429, {"Retry-After": "1"}, b"")
    created = await ingest.create(a_url(web.url("/busy")))
    await ingest.ingest(created.id)
    async with asyncio.timeout(5):
        while not web.asked:
            await asyncio.sleep(0.02)
    web.pages["/busy"] = (200, {"Content-Type": "text/plain"}, b"Now.")
    assert (await ingest.ended(created.id)).status == "ready"
    assert web.asked == ["/busy", "/busy"]


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("9" * 5000, 900),
        ("0" * 5000 + "7", 7),
        ("0", 1),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 -2359", 900),
        ("soon", None),
    ],
)
async def test_whatever_a_server_says_of_patience_it_is_busy_and_nothing_breaks(
    web: Web, said: str, seconds: int | None
) -> None:
    web.pages["/busy"] = (503, {"Retry-After": said}, b"")
    async with GuardedClient(Allowance.parse("127.0.0.1")) as client:
        with pytest.raises(TemporaryFailure) as failed:
            await WebFetcher(client).fetch(web.url("/busy"))
    assert failed.value.retry_after == (None if seconds is None else timedelta(seconds=seconds))


@pytest.mark.parametrize("request_", [a_source(None), a_source("  \n "), a_source(None, source_type="url")])
async def test_nothing_to_ingest_is_said(ingest: Ingest, request_: object) -> None:
    done = await ingest.ingested(request_)  # type: ignore[arg-type]
    assert (done.status, done.error_message) == ("error", "No content to ingest")


async def test_a_failed_version_leaves_the_one_before_answering(ingest: Ingest, web: Web) -> None:
    web.pages["/p"] = (200, {"Content-Type": "text/plain"}, b"First words.")
    done = await ingest.ingested(a_url(web.url("/p")))
    del web.pages["/p"]
    await ingest.ingest(done.id)
    after = await ingest.ended(done.id)
    assert (after.status, after.chunk_count, after.last_refreshed_at) == ("error", 1, done.last_refreshed_at)
    assert ingest.index.active[done.id] == 1
    web.pages["/p"] = (200, {"Content-Type": "text/plain"}, b"Second words.")
    await ingest.ingest(done.id)
    assert (await ingest.ended(done.id)).error_message is None
    assert ingest.index.text(done.id) == "Second words."
    assert await ingest.count("documents") <= 2


async def test_retrieval_that_is_away_is_waited_for_and_nothing_is_fetched_again(
    ingest: Ingest, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "minirag_ingest.commands.ingestion.OWNER_AWAY", __import__("datetime").timedelta(seconds=0.05)
    )
    web.pages["/p"] = (200, {"Content-Type": "text/plain"}, b"Words.")
    failures = iter(["stage"] * 5 + ["activate"] * 3)

    async def away(step: str, target: Target) -> None:
        if next(failures, None) is not None:
            raise Unavailable

    ingest.index.before = away
    done = await ingest.ingested(a_url(web.url("/p")))
    assert done.status == "ready"
    assert web.asked == ["/p"]


async def test_a_providers_limit_slows_the_work_and_never_fails_it(ingest: Ingest) -> None:
    refused = iter(range(12))

    async def limited(step: str, target: Target) -> None:
        if step == "stage" and next(refused, None) is not None:
            raise Busy(timedelta(seconds=0.02))

    ingest.index.before = limited
    done = await ingest.ingested(a_source())
    assert (done.status, next(refused, None)) == ("ready", None), "more often than a failure is tried"
    assert await ingest.count("dead_letters") == 0


def test_what_retrieval_says_about_a_limit_reaches_the_work() -> None:
    told = _failure(RemoteRefusal("too_busy", 429, "Later.", retry_after=7.5))
    assert isinstance(told, Busy)
    assert told.retry_after == timedelta(seconds=7.5)
    assert isinstance(_failure(RemoteRefusal("conflict", 409, "Again.")), TemporaryFailure)


async def test_what_we_did_not_expect_ends_in_a_sentence_and_a_dead_letter(ingest: Ingest) -> None:
    async def broken(step: str, target: Target) -> None:
        raise RuntimeError("secret internals")

    ingest.index.before = broken
    done = await ingest.ingested(a_source())
    assert done.status == "error"
    assert "on our side" in (done.error_message or "")
    assert await ingest.count("dead_letters") == 1
    ingest.index.before = None
    await ingest.ingest(done.id)
    assert (await ingest.ended(done.id)).status == "ready"


async def test_a_temporary_failure_of_retrieval_is_tried_again(ingest: Ingest) -> None:
    once = iter([True])

    async def hiccup(step: str, target: Target) -> None:
        if next(once, False):
            raise TemporaryFailure("Indexing did not succeed.")

    ingest.index.before = hiccup
    assert (await ingest.ingested(a_source())).status == "ready"


@pytest.mark.parametrize("step", ["stage", "activate"])
async def test_a_process_that_dies_at_any_step_is_followed_by_another(
    make_database: Callable[..., Awaitable[Database]], step: str
) -> None:
    first = Ingest(await make_database("ingest"), lease=0.5)
    reached = asyncio.Event()

    async def hang(at: str, target: Target) -> None:
        if at == step and not reached.is_set():
            reached.set()
            await asyncio.sleep(3600)

    first.index.before = hang
    first.start()
    created = await first.create(a_source("Words. " * 500))
    await first.ingest(created.id)
    await asyncio.wait_for(reached.wait(), 5)
    await first.die()
    async with first.another().working() as second:
        done = await second.ended(created.id)
    assert done.status == "ready"
    assert await first.events(created.id) == [*REQUESTED, "source.ingest.completed"]
    assert len(first.index.activations) == 1
    await first.close()


async def _nothing(*_: object, **__: object) -> None:
    """What a process that sleeps does for its lease."""


async def test_a_process_that_comes_back_after_its_lease_ran_out_changes_nothing(
    make_database: Callable[..., Awaitable[Database]],
) -> None:
    first = Ingest(await make_database("ingest"), lease=0.3)
    waiting, go_on = asyncio.Event(), asyncio.Event()

    async def asleep(at: str, target: Target) -> None:
        if at == "activate" and not waiting.is_set():
            waiting.set()
            await go_on.wait()

    first.index.before = asleep
    first.runner._renew = _nothing  # type: ignore[method-assign]
    async with first.working():
        created = await first.create(a_source())
        await first.ingest(created.id)
        await asyncio.wait_for(waiting.wait(), 5)
        async with first.another(lease=0.5).working() as second:
            done = await second.ended(created.id)
        go_on.set()
        await asyncio.sleep(0.2)
        assert await first.read(created.id) == done
        assert await first.events(created.id) == [*REQUESTED, "source.ingest.completed"]
    await first.close()


async def test_fifty_sources_end_exactly_once(ingest: Ingest) -> None:
    made = [await ingest.create(a_source(f"Source {number}. " * 50)) for number in range(50)]
    await asyncio.gather(*(ingest.ingest(one.id) for one in made))
    for one in made:
        assert (await ingest.ended(one.id)).status == "ready"
        assert await ingest.events(one.id) == [*REQUESTED, "source.ingest.completed"]
    assert len(ingest.index.activations) == 50


async def test_sources_equal_their_rebuild(ingest: Ingest) -> None:
    await ingest.ingested(a_source())
    await ingest.ingested(a_source(None))
    await ingest.create(a_source())
    for projection in ingest.store.projections:
        if projection.owner == "ingest":
            report = await rebuild_own(ingest.database, "ingest", projection)
            assert report.differences == []


async def test_health_tells_of_a_nearly_full_disk(idle_ingest: Ingest) -> None:
    check = disk_check(idle_ingest.disk)
    await check()
    idle_ingest.disk.room = 10
    with pytest.raises(DiskFull, match="1 GB"):
        await check()


async def test_no_row_is_without_its_tenant(ingest: Ingest) -> None:
    await ingest.ingested(a_source())
    async with ingest.database.tenant(TenantScope(BOT)) as connection:
        for table in ("sources", "source_contents", "archive_pieces", "documents", "known_bots"):
            assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0
    async with ingest.database.system() as connection:
        assert {row["tenant_id"] for row in await connection.fetch("SELECT tenant_id FROM documents")} == {
            TENANT
        }
