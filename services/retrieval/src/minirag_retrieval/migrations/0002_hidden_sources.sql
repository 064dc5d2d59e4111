-- Projection of index.source.hidden: no version of these sources up to ``version`` may become visible again.
CREATE TABLE hidden_sources (
    source_id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    bot_id    uuid NOT NULL,
    version   integer NOT NULL,
    hidden_at timestamptz NOT NULL
);
SELECT minirag.protect('hidden_sources');

-- One attempt may prepare several sources at once.
ALTER TABLE preparations DROP CONSTRAINT preparations_pkey;
ALTER TABLE preparations ADD PRIMARY KEY (bot_id, claim, source_id);
