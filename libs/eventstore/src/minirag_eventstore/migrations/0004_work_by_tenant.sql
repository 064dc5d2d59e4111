-- Work is claimed in turn by tenant: from one tenant to the next through the index, without reading what each of them has waiting.
-- Whether there is anything to claim at all is told by work_due.
CREATE INDEX work_by_tenant ON work (kind, tenant_id, due_at);
