"""Given events, when a wish, then events."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from minirag_contracts.errors import Conflict, InvalidRequest
from minirag_contracts.events.gateway import (
    Role,
    Scope,
    SessionEnded,
    TenantCreated,
    TenantResumed,
    TenantSuspended,
    TokenCreated,
    UserCreated,
    UserDeactivated,
)
from minirag_contracts.ids import new_id
from minirag_gateway.domain import embed_key, session, tenant, token, user
from minirag_gateway.domain.access import MATRIX, MEMBER, SCOPES, VISITOR, Permission, permitted
from minirag_gateway.domain.session import Refresh
from minirag_gateway.errors import EmbedKeyNotFound, LastOwner, OwnersOnly, TokenNotFound, UserNotFound

ID, OTHER_ID = new_id(), new_id()
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
A_TENANT = tenant.Tenant(exists=True, name="Acme", is_active=True)
AN_OWNER = user.User(exists=True, role="owner", is_active=True, email_hash="00")
A_MEMBER = user.User(exists=True, role="member", is_active=True, email_hash="00")
A_KEY = embed_key.Settings("site", ("https://example.com",), 10, 1000, 60)


def test_a_new_tenant_is_created() -> None:
    assert tenant.create(tenant.Tenant(), name="Acme", slug="acme") == [
        TenantCreated(name="Acme", slug="acme")
    ]


def test_a_tenant_is_not_created_twice() -> None:
    with pytest.raises(Conflict):
        tenant.create(A_TENANT, name="Acme", slug="acme")


def test_a_tenant_is_suspended_once_and_resumed_once() -> None:
    [suspended] = tenant.suspend(A_TENANT)
    state = tenant.evolve(A_TENANT, suspended)
    assert (suspended, tenant.suspend(state)) == (TenantSuspended(), [])
    [resumed] = tenant.resume(state)
    assert (resumed, tenant.resume(A_TENANT)) == (TenantResumed(), [])
    assert tenant.evolve(state, resumed) == A_TENANT


def test_a_tenant_is_renamed_when_the_name_is_another() -> None:
    assert tenant.rename(A_TENANT, "Acme") == []
    [renamed] = tenant.rename(A_TENANT, "Apex")
    assert tenant.evolve(A_TENANT, renamed).name == "Apex"


def test_a_user_has_the_role_that_it_was_created_with() -> None:
    [created] = user.create(user.User(), user_id=ID, role="owner", email_hash="00")
    assert created == UserCreated(user_id=ID, role="owner", email_hash="00")
    state = user.evolve(user.User(), created)
    assert state == AN_OWNER
    with pytest.raises(Conflict):
        user.create(state, user_id=ID, role="member", email_hash="00")


@pytest.mark.parametrize("by", ["admin", "member"])
def test_only_owners_make_owners_and_lay_hands_on_them(by: Role) -> None:
    for act in (
        lambda: user.create(user.User(), user_id=ID, role="owner", email_hash="", by=by),
        lambda: user.change_role(A_MEMBER, ID, "owner", by=by, other_owners=1),
        lambda: user.change_role(AN_OWNER, ID, "member", by=by, other_owners=1),
        lambda: user.deactivate(AN_OWNER, ID, by=by, other_owners=1),
        lambda: user.update(AN_OWNER, ID, "01", by=by, renamed=False),
        lambda: user.issue_reset(AN_OWNER, ID, by=by, reset_id=ID, expires_at=NOON),
    ):
        with pytest.raises(OwnersOnly):
            act()


def test_the_last_owner_stays_one() -> None:
    for act in (
        lambda: user.change_role(AN_OWNER, ID, "admin", by="owner", other_owners=0),
        lambda: user.deactivate(AN_OWNER, ID, by="owner", other_owners=0),
    ):
        with pytest.raises(LastOwner):
            act()
    assert user.deactivate(AN_OWNER, ID, by="owner", other_owners=1) == [UserDeactivated(user_id=ID)]


def test_an_owner_who_is_deactivated_is_no_last_owner() -> None:
    gone = replace(AN_OWNER, is_active=False)
    assert user.change_role(gone, ID, "member", by="owner", other_owners=0)


def test_what_is_so_already_is_no_event() -> None:
    assert user.change_role(A_MEMBER, ID, "member", by="admin", other_owners=1) == []
    assert user.activate(A_MEMBER, ID, by="admin") == []
    assert user.deactivate(replace(A_MEMBER, is_active=False), ID, by="admin", other_owners=1) == []
    assert user.update(A_MEMBER, ID, "00", by="admin", renamed=False) == []
    assert user.update(A_MEMBER, ID, "00", by="admin", renamed=True)


def test_nobody_is_changed_who_is_not_there() -> None:
    with pytest.raises(UserNotFound):
        user.deactivate(user.User(), ID, by="owner", other_owners=1)


def test_a_token_belongs_to_its_user_and_is_revoked_once() -> None:
    [created] = token.create(
        token.Token(), token_id=ID, user_id=OTHER_ID, name="default", secret="abcdefghijkl"
    )
    assert isinstance(created, TokenCreated)
    assert created.token_prefix == "abcdefgh" and created.token_hash == token.hashed("abcdefghijkl")
    assert created.user_id == OTHER_ID and created.expires_at is None and created.scopes is None
    state = token.evolve(token.Token(), created)
    assert state == token.Token(exists=True, is_active=True)
    with pytest.raises(Conflict):
        token.create(state, token_id=ID, user_id=ID, name="", secret="")
    [revoked] = token.revoke(state, ID)
    assert token.revoke(token.evolve(state, revoked), ID) == []
    with pytest.raises(TokenNotFound):
        token.revoke(token.Token(), ID)


def test_a_session_ends_once() -> None:
    [started] = session.start(session.Session(), session_id=ID, user_id=OTHER_ID, expires_at=NOON)
    state = session.evolve(session.Session(), started)
    with pytest.raises(Conflict):
        session.start(state, session_id=ID, user_id=OTHER_ID, expires_at=NOON)
    [ended] = session.end(state, ID, "logout")
    assert ended == SessionEnded(session_id=ID, user_id=OTHER_ID, reason="logout")
    assert session.end(session.evolve(state, ended), ID, "logout") == []


@pytest.mark.parametrize(
    ("shown", "seconds", "verdict"),
    [
        (5, 9e9, Refresh.NEXT),
        (4, 59, Refresh.AGAIN),
        (4, 61, Refresh.REUSED),
        (3, 1, Refresh.REUSED),
        (6, 1, Refresh.REUSED),
    ],
)
def test_a_refresh_token_is_good_once_and_for_a_moment_after(
    shown: int, seconds: float, verdict: Refresh
) -> None:
    rotated = NOON
    now = NOON + timedelta(seconds=min(seconds, 10**9))
    assert session.judge(shown, 5, rotated, now) is verdict


def test_an_embed_key_is_made_changed_and_revoked() -> None:
    made = embed_key.create(embed_key.EmbedKey(), A_KEY, key_id=ID, bot_id=OTHER_ID, public="pk_x")
    state = embed_key.evolve(embed_key.EmbedKey(), made[0])
    assert state == embed_key.EmbedKey(bot_id=OTHER_ID, settings=A_KEY, is_active=True)
    assert embed_key.update(state, ID, A_KEY) == []
    [updated] = embed_key.update(state, ID, replace(A_KEY, name="shop"))
    assert embed_key.evolve(state, updated).settings == replace(A_KEY, name="shop")
    [revoked] = embed_key.revoke(state, ID)
    gone = embed_key.evolve(state, revoked)
    assert embed_key.revoke(gone, ID) == []
    for act in (
        lambda: embed_key.update(gone, ID, A_KEY),
        lambda: embed_key.revoke(embed_key.EmbedKey(), ID),
    ):
        with pytest.raises(EmbedKeyNotFound):
            act()


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://www.Example.com", "https://www.example.com"),
        ("https://example.com:443/", "https://example.com"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://[::1]:3000", "http://[::1]:3000"),
    ],
)
def test_an_origin_is_written_as_browsers_send_it(text: str, origin: str) -> None:
    assert embed_key.origin(text) == origin


@pytest.mark.parametrize(
    "text",
    ["", "*", "example.com", "ftp://example.com", "https://a.com/path", "https://u@a.com", "https://a.com:x",
     "https://a.com?x", "null", "https://*.example.com", "https://a b.com", "javascript://x"],
)  # fmt: skip
def test_what_is_no_origin_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        embed_key.origin(text)


def test_events_of_others_change_nothing() -> None:
    event = TenantCreated(name="Acme", slug="acme")
    assert user.evolve(user.User(), event) == user.User()
    assert token.evolve(token.Token(), event) == token.Token()


def test_every_role_and_scope_has_a_line_in_the_matrix() -> None:
    assert set(MATRIX) == set(get_args(Role)) and set(SCOPES) == set(get_args(Scope))
    assert MATRIX["owner"] == frozenset(Permission) - {Permission.PUBLIC}
    assert MATRIX["member"] < MATRIX["admin"] < MATRIX["owner"]
    assert VISITOR < MEMBER


def test_an_admin_may_neither_read_the_audit_log_nor_change_the_tenant() -> None:
    assert MATRIX["owner"] - MATRIX["admin"] == {Permission.READ_AUDIT, Permission.MANAGE_TENANT}


@pytest.mark.parametrize("role", get_args(Role))
def test_a_token_never_lets_through_more_than_its_user_may(role: Role) -> None:
    assert permitted(role, None) == permitted(role, ["admin"]) == MATRIX[role]
    assert permitted(role, []) == frozenset()
    for scope in get_args(Scope):
        assert permitted(role, [scope]) == MATRIX[role] & SCOPES[scope]


def test_scopes_add_up_and_writing_is_not_reading() -> None:
    assert permitted("owner", ["chat", "write"]) == SCOPES["chat"] | SCOPES["write"]
    for permission in (
        Permission.CHAT,
        Permission.READ_CHATS,
        Permission.READ_USERS,
        Permission.MANAGE_TOKENS,
    ):
        assert permission not in SCOPES["write"]
    assert not [permission for permission in SCOPES["read"] if permission.name.startswith("MANAGE")]
