"""Given events, when a wish, then events."""

from typing import get_args

import pytest
from minirag_contracts.errors import Conflict
from minirag_contracts.events.gateway import Role, Scope, TenantCreated, TokenCreated, UserCreated
from minirag_contracts.ids import new_id
from minirag_gateway.domain import tenant, token, user
from minirag_gateway.domain.access import MATRIX, MEMBER, SCOPES, VISITOR, Permission, permitted

ID, OTHER_ID = new_id(), new_id()


def test_a_new_tenant_is_created() -> None:
    assert tenant.create(tenant.Tenant(), name="Acme", slug="acme") == [
        TenantCreated(name="Acme", slug="acme")
    ]


def test_a_tenant_is_not_created_twice() -> None:
    [created] = tenant.create(tenant.Tenant(), name="Acme", slug="acme")
    state = tenant.evolve(tenant.Tenant(), created)
    with pytest.raises(Conflict):
        tenant.create(state, name="Acme", slug="acme")


def test_a_user_has_the_role_that_it_was_created_with() -> None:
    [created] = user.create(user.User(), user_id=ID, role="owner", email_hash="00")
    assert created == UserCreated(user_id=ID, role="owner", email_hash="00")
    state = user.evolve(user.User(), created)
    assert state == user.User(exists=True, role="owner")
    with pytest.raises(Conflict):
        user.create(state, user_id=ID, role="member", email_hash="00")


def test_a_token_belongs_to_its_user() -> None:
    [created] = token.create(
        token.Token(), token_id=ID, user_id=OTHER_ID, name="default", secret="abcdefghijkl"
    )
    assert isinstance(created, TokenCreated)
    assert created.token_prefix == "abcdefgh" and created.token_hash == token.hashed("abcdefghijkl")
    assert created.expires_at is None and created.scopes is None
    state = token.evolve(token.Token(), created)
    assert state == token.Token(exists=True, user_id=OTHER_ID)
    with pytest.raises(Conflict):
        token.create(state, token_id=ID, user_id=ID, name="", secret="")


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
