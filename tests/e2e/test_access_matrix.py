"""Every route × every credential × {own, foreign, unknown, malformed} ids: the right refusal, and not one leak.

Routes and permissions are the application's own, requests the document's examples, so a new route is in the matrix
with its declaration. What a credential may do comes from the one matrix in ``minirag_gateway.domain.access``.
"""

import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from uuid import uuid4

import anyio
import httpx
import pytest
from credentials import CREDENTIALS, Credential, every
from estate import Estate
from minirag_gateway.domain.access import VISITOR, Permission
from minirag_local.testing import Stack
from operations import OPERATIONS, Ids, Operation

OWN = {
    # operation → all statuses with ids of one's own, where it is not a success, or not always
    "ingest_source": {202, 409},  # it may be on its way already
    "cancel_ingestion": {200, 409},  # it has ended already
    "roll_back_source": {409},  # there is but one version
    "change_own_password": {204, 403, 409, 422},  # the example is not the password of anybody here
    "log_out": {204, 403},  # a token is no login
    "read_browser_session": {200, 401},  # nothing but a cookie is a browser's session
    "end_browser_session": {204, 401},
    "preview_crawl": {422},  # the example names a site that there is not
    "redeliver_webhook_delivery": {202, 409},  # it may still be on its way
    "append_to_upload": {204, 409},  # somebody may have sent these bytes already
    "ingest_source_children": {202, 404, 409, 422},  # the source of the estate has no children
}

LAST = ("change_own_password", "log_out", "end_browser_session")
"""What ends a login: after everything that needs one."""

ABSENT = {404, 422}
"""What a foreign and an unknown id are, both the same: 404, where it stands in a body also 422 (spec §8)."""

STREAM_SECONDS = 1.0
"""How much of an endless stream is read."""


@dataclass(slots=True)
class World:
    """Two tenants with everything, and every credential."""

    ours: Estate
    theirs: Estate
    credentials: dict[str, Credential]


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request with one kind of id in one place; ``typed`` says that the place takes nothing but a UUID."""

    kind: str
    where: str
    ids: Ids
    also: Ids | None = None
    typed: bool = True


_worlds: dict[str, World | str] = {}


@pytest.fixture
async def client(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=stack.url, timeout=30) as client:
        yield client


@pytest.fixture
async def world(stack: Stack, client: httpx.AsyncClient) -> World:
    """Made once for all routes; each test brings its own connections."""
    if stack.url not in _worlds:
        try:
            ours, theirs = await Estate.build(client), await Estate.build(client)
            _worlds[stack.url] = World(ours, theirs, await every(ours, theirs))
        except AssertionError as error:
            _worlds[stack.url] = str(error)  # told by every test, tried once
    world = _worlds[stack.url]
    if isinstance(world, str):
        pytest.fail(f"the two tenants could not be made: {world}", pytrace=False)
    world.ours.tenant.http = world.theirs.tenant.http = client
    return world


def by_danger(operation: Operation) -> tuple[int, int, str]:
    """Readers first, what takes away last and the deepest first."""
    rank = ("OPTIONS", "HEAD", "GET", "POST", "PUT", "PATCH", "DELETE").index(operation.method)
    if operation.name in LAST:
        rank = 11 + LAST.index(operation.name)
    return rank, -operation.path.count("/"), operation.path


ROUTES = pytest.mark.parametrize(
    "operation", [pytest.param(each, id=each.name) for each in sorted(OPERATIONS, key=by_danger)]
)


@ROUTES
async def test_nobody_gets_in_where_they_do_not_belong(
    world: World, client: httpx.AsyncClient, operation: Operation
) -> None:
    """All combinations but an entitled one with ids of its own, which is the next test's."""
    wrong, answered = [], {}
    for name, credential in world.credentials.items():
        for attempt in attempts(world, credential, operation):
            if attempt.kind == "own" and may(credential, operation):
                continue
            response = await sent(client, operation, credential, attempt.ids, attempt.also)
            label = f"{name}, {attempt.kind} id in the {attempt.where}"
            answered[label] = response.status_code
            expected = statuses_of(operation, credential, attempt)
            if response.status_code not in expected:
                wrong.append(f"{label}: {response.status_code} instead of {expected}: {response.text}")
            wrong += [f"{label}: leaked {leak}" for leak in leaks(world, credential, response)]
    assert wrong == []
    if operation.permission is not Permission.PUBLIC:
        told_apart = [
            label
            for label, status in answered.items()
            if answered.get(label.replace("foreign", "unknown", 1), status) != status
        ]
        assert told_apart == []


@ROUTES
async def test_who_may_do_it_can_with_their_own_and_sees_nothing_foreign(
    world: World, client: httpx.AsyncClient, operation: Operation
) -> None:
    entitled = [credential for credential in world.credentials.values() if may(credential, operation)]
    for credential in sorted(entitled, key=lambda each: each.reach):
        mine = world.ours if credential.side == "ours" else world.theirs
        ids = await renewed(mine, operation)
        response = await sent(client, operation, credential, ids, marker=mine.marker + secrets.token_hex(2))
        allowed = OWN.get(operation.name, operation.statuses(below=400))
        if operation.permission is Permission.PUBLIC:
            allowed = operation.statuses(below=500)  # the examples are nobody's password or link
        if credential.reach == "own":
            allowed |= ABSENT  # what is somebody else's in the same tenant is as absent as what is foreign
        assert response.status_code in allowed, f"{response.status_code}: {response.text}"
        assert leaks(world, credential, response) == []


def test_every_id_in_a_path_is_tried_with_a_foreign_one() -> None:
    """The estate knows an id for each parameter: the next test, with a stack, looks whether it does."""
    named = {name for operation in OPERATIONS for name in operation.path_ids if name.endswith("_id")}
    assert {"bot_profile_id", "source_id", "chat_id", "message_id", "webhook_id"} <= named


async def test_both_estates_have_an_id_for_every_parameter(world: World) -> None:
    guarded = [operation for operation in OPERATIONS if operation.permission is not Permission.PUBLIC]
    named = {name for operation in guarded for name in operation.path_ids}
    for estate in (world.ours, world.theirs):
        assert named <= set(estate.ids), f"no thing was made for {named - set(estate.ids)}"
    shared = {name for name in named if world.ours.ids[name] == world.theirs.ids[name]}
    assert shared == set()


async def test_the_markers_are_there_to_be_leaked(world: World) -> None:
    """Reading everything with the owner's own token meets the markers, so that their absence elsewhere says something."""
    met = 0
    for operation in OPERATIONS:
        if operation.method == "GET" and operation.permission is not Permission.PUBLIC:
            response = await sent(
                world.ours.tenant.http, operation, world.credentials["owner"], world.ours.ids
            )
            met += world.ours.marker.lower() in response.text.lower()
    assert met >= 8


async def test_a_leak_would_be_seen(world: World) -> None:
    """The stranger's answers, taken for our own: everything in them is a leak, whatever the case of its letters."""
    foreign = world.credentials["foreign_owner"]
    for path in ("/v1/bot-profiles", "/v1/sources", "/v1/chat", "/v1/webhooks"):
        response = await world.ours.tenant.http.get(path, headers=foreign.headers)
        assert leaks(world, foreign, response) == []
        assert leaks(world, world.credentials["owner"], response) != []


def test_every_kind_of_credential_is_in_the_matrix() -> None:
    assert {"none", "garbage", "forged_jwt", "owner", "foreign_owner"} <= set(CREDENTIALS)


def may(credential: Credential, operation: Operation) -> bool:
    """Whether it is let in at all."""
    if operation.permission is Permission.PUBLIC:
        return True
    return credential.permissions is not None and operation.permission in credential.permissions


def statuses_of(operation: Operation, credential: Credential, attempt: Attempt) -> set[int]:
    """What must be answered."""
    if operation.permission is Permission.PUBLIC:
        return operation.statuses(below=500)
    if credential.permissions is None or operation.permission not in credential.permissions:
        return {401 if credential.permissions is None else 403}
    if attempt.kind == "malformed":
        return {422} if attempt.typed else {404, 422}
    if attempt.where == "query":
        return operation.statuses(below=300) | ABSENT  # a filter by what is not there may find nothing
    if attempt.where == "path":
        return {404}
    # To a visitor every bot but their own is another bot, whether it exists or not.
    return ABSENT | {403} if credential.permissions == VISITOR else ABSENT


def attempts(world: World, credential: Credential, operation: Operation) -> Iterator[Attempt]:
    """The request with ids that a credential's holder can think of, in each place that takes one."""
    mine, other = (world.ours, world.theirs) if credential.side == "ours" else (world.theirs, world.ours)
    yield Attempt("own", "path", mine.ids)
    values: dict[str, Callable[[str], str]] = {
        "foreign": lambda name: other.ids.get(name, other.ids["source_id"]),
        "unknown": lambda name: str(uuid4()),
        "malformed": lambda name: "7-nothing",
    }
    for kind, value in values.items():
        path = {name: value(name) for name in operation.path_ids}
        if path:
            yield Attempt(
                kind, "path", {**mine.ids, **path}, typed=all(name.endswith("_id") for name in path)
            )
        for name in path if len(path) > 1 else ():
            yield Attempt(kind, "path", {**mine.ids, name: path[name]}, typed=name.endswith("_id"))
        for name in operation.body_ids:
            yield Attempt(kind, "body", mine.ids, {name: value(name)})
        for name in operation.query_ids:
            yield Attempt(kind, "query", mine.ids, {name: value(name)})


async def sent(
    client: httpx.AsyncClient,
    operation: Operation,
    credential: Credential,
    ids: Ids,
    also: Ids | None = None,
    *,
    marker: str = "",
) -> httpx.Response:
    """The answer, an endless one as far as it comes in a second; with a marker the body is like no other."""
    options = operation.request(ids, also=also, marker=marker)
    headers = {**options.pop("headers", {}), **credential.headers}
    async with client.stream(**options, headers=headers) as response:
        if not response.headers.get("content-type", "").startswith("text/event-stream"):
            await response.aread()
            return response
        body = bytearray()
        with anyio.move_on_after(STREAM_SECONDS):
            async for piece in response.aiter_bytes():
                body += piece
    return httpx.Response(
        response.status_code, headers=response.headers, content=bytes(body), request=response.request
    )


def leaks(world: World, credential: Credential, response: httpx.Response) -> list[str]:
    """Whatever of the other tenant is in the answer and was not in the question."""
    other = world.theirs if credential.side == "ours" else world.ours
    asked = f"{response.request.url}{response.request.headers}"
    asked += response.request.content.decode("utf-8", "replace") if _is_read(response.request) else ""
    answer = f"{response.text}{response.headers}".lower()
    return [secret for secret in other.secrets if secret.lower() in answer and secret not in asked]


def _is_read(request: httpx.Request) -> bool:
    return hasattr(request, "_content")


async def renewed(estate: Estate, operation: Operation) -> Ids:
    """The estate's ids; for what takes something away, something new to take."""
    if operation.method != "DELETE" or not operation.path_ids:
        return estate.ids
    parameter = operation.path_ids[-1]
    made = await estate.make(operation.collection)
    return {**estate.ids, **({parameter: made} if made else {})}
