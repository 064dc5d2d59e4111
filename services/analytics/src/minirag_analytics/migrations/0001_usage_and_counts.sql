-- Nothing in here is a truth: every table is folded from the events of chat and ingest, and can be folded again.
-- Every key begins with the tenant: ids come from outside, and one tenant's must never be able to stop another's events.

-- What there is, by its creation.
CREATE TABLE bots (
    tenant_id  uuid NOT NULL,
    bot_id     uuid NOT NULL,
    name       text NOT NULL,
    model      text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, bot_id)
);
SELECT minirag.protect('bots');

CREATE TABLE sources (
    tenant_id  uuid NOT NULL,
    source_id  uuid NOT NULL,
    bot_id     uuid NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, source_id)
);
SELECT minirag.protect('sources');

-- Conversations begun, by UTC day: there are too many to keep a row for each.
CREATE TABLE chats_daily (
    tenant_id uuid NOT NULL,
    day       date NOT NULL,
    bot_id    uuid NOT NULL,
    chats     bigint NOT NULL,
    PRIMARY KEY (tenant_id, day, bot_id)
);
SELECT minirag.protect('chats_daily');

-- Answered turns by UTC day, bot and model. Cost is what each event recorded at the price of its moment; numeric, so that
-- the sum does not depend on the order of the events.
CREATE TABLE usage_daily (
    tenant_id          uuid NOT NULL,
    day                date NOT NULL,
    bot_id             uuid NOT NULL,
    model              text NOT NULL,
    requests           bigint NOT NULL,
    streamed_requests  bigint NOT NULL,
    unpriced_requests  bigint NOT NULL,
    prompt_tokens      bigint NOT NULL,
    completion_tokens  bigint NOT NULL,
    cost_usd           numeric NOT NULL,
    duration_ms_sum    bigint NOT NULL,
    first_token_count  bigint NOT NULL,
    first_token_ms_sum bigint NOT NULL,
    first_token_ms_max integer NOT NULL,
    PRIMARY KEY (tenant_id, day, bot_id, model)
);
SELECT minirag.protect('usage_daily');

-- Times to the first token as a histogram: ``up_to_ms`` is the upper bound of a bucket that doubles from 50 ms on.
CREATE TABLE first_token_daily (
    tenant_id uuid NOT NULL,
    day       date NOT NULL,
    bot_id    uuid NOT NULL,
    model     text NOT NULL,
    up_to_ms  integer NOT NULL,
    requests  bigint NOT NULL,
    PRIMARY KEY (tenant_id, day, bot_id, model, up_to_ms)
);
SELECT minirag.protect('first_token_daily');

-- Turns that ended without a whole answer, by UTC day, bot and code.
CREATE TABLE failures_daily (
    tenant_id uuid NOT NULL,
    day       date NOT NULL,
    bot_id    uuid NOT NULL,
    code      text NOT NULL,
    requests  bigint NOT NULL,
    PRIMARY KEY (tenant_id, day, bot_id, code)
);
SELECT minirag.protect('failures_daily');

-- One row for each answer that was completed or judged; ``day`` (UTC, of the answer) is null until it is completed.
CREATE TABLE answers (
    tenant_id  uuid NOT NULL,
    message_id uuid NOT NULL,
    bot_id     uuid NOT NULL,
    day        date,
    feedback   text CHECK (feedback IN ('positive', 'negative')),
    PRIMARY KEY (tenant_id, message_id)
);
SELECT minirag.protect('answers');

-- Answers and their judgements by the answer's day.
CREATE TABLE feedback_daily (
    tenant_id uuid NOT NULL,
    day       date NOT NULL,
    bot_id    uuid NOT NULL,
    answers   bigint NOT NULL,
    positive  bigint NOT NULL,
    negative  bigint NOT NULL,
    PRIMARY KEY (tenant_id, day, bot_id)
);
SELECT minirag.protect('feedback_daily');
