-- Who began a chat, what is one's own, what a bot shows its visitors, and answers that were stopped.

ALTER TABLE bots
    ADD COLUMN greeting            text,
    ADD COLUMN suggested_questions text[] NOT NULL DEFAULT '{}',
    ADD COLUMN has_identity_secret boolean NOT NULL DEFAULT false;

-- Content: the secrets with which sites vouch for their visitors, sealed.
CREATE TABLE bot_identity_secrets (
    tenant_id uuid NOT NULL,
    bot_id    uuid PRIMARY KEY,
    sealed    bytea NOT NULL
);
SELECT minirag.protect('bot_identity_secrets');

ALTER TABLE turns
    ADD COLUMN stop_requested boolean NOT NULL DEFAULT false,
    ADD COLUMN stopped        boolean NOT NULL DEFAULT false;

-- The actor of ``chat.started``. Row-level security is forced upon the owner too, who would see no row to fill.
ALTER TABLE chats ADD COLUMN started_by text;
ALTER TABLE chats NO FORCE ROW LEVEL SECURITY;
ALTER TABLE events NO FORCE ROW LEVEL SECURITY;
UPDATE chats SET started_by = events.metadata ->> 'actor'
FROM events
WHERE events.stream = 'chat-' || chats.chat_id AND events.type = 'chat.started';
ALTER TABLE chats FORCE ROW LEVEL SECURITY;
ALTER TABLE events FORCE ROW LEVEL SECURITY;
ALTER TABLE chats ALTER COLUMN started_by SET NOT NULL;
CREATE INDEX chats_newest_of_starter ON chats (tenant_id, started_by, created_at DESC, chat_id DESC);

-- Whoever is confined to what they began (``minirag.own``, set for one transaction) sees no other chat and no turn of one,
-- whatever the statement says; NULL or empty: the whole tenant.
CREATE FUNCTION own_only() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT NULLIF(current_setting('minirag.own', true), '') $$;
CREATE POLICY of_starter ON chats AS RESTRICTIVE TO {service}
    USING ({service}.own_only() IS NULL OR started_by = {service}.own_only());
CREATE POLICY of_starter ON turns AS RESTRICTIVE TO {service}
    USING ({service}.own_only() IS NULL OR EXISTS (SELECT FROM chats WHERE chats.chat_id = turns.chat_id));
