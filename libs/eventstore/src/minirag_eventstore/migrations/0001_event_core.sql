-- What every service's schema has: its events, and the book-keeping around them.

-- The truth. ``id`` is the order of insertion and internal; ``position`` is given after commit by the relay's leader,
-- without gaps, so that "everything after position p" never skips a slow transaction.
CREATE TABLE events (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    position       bigint UNIQUE,
    event_id       uuid NOT NULL UNIQUE,
    tenant_id      uuid NOT NULL,
    stream         text NOT NULL,
    version        integer NOT NULL CHECK (version > 0),
    type           text NOT NULL,
    schema_version integer NOT NULL,
    data           jsonb NOT NULL,
    metadata       jsonb NOT NULL,
    recorded_at    timestamptz NOT NULL,
    CONSTRAINT events_stream_version UNIQUE (stream, version)
);
CREATE INDEX events_without_position ON events (id) WHERE position IS NULL;
CREATE INDEX events_by_type ON events (type, position);
SELECT minirag.protect('events');
-- Events are appended and never changed; only the relay (system) gives them their position.
REVOKE UPDATE, DELETE ON events FROM {service};
REVOKE DELETE ON events FROM {service}_system;

CREATE FUNCTION wake_relay() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_notify('relay_{service}', ''); RETURN NULL; END $$;
CREATE TRIGGER wake_relay AFTER INSERT ON events FOR EACH STATEMENT EXECUTE FUNCTION wake_relay();

-- What the relay knows of its stream: the last published position and where it lies. One row.
CREATE TABLE relay (
    singleton   boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    incarnation text NOT NULL,
    position    bigint NOT NULL,
    sequence    bigint NOT NULL
);
GRANT SELECT, INSERT, UPDATE, DELETE ON relay TO {service}_system;

-- Commands that were carried out: the same id and body get the same reply, another body is refused.
CREATE TABLE commands (
    tenant_id  uuid NOT NULL,
    command_id uuid NOT NULL,
    body_hash  bytea NOT NULL,
    reply      bytea NOT NULL,
    sealed     boolean NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, command_id)
);
CREATE INDEX commands_by_age ON commands (created_at);
SELECT minirag.protect('commands');

-- Events that a reactor has handled, until its progress has passed them.
CREATE TABLE inbox (
    tenant_id uuid NOT NULL,
    consumer  text NOT NULL,
    event_id  uuid NOT NULL,
    position  bigint NOT NULL,
    PRIMARY KEY (consumer, event_id)
);
CREATE INDEX inbox_by_position ON inbox (consumer, position);
SELECT minirag.protect('inbox');

-- How often a reaction to an event has failed so far.
CREATE TABLE inbox_failures (
    tenant_id uuid NOT NULL,
    consumer  text NOT NULL,
    event_id  uuid NOT NULL,
    attempts  integer NOT NULL,
    error     text NOT NULL,
    PRIMARY KEY (consumer, event_id)
);
SELECT minirag.protect('inbox_failures');

-- The position of the owner's store up to which a consumer has handled everything.
CREATE TABLE progress (
    consumer text PRIMARY KEY,
    position bigint NOT NULL
);
GRANT SELECT, INSERT, UPDATE, DELETE ON progress TO {service}, {service}_system;

-- The version up to which a projector has applied each aggregate.
CREATE TABLE applied_versions (
    tenant_id uuid NOT NULL,
    consumer  text NOT NULL,
    stream    text NOT NULL,
    version   integer NOT NULL,
    PRIMARY KEY (consumer, stream)
);
SELECT minirag.protect('applied_versions');

-- Work under a lease: what is running, waiting or due again.
CREATE TABLE work (
    work_id     uuid PRIMARY KEY,
    tenant_id   uuid NOT NULL,
    kind        text NOT NULL,
    key         text NOT NULL,
    payload     jsonb NOT NULL,
    due_at      timestamptz NOT NULL DEFAULT now(),
    attempts    integer NOT NULL DEFAULT 0,
    lease_owner uuid,
    lease_until timestamptz,
    last_error  text,
    created_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (kind, key)
);
CREATE INDEX work_due ON work (kind, due_at);
SELECT minirag.protect('work');

-- What was given up on, with all that is needed to try again.
CREATE TABLE dead_letters (
    letter_id   uuid PRIMARY KEY,
    tenant_id   uuid NOT NULL,
    kind        text NOT NULL,
    key         text NOT NULL,
    payload     jsonb NOT NULL,
    attempts    integer NOT NULL,
    error       text NOT NULL,
    parked_at   timestamptz NOT NULL DEFAULT now(),
    replayed_at timestamptz
);
CREATE INDEX dead_letters_open ON dead_letters (parked_at) WHERE replayed_at IS NULL;
SELECT minirag.protect('dead_letters');
