-- What the web said about a page that was read, so that it need not be sent again.

-- ``asked`` is the hash of the source's configuration at that time; ``links`` are those that a crawl would follow.
-- A version made of another version's text has none of this: it must be fetched again.
ALTER TABLE documents ADD COLUMN asked bytea;
ALTER TABLE documents ADD COLUMN etag text;
ALTER TABLE documents ADD COLUMN last_modified text;
ALTER TABLE documents ADD COLUMN links jsonb;

-- Content: the sites that are crawled. ``plan`` and ``seeds`` (what robots.txt and the sitemaps said) are of the crawl that runs or
-- ran last, ``finished_plan`` of the last that came to its end, ``warned`` says that it found most pages gone and changed nothing.
CREATE TABLE crawls (
    tenant_id     uuid NOT NULL,
    source_id     uuid PRIMARY KEY,
    version       integer NOT NULL,
    plan          jsonb NOT NULL,
    seeds         jsonb,
    finished_plan jsonb,
    warned        boolean NOT NULL DEFAULT false
);
SELECT minirag.protect('crawls');

-- Content: what the crawl of a site's version has looked at, in this order, so that nobody fetches it twice. What is to become a
-- version of a page waits here as it came, under the page's source and version, until that version has ended.
CREATE TABLE fetched_pages (
    tenant_id     uuid NOT NULL,
    source_id     uuid NOT NULL,
    version       integer NOT NULL,
    url           text NOT NULL,
    number        integer NOT NULL,
    depth         integer NOT NULL,
    found         text NOT NULL,
    result        text NOT NULL,
    reason        text,
    note          text NOT NULL,
    links         jsonb NOT NULL,
    fetched_at    timestamptz NOT NULL DEFAULT now(),
    final_url     text,
    media_type    text,
    charset       text,
    etag          text,
    last_modified text,
    body          bytea,
    page_id       uuid,
    page_version  integer,
    PRIMARY KEY (source_id, version, url)
);
CREATE INDEX fetched_pages_of_page ON fetched_pages (page_id) WHERE page_id IS NOT NULL;
SELECT minirag.protect('fetched_pages');

-- Content: which children of a site are its pages. ``is_removed``: by a crawl, which may bring it back; what people delete stays away.
CREATE TABLE site_pages (
    tenant_id  uuid NOT NULL,
    page_id    uuid PRIMARY KEY,
    site_id    uuid NOT NULL,
    url        text NOT NULL,
    is_removed boolean NOT NULL DEFAULT false
);
CREATE INDEX site_pages_of_site ON site_pages (site_id);
SELECT minirag.protect('site_pages');
