-- Projections: folds of index.version.activated.

-- The generation at which searches of a bot read.
CREATE TABLE bot_index (
    bot_id     uuid PRIMARY KEY,
    tenant_id  uuid NOT NULL,
    generation bigint NOT NULL,
    updated_at timestamptz NOT NULL
);
SELECT minirag.protect('bot_index');

-- The versions that were visible, each from ``from_gen`` until before ``to_gen``.
CREATE TABLE source_versions (
    source_id    uuid NOT NULL,
    version      integer NOT NULL,
    tenant_id    uuid NOT NULL,
    bot_id       uuid NOT NULL,
    chunk_count  integer NOT NULL,
    from_gen     bigint NOT NULL,
    to_gen       bigint,
    activated_at timestamptz NOT NULL,
    PRIMARY KEY (source_id, version)
);
CREATE UNIQUE INDEX source_versions_active ON source_versions (source_id) WHERE to_gen IS NULL;
SELECT minirag.protect('source_versions');

-- Content: not folded from events and not rebuilt.

-- A passage and its vector; chunk_id is its point's id. It has one life: staged (from_gen null), current, ended.
CREATE TABLE chunks (
    chunk_id     uuid PRIMARY KEY,
    tenant_id    uuid NOT NULL,
    bot_id       uuid NOT NULL,
    source_id    uuid NOT NULL,
    content_hash bytea NOT NULL, -- of everything that is shown
    embed_hash   bytea NOT NULL, -- of what was embedded, and by which model
    header       text NOT NULL,
    text         text NOT NULL,
    title        text,
    url          text,
    page         integer,
    heading      text,
    vector       bytea NOT NULL, -- 384 float32, little endian
    from_gen     bigint,
    to_gen       bigint
);
ALTER TABLE chunks ALTER COLUMN vector SET STORAGE EXTERNAL; -- out of the way of those who read texts
CREATE INDEX chunks_of_source ON chunks (source_id, content_hash);
CREATE INDEX chunks_by_embedding ON chunks (source_id, embed_hash);
CREATE INDEX chunks_current ON chunks (bot_id, chunk_id) WHERE to_gen IS NULL;
SELECT minirag.protect('chunks');

-- Which chunks a version consists of, in order. The same text twice in a version is one chunk.
CREATE TABLE version_chunks (
    source_id uuid NOT NULL,
    version   integer NOT NULL,
    ordinal   integer NOT NULL,
    tenant_id uuid NOT NULL,
    chunk_id  uuid NOT NULL REFERENCES chunks (chunk_id),
    PRIMARY KEY (source_id, version, ordinal)
);
CREATE INDEX version_chunks_by_chunk ON version_chunks (chunk_id);
SELECT minirag.protect('version_chunks');

-- What is known of a bot's points in the vector engine. The row's lock lets one activation at a time prepare them;
-- store_id is the engine's store that holds them all; claim counts the attempts, and fences off the earlier ones.
CREATE TABLE bot_points (
    bot_id    uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    store_id  text NOT NULL,
    claim     bigint NOT NULL DEFAULT 0
);
SELECT minirag.protect('bot_points');

-- Attempts that may have marked points, written before the first mark and deleted with their activation. Whoever
-- finds another's takes those marks back before making any.
CREATE TABLE preparations (
    bot_id    uuid NOT NULL,
    source_id uuid NOT NULL,
    version   integer NOT NULL,
    claim     bigint NOT NULL,
    tenant_id uuid NOT NULL,
    PRIMARY KEY (bot_id, claim)
);
SELECT minirag.protect('preparations');
