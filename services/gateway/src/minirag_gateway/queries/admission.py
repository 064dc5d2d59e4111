"""From what is known of a credential to somebody who may act, or to the refusal that spec §2 names."""

from datetime import UTC, datetime

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
from minirag_gateway.queries.proofs import Proof


def of(proof: Proof, record: CredentialRecord | None) -> Principal:
    """Whoever has shown this, with the record of it."""
    match proof.lookup.kind:
        case "token":
            return _of_token(record)
        case "session":
            return _of_session(record, proof)
        case "embed_key":
            return _of_visitor(record, proof)


def _of_token(record: CredentialRecord | None) -> Principal:
    """The owner of an API token."""
    if record is None or not record.is_active:
        raise InvalidApiToken
    if _is_over(record.expires_at):
        raise ApiTokenExpired
    return _user(record, "token", record.expires_at)


def _of_session(record: CredentialRecord | None, proof: Proof) -> Principal:
    """Whoever logged in."""
    if record is None or not record.is_active or _is_over(record.expires_at) or _is_over(proof.ends):
        raise InvalidJwt
    if (proof.subject, proof.tenant_id) != (record.user_id, record.tenant_id):
        raise InvalidJwt
    return _user(record, "session", proof.ends)


def _of_visitor(record: CredentialRecord | None, proof: Proof) -> Principal:
    """A visitor of a page: confined to one bot, one origin and their own conversations."""
    if record is None or not record.is_active or _is_over(proof.ends):
        raise InvalidJwt
    if not record.tenant_active:
        raise TenantDisabled
    if proof.origin not in record.origins:
        raise PageNotServed
    return Principal(
        kind="visitor",
        tenant=_tenant(record),
        credential_id=record.credential_id,
        actor=f"visitor:{proof.subject}",
        permissions=access.VISITOR,
        reach="own",
        bot_id=record.bot_id,
        origin=proof.origin,
        message_rate=record.visitor_rate,
        expires_at=proof.ends,
    )


def _is_over(ends: datetime | None) -> bool:
    return ends is not None and ends <= datetime.now(UTC)


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
