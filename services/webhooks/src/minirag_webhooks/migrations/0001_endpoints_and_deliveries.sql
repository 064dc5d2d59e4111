-- Endpoints and deliveries as clients read them (projections), and what is no event: secrets, bodies, attempts.

-- Projection of webhook.created and webhook.deleted: one row for each endpoint that wants to be told.
CREATE TABLE endpoints (
    webhook_id  uuid PRIMARY KEY,
    tenant_id   uuid NOT NULL,
    url         text NOT NULL,
    events      text[] NOT NULL,
    description text NOT NULL,
    is_active   boolean NOT NULL,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL
);
CREATE INDEX endpoints_newest ON endpoints (tenant_id, created_at DESC, webhook_id DESC);
SELECT minirag.protect('endpoints');

-- Projection of webhook.delivery.*: the log of what was told to whom.
CREATE TABLE deliveries (
    delivery_id  uuid PRIMARY KEY,
    tenant_id    uuid NOT NULL,
    webhook_id   uuid NOT NULL,
    event        text NOT NULL,
    cause_id     uuid NOT NULL,
    state        text NOT NULL CHECK (state IN ('scheduled', 'succeeded', 'failed')),
    attempts     integer,
    status_code  integer,
    reason       text,
    scheduled_at timestamptz NOT NULL,
    settled_at   timestamptz
);
CREATE INDEX deliveries_newest ON deliveries (tenant_id, webhook_id, scheduled_at DESC, delivery_id DESC);
SELECT minirag.protect('deliveries');

-- Content: the signing secret of an endpoint, encrypted; gone as soon as the endpoint is deleted.
CREATE TABLE endpoint_secrets (
    webhook_id uuid PRIMARY KEY,
    tenant_id  uuid NOT NULL,
    sealed     bytea NOT NULL
);
SELECT minirag.protect('endpoint_secrets');

-- Content: the exact text that is sent and signed, the same at every attempt. (Text, since jsonb would reorder its keys.)
CREATE TABLE delivery_bodies (
    delivery_id uuid PRIMARY KEY,
    tenant_id   uuid NOT NULL,
    body        text NOT NULL
);
SELECT minirag.protect('delivery_bodies');

-- Written before each call and completed after it: a row without end is a call during which the process died.
CREATE TABLE delivery_attempts (
    delivery_id uuid NOT NULL,
    attempt     integer NOT NULL CHECK (attempt > 0),
    tenant_id   uuid NOT NULL,
    started_at  timestamptz NOT NULL DEFAULT now(),
    status_code integer,
    error       text,
    duration_ms integer,
    PRIMARY KEY (delivery_id, attempt)
);
SELECT minirag.protect('delivery_attempts');
