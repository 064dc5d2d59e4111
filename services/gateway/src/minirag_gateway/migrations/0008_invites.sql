-- Invites to sign up; only hashes of them are kept. One is nobody's until a sign-up has used it.
CREATE TABLE invites (
    invite_hash text PRIMARY KEY,
    tenant_id   uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    expires_at  timestamptz NOT NULL,
    used_at     timestamptz
);
SELECT minirag.protect('invites');
-- Whoever signs up may find an unused one and make it their own, in the transaction of the sign-up.
CREATE POLICY of_nobody_yet ON invites FOR SELECT TO {service}
    USING (used_at IS NULL AND minirag.tenant() IS NOT NULL);
CREATE POLICY of_nobody_any_more ON invites FOR UPDATE TO {service}
    USING (used_at IS NULL AND minirag.tenant() IS NOT NULL) WITH CHECK (tenant_id = minirag.tenant());
