-- What became of every version that was asked for, what its text was made of, and how far the one is that is being made.

-- Projection of source.ingest.*: one row for each version that was asked for.
CREATE TABLE ingestions (
    tenant_id    uuid NOT NULL,
    source_id    uuid NOT NULL,
    version      integer NOT NULL,
    trigger      text NOT NULL,
    of_version   integer,
    status       text NOT NULL CHECK (status IN ('processing', 'completed', 'unchanged', 'failed', 'cancelled')),
    attempts     integer,
    code         text,
    error        text,
    chunk_count  integer,
    added        integer,
    changed      integer,
    removed      integer,
    embedded     integer,
    created_at   timestamptz NOT NULL,
    ended_at     timestamptz,
    PRIMARY KEY (source_id, version)
);
CREATE INDEX ingestions_newest ON ingestions (source_id, created_at DESC, version DESC);
SELECT minirag.protect('ingestions');

-- What the projection would have made of the events so far. Their owner is under row-level security like everybody else.
ALTER TABLE ingestions NO FORCE ROW LEVEL SECURITY;
ALTER TABLE events NO FORCE ROW LEVEL SECURITY;
INSERT INTO ingestions (tenant_id, source_id, version, trigger, status, attempts, code, error, chunk_count, created_at, ended_at)
SELECT asked.tenant_id, (asked.data ->> 'source_id')::uuid, (asked.data ->> 'version')::integer, 'request',
       coalesce(replace(ended.type, 'source.ingest.', ''), 'processing'),
       CASE ended.type WHEN 'source.ingest.failed' THEN 1 END, ended.data ->> 'code', ended.data ->> 'error',
       (ended.data ->> 'chunk_count')::integer, asked.recorded_at, ended.recorded_at
FROM events asked LEFT JOIN events ended
  ON ended.stream = asked.stream AND ended.data ->> 'version' = asked.data ->> 'version'
 AND ended.type IN ('source.ingest.completed', 'source.ingest.failed', 'source.ingest.cancelled')
WHERE asked.type = 'source.ingest.requested';
ALTER TABLE ingestions FORCE ROW LEVEL SECURITY;
ALTER TABLE events FORCE ROW LEVEL SECURITY;

-- The version that answers, as the aggregate folds it; 0 for a source that does not.
ALTER TABLE sources ADD COLUMN visible integer NOT NULL DEFAULT 0;
ALTER TABLE sources NO FORCE ROW LEVEL SECURITY;
ALTER TABLE ingestions NO FORCE ROW LEVEL SECURITY;
ALTER TABLE events NO FORCE ROW LEVEL SECURITY;
UPDATE sources SET visible = done.version
FROM (SELECT source_id, max(version) AS version FROM ingestions WHERE status = 'completed' GROUP BY source_id) done
WHERE done.source_id = sources.source_id AND sources.is_active
  AND NOT EXISTS (SELECT FROM events gone
                  WHERE gone.stream = 'source-' || sources.source_id AND gone.type = 'source.deactivated'
                    AND (gone.data ->> 'version')::integer >= done.version);
ALTER TABLE events FORCE ROW LEVEL SECURITY;
ALTER TABLE ingestions FORCE ROW LEVEL SECURITY;
ALTER TABLE sources FORCE ROW LEVEL SECURITY;

-- Content: hashes of a version's text and of its passages in reading order, to tell what has changed.
ALTER TABLE documents ADD COLUMN content_hash bytea;
ALTER TABLE documents ADD COLUMN passages bytea[];
-- By what it was cut into them, beside the text itself.
ALTER TABLE documents ADD COLUMN rules text;

-- How far the version is that is being made: a note for whoever asks, gone with its end.
CREATE TABLE ingestion_progress (
    tenant_id  uuid NOT NULL,
    source_id  uuid PRIMARY KEY,
    version    integer NOT NULL,
    stage      text NOT NULL,
    done       integer NOT NULL,
    total      integer NOT NULL
);
SELECT minirag.protect('ingestion_progress');
