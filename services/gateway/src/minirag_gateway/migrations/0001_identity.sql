-- Identity: rows folded from events, the content beside them, and the register of slugs.

CREATE TABLE tenants (
    tenant_id  uuid PRIMARY KEY,
    name       text NOT NULL,
    slug       text NOT NULL,
    plan       text NOT NULL,
    is_active  boolean NOT NULL,
    created_at timestamptz NOT NULL
);
SELECT minirag.protect('tenants');

CREATE TABLE users (
    user_id    uuid PRIMARY KEY,
    tenant_id  uuid NOT NULL,
    role       text NOT NULL,
    email_hash text NOT NULL,
    is_active  boolean NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX users_by_tenant ON users (tenant_id);
SELECT minirag.protect('users');

CREATE TABLE tokens (
    token_id     uuid PRIMARY KEY,
    tenant_id    uuid NOT NULL,
    user_id      uuid NOT NULL,
    name         text NOT NULL,
    token_prefix text NOT NULL,
    token_hash   text NOT NULL UNIQUE,
    is_active    boolean NOT NULL,
    expires_at   timestamptz,
    created_at   timestamptz NOT NULL
);
CREATE INDEX tokens_by_tenant ON tokens (tenant_id, created_at);
SELECT minirag.protect('tokens');

-- Content: personal, erasable, never in an event.
CREATE TABLE user_content (
    user_id       uuid PRIMARY KEY,
    tenant_id     uuid NOT NULL,
    email         text NOT NULL,
    display_name  text NOT NULL,
    password_hash text NOT NULL,
    salt          bytea NOT NULL
);
CREATE INDEX user_content_by_email ON user_content (lower(email));
SELECT minirag.protect('user_content');

-- Who has which slug. Its primary key decides the race of two sign-ups; `ON CONFLICT DO NOTHING` needs no sight of the
-- other tenant's row, so the tenant's own role is enough.
CREATE TABLE slugs (
    slug      text PRIMARY KEY,
    tenant_id uuid NOT NULL
);
SELECT minirag.protect('slugs');

-- When a token was last used: written in batches, no event.
CREATE TABLE token_use (
    token_id     uuid PRIMARY KEY,
    tenant_id    uuid NOT NULL,
    last_used_at timestamptz NOT NULL
);
SELECT minirag.protect('token_use');
