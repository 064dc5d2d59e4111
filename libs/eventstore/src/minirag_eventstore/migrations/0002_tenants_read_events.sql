-- Tenants read their own events: as a stream by position, and as an audit log by time.
CREATE INDEX events_of_tenant ON events (tenant_id, position);
CREATE INDEX events_of_tenant_by_time ON events (tenant_id, recorded_at, event_id);

-- Content: from where somebody asked for what was recorded. Personal, erasable, never a part of an event or a projection.
-- One row for each command, found by the cause that its events name; an event without a cause is its own.
CREATE TABLE event_origins (
    tenant_id   uuid NOT NULL,
    cause_id    uuid NOT NULL,
    address     text NOT NULL,
    agent       text NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, cause_id)
);
SELECT minirag.protect('event_origins');
