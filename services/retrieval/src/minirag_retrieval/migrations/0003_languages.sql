-- Where in its page a chunk begins, and in which language it is: null where nobody knows. The language chooses the stems of BM25,
-- in a chunk's point as in the questions that are to find it.
ALTER TABLE chunks ADD COLUMN anchor text;
ALTER TABLE chunks ADD COLUMN language text;

-- The languages that a bot's chunks are in or were in, '' for those whose language nobody knows. Every search asks; from the chunks
-- it could only be read one by one, since under row-level security no index serves a comparison of texts.
CREATE TABLE bot_languages (
    bot_id    uuid NOT NULL,
    language  text NOT NULL,
    tenant_id uuid NOT NULL,
    PRIMARY KEY (bot_id, language)
);
SELECT minirag.protect('bot_languages');
INSERT INTO bot_languages (bot_id, language, tenant_id) SELECT DISTINCT bot_id, '', tenant_id FROM chunks;
