-- Sources that change, go and come back, and bots that do.

ALTER TABLE sources ADD COLUMN version integer NOT NULL DEFAULT 0; -- the last that was asked for
ALTER TABLE sources ADD COLUMN gone_with_parent boolean NOT NULL DEFAULT false;

-- What the projection would have made of the events so far. Their owner is under row-level security like everybody else.
ALTER TABLE sources NO FORCE ROW LEVEL SECURITY;
ALTER TABLE events NO FORCE ROW LEVEL SECURITY;
UPDATE sources SET version = asked.version
FROM (SELECT (data ->> 'source_id')::uuid AS source_id, max((data ->> 'version')::integer) AS version
      FROM events WHERE type = 'source.ingest.requested' GROUP BY 1) asked
WHERE asked.source_id = sources.source_id;
ALTER TABLE sources FORCE ROW LEVEL SECURITY;
ALTER TABLE events FORCE ROW LEVEL SECURITY;

CREATE INDEX sources_newest_of_all ON sources (tenant_id, created_at DESC, source_id DESC) WHERE is_active;

ALTER TABLE known_bots ADD COLUMN is_active boolean NOT NULL DEFAULT true;
