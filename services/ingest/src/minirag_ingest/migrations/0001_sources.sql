-- Sources as clients read them and the bots that are known (projections), and apart from them what was given to us (content).

-- Projection of source.*.
CREATE TABLE sources (
    tenant_id         uuid NOT NULL,
    source_id         uuid PRIMARY KEY,
    bot_id            uuid NOT NULL,
    parent_id         uuid,
    name              text NOT NULL,
    description       text NOT NULL,
    source_type       text NOT NULL,
    status            text NOT NULL CHECK (status IN ('pending', 'processing', 'ready', 'error')),
    config            jsonb NOT NULL,
    document_count    integer NOT NULL DEFAULT 0,
    chunk_count       integer NOT NULL DEFAULT 0,
    error_message     text,
    is_active         boolean NOT NULL DEFAULT true,
    refresh_schedule  text,
    last_refreshed_at timestamptz,
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL
);
CREATE INDEX sources_newest ON sources (tenant_id, created_at DESC, source_id DESC) WHERE parent_id IS NULL;
CREATE INDEX sources_newest_of_bot ON sources (tenant_id, bot_id, created_at DESC, source_id DESC) WHERE parent_id IS NULL;
CREATE INDEX sources_of_parent ON sources (parent_id) WHERE parent_id IS NOT NULL;
SELECT minirag.protect('sources');

-- Projection of chat's bot.*: which bots exist.
CREATE TABLE known_bots (
    tenant_id uuid NOT NULL,
    bot_id    uuid PRIMARY KEY
);
SELECT minirag.protect('known_bots');

-- Content: the whole configuration, and the text or file. ``salt`` makes the hash in the event useless once this row is erased.
CREATE TABLE source_contents (
    tenant_id uuid NOT NULL,
    source_id uuid PRIMARY KEY,
    config    jsonb NOT NULL,
    body      bytea,
    salt      bytea NOT NULL
);
SELECT minirag.protect('source_contents');

-- Content: the text of a version, so that an interrupted ingestion need not fetch and read again. ``body`` is the
-- document as JSON: title and blocks.
CREATE TABLE documents (
    tenant_id uuid NOT NULL,
    source_id uuid NOT NULL,
    version   integer NOT NULL,
    title     text NOT NULL,
    url       text,
    body      text NOT NULL,
    made_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source_id, version)
);
SELECT minirag.protect('documents');
