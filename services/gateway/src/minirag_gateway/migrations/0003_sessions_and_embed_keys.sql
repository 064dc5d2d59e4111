-- Logins, password resets, embed keys: rows folded from events, and the content beside them.

-- Projection "sessions".
CREATE TABLE sessions (
    session_id uuid PRIMARY KEY,
    tenant_id  uuid NOT NULL,
    user_id    uuid NOT NULL,
    is_active  boolean NOT NULL,
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX sessions_of_user ON sessions (user_id) WHERE is_active;
SELECT minirag.protect('sessions');

-- Which refresh token of a session is the current one. No secret: the tokens are numbers under a signature.
CREATE TABLE session_refresh (
    session_id uuid PRIMARY KEY,
    tenant_id  uuid NOT NULL,
    generation integer NOT NULL,
    rotated_at timestamptz NOT NULL
);
SELECT minirag.protect('session_refresh');

-- Content: links by which somebody may choose a password. Only the hash of the secret is kept, until it is used.
CREATE TABLE password_resets (
    reset_id    uuid PRIMARY KEY,
    tenant_id   uuid NOT NULL,
    user_id     uuid NOT NULL,
    secret_hash text NOT NULL UNIQUE,
    expires_at  timestamptz NOT NULL
);
CREATE INDEX password_resets_of_user ON password_resets (user_id);
SELECT minirag.protect('password_resets');

-- One address, one user, in a tenant.
CREATE UNIQUE INDEX user_content_email_in_tenant ON user_content (tenant_id, lower(email));

-- Projection "embed_keys". The key itself is published in pages.
CREATE TABLE embed_keys (
    key_id          uuid PRIMARY KEY,
    tenant_id       uuid NOT NULL,
    bot_id          uuid NOT NULL,
    key             text NOT NULL UNIQUE,
    name            text NOT NULL,
    origins         text[] NOT NULL,
    visitor_rate    integer NOT NULL,
    daily_messages  integer NOT NULL,
    session_minutes integer NOT NULL,
    is_active       boolean NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL
);
CREATE INDEX embed_keys_by_tenant ON embed_keys (tenant_id, created_at DESC, key_id DESC);
CREATE INDEX embed_keys_by_origin ON embed_keys USING gin (origins) WHERE is_active;
SELECT minirag.protect('embed_keys');

-- Messages of a key's visitors by UTC day: the budget that stops scripts. No event: a figure that is taken before a turn begins.
CREATE TABLE embed_usage (
    key_id    uuid NOT NULL,
    day       date NOT NULL,
    tenant_id uuid NOT NULL,
    messages  integer NOT NULL,
    PRIMARY KEY (key_id, day)
);
SELECT minirag.protect('embed_usage');
