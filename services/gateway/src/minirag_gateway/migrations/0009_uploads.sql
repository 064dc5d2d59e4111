-- Uploads that go on after a break (tus): how far each has come, and what has come of it. No events: the source that is made is one.
CREATE TABLE uploads (
    upload_id   uuid PRIMARY KEY,
    tenant_id   uuid NOT NULL,
    actor       text NOT NULL,
    via         text NOT NULL,
    bot_id      uuid NOT NULL,
    parent_id   uuid,
    name        text NOT NULL,
    description text NOT NULL,
    filename    text NOT NULL,
    metadata    text NOT NULL, -- as the client sent it
    length      bigint NOT NULL,
    received    bigint NOT NULL DEFAULT 0 CHECK (received <= length),
    source_id   uuid,  -- what was made of it
    refusal     jsonb, -- or why nothing was: status, code, detail
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL
);
CREATE INDEX uploads_by_expiry ON uploads (expires_at);
CREATE INDEX uploads_open ON uploads (tenant_id) WHERE source_id IS NULL AND refusal IS NULL;
SELECT minirag.protect('uploads');

-- The bytes of the unfinished ones, each piece by the offset at which it begins. They end with their upload, also those that are
-- just being added: whoever adds one holds the row of the upload.
CREATE TABLE upload_pieces (
    upload_id uuid NOT NULL REFERENCES uploads ON DELETE CASCADE,
    at        bigint NOT NULL,
    tenant_id uuid NOT NULL,
    data      bytea NOT NULL,
    PRIMARY KEY (upload_id, at)
);
ALTER TABLE upload_pieces ALTER COLUMN data SET STORAGE EXTERNAL; -- most of what is large is packed already
SELECT minirag.protect('upload_pieces');
