"""Given events, when a wish, then events."""

from typing import get_args

import pytest
from minirag_contracts.errors import Conflict
from minirag_contracts.events.gateway import Role, TenantCreated, TokenCreated, UserCreated
from minirag_contracts.ids import new_id
from minirag_gateway import domain
from minirag_gateway.entrypoints.http.permissions import MATRIX, MEMBER, Permission, demand
from minirag_gateway.errors import Forbidden

ID, OTHER_ID = new_id(), new_id()


def test_a_new_tenant_is_created() -> None:
    assert domain.create_tenant(domain.Tenant(), name="Acme", slug="acme") == [
        TenantCreated(name="Acme", slug="acme")
    ]


def test_a_tenant_is_not_created_twice() -> None:
    [created] = domain.create_tenant(domain.Tenant(), name="Acme", slug="acme")
    tenant = domain.evolve_tenant(domain.Tenant(), created)
    with pytest.raises(Conflict):
        domain.create_tenant(tenant, name="Acme", slug="acme")


def test_a_user_has_the_role_that_it_was_created_with() -> None:
    [created] = domain.create_user(domain.User(), user_id=ID, role="owner", email_hash="00")
    assert created == UserCreated(user_id=ID, role="owner", email_hash="00")
    user = domain.evolve_user(domain.User(), created)
    assert user == domain.User(exists=True, role="owner")
    with pytest.raises(Conflict):
        domain.create_user(user, user_id=ID, role="member", email_hash="00")


def test_a_token_belongs_to_its_user() -> None:
    [created] = domain.create_token(
        domain.Token(), token_id=ID, user_id=OTHER_ID, name="default", prefix="abcdefgh", token_hash="00"
    )
    assert isinstance(created, TokenCreated)
    assert created.expires_at is None
    token = domain.evolve_token(domain.Token(), created)
    assert token == domain.Token(exists=True, user_id=OTHER_ID)
    with pytest.raises(Conflict):
        domain.create_token(token, token_id=ID, user_id=ID, name="", prefix="", token_hash="")


def test_events_of_others_change_nothing() -> None:
    event = TenantCreated(name="Acme", slug="acme")
    assert domain.evolve_user(domain.User(), event) == domain.User()
    assert domain.evolve_token(domain.Token(), event) == domain.Token()


def test_every_role_has_a_line_in_the_matrix() -> None:
    assert set(MATRIX) == set(get_args(Role))
    assert MATRIX["owner"] == MATRIX["admin"] == frozenset(Permission)


@pytest.mark.parametrize("permission", sorted(set(Permission) - MEMBER))
def test_what_members_may_not_do_is_refused(permission: Permission) -> None:
    with pytest.raises(Forbidden):
        demand("member", permission)
