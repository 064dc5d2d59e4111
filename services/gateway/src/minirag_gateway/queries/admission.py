"""From what is known of a credential to somebody who may act, or to the refusal that spec §2 names."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from minirag_gateway.domain import access
from minirag_gateway.domain.principal import Principal
from minirag_gateway.domain.tenant import TenantRead
from minirag_gateway.errors import (
    AccountDisabled,
    ApiTokenExpired,
    InvalidApiToken,
    InvalidJwt,
    PageNotServed,
    TenantDisabled,
)
from minirag_gateway.ports import CredentialRecord


def of_token(record: CredentialRecord | None) -> Principal:
    """The owner of an API token."""
    if record is None or not record.is_active:
        raise InvalidApiToken
    if record.expires_at is not None and record.expires_at <= datetime.now(UTC):
        raise ApiTokenExpired
    return _user(record, "token", record.expires_at)


def of_session(record: CredentialRecord | None, ends: datetime) -> Principal:
    """Whoever logged in; ``ends`` is when the JWT expires, which its reader has checked."""
    if record is None or not record.is_active:
        raise InvalidJwt
    if record.expires_at is not None and record.expires_at <= datetime.now(UTC):
        raise InvalidJwt
    return _user(record, "session", ends)


def of_visitor(record: CredentialRecord | None, claims: dict[str, Any], ends: datetime) -> Principal:
    """A visitor of a page: confined to one bot, one origin and their own conversations."""
    if record is None or not record.is_active:
        raise InvalidJwt
    if not record.tenant_active:
        raise TenantDisabled
    origin = str(claims["org"])
    if origin not in record.origins:
        raise PageNotServed
    return Principal(
        kind="visitor",
        tenant=_tenant(record),
        credential_id=record.credential_id,
        actor=f"visitor:{UUID(claims['sub'])}",
        permissions=access.VISITOR,
        reach="own",
        bot_id=record.bot_id,
        origin=origin,
        message_rate=record.visitor_rate,
        expires_at=ends,
    )


def _user(record: CredentialRecord, kind: access.UserKind, ends: datetime | None) -> Principal:
    if not record.user_active or record.role is None:
        raise AccountDisabled
    if not record.tenant_active:
        raise TenantDisabled
    return Principal(
        kind=kind,
        tenant=_tenant(record),
        credential_id=record.credential_id,
        actor=f"user:{record.user_id}",
        permissions=access.permitted(record.role, record.scopes),
        reach=access.reach(record.role),
        user_id=record.user_id,
        role=record.role,
        expires_at=ends,
    )


def _tenant(record: CredentialRecord) -> TenantRead:
    return TenantRead(
        id=record.tenant_id,
        name=record.tenant_name,
        slug=record.tenant_slug,
        is_active=record.tenant_active,
        plan=record.tenant_plan,
    )
