-- The audit log of one actor, without a look at everybody else's events. A column, since behind row-level security no index
-- on an expression is used whose operator might leak (``->>``).
ALTER TABLE events ADD COLUMN actor text GENERATED ALWAYS AS (metadata ->> 'actor') STORED;
CREATE INDEX events_of_tenant_by_actor ON events (tenant_id, actor, recorded_at, event_id);
