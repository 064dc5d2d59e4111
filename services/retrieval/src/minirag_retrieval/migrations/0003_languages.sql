-- Where in its page a chunk begins, and in which language it is: null where nobody knows. The language chooses the stems of BM25,
-- in a chunk's point as in the questions that are to find it.
ALTER TABLE chunks ADD COLUMN anchor text;
ALTER TABLE chunks ADD COLUMN language text;

-- Which languages a bot's chunks are in is read by every search: one look-up per language, not one per chunk.
CREATE INDEX chunks_languages ON chunks (bot_id, (coalesce(language, ''))) WHERE to_gen IS NULL;
