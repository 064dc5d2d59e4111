-- What the web said about a page that was read, so that it need not be sent again.

-- ``asked`` is the hash of the source's configuration at that time; ``links`` are those that a crawl would follow.
-- A version made of another version's text has none of this: it must be fetched again.
ALTER TABLE documents ADD COLUMN asked bytea;
ALTER TABLE documents ADD COLUMN etag text;
ALTER TABLE documents ADD COLUMN last_modified text;
ALTER TABLE documents ADD COLUMN links jsonb;
