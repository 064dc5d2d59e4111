-- Refreshes are rows of ``work`` (kind ``refresh``, key: the source); what is missing among them is looked for by this index.
CREATE INDEX sources_scheduled ON sources (source_id) WHERE is_active AND refresh_schedule <> 'none';
