-- Content: archives that wait to be unpacked, in pieces, so that nobody holds one in memory to store it.
CREATE TABLE archive_pieces (
    tenant_id uuid NOT NULL,
    source_id uuid NOT NULL,
    ordinal   integer NOT NULL,
    data      bytea NOT NULL,
    PRIMARY KEY (source_id, ordinal)
);
ALTER TABLE archive_pieces ALTER COLUMN data SET STORAGE EXTERNAL; -- it is packed already
SELECT minirag.protect('archive_pieces');
