-- Bots, chats and turns as clients read them (projections), and apart from them what people and models wrote (content).

-- Projection "bots".
CREATE TABLE bots (
    tenant_id       uuid NOT NULL,
    bot_id          uuid PRIMARY KEY,
    name            text NOT NULL,
    description     text NOT NULL,
    model           text NOT NULL,
    embedding_model text,
    system_prompt   text NOT NULL,
    temperature     double precision NOT NULL,
    max_tokens      integer NOT NULL,
    has_credentials boolean NOT NULL,
    is_active       boolean NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL
);
CREATE INDEX bots_newest ON bots (tenant_id, created_at DESC, bot_id DESC);
SELECT minirag.protect('bots');

-- Projection "chats". The counters are only ever changed by SQL increments, so that concurrent turns add up.
CREATE TABLE chats (
    tenant_id               uuid NOT NULL,
    chat_id                 uuid PRIMARY KEY,
    bot_id                  uuid NOT NULL,
    message_count           integer NOT NULL,
    total_prompt_tokens     bigint NOT NULL,
    total_completion_tokens bigint NOT NULL,
    created_at              timestamptz NOT NULL,
    updated_at              timestamptz NOT NULL
);
CREATE INDEX chats_newest ON chats (tenant_id, created_at DESC, chat_id DESC);
CREATE INDEX chats_newest_of_bot ON chats (tenant_id, bot_id, created_at DESC, chat_id DESC);
SELECT minirag.protect('chats');

-- Projection "turns": a question (user_message_id) and its answer (message_id).
CREATE TABLE turns (
    tenant_id         uuid NOT NULL,
    message_id        uuid PRIMARY KEY,
    chat_id           uuid NOT NULL,
    bot_id            uuid NOT NULL,
    user_message_id   uuid NOT NULL UNIQUE,
    state             text NOT NULL CHECK (state IN ('running', 'completed', 'failed')),
    stream            boolean NOT NULL,
    model             text,
    prompt_tokens     integer NOT NULL DEFAULT 0,
    completion_tokens integer NOT NULL DEFAULT 0,
    cost_usd          double precision,
    error_code        text,
    error_detail      text,
    feedback          text,
    attempt           integer,
    frames            integer NOT NULL DEFAULT 0,
    created_at        timestamptz NOT NULL,
    ended_at          timestamptz
);
CREATE INDEX turns_of_chat ON turns (chat_id, created_at, message_id);
SELECT minirag.protect('turns');

-- Content: what was said. ``salt`` makes the hash in the event useless once this row is erased. ``citations`` is what a
-- client sees of the cited passages at the moment of the answer.
CREATE TABLE message_contents (
    tenant_id  uuid NOT NULL,
    message_id uuid PRIMARY KEY,
    content    text NOT NULL,
    salt       bytea NOT NULL,
    citations  jsonb NOT NULL
);
SELECT minirag.protect('message_contents');

-- Content: the first characters of a chat's first question.
CREATE TABLE chat_titles (
    tenant_id uuid NOT NULL,
    chat_id   uuid PRIMARY KEY,
    title     text NOT NULL
);
SELECT minirag.protect('chat_titles');

-- Content: providers' keys, sealed.
CREATE TABLE bot_credentials (
    tenant_id uuid NOT NULL,
    bot_id    uuid PRIMARY KEY,
    sealed    bytea NOT NULL
);
SELECT minirag.protect('bot_credentials');
