-- Work is claimed in turn by tenant: from one tenant to the next through the index, without reading what each of them has waiting.
CREATE INDEX work_by_tenant ON work (kind, tenant_id, due_at);
DROP INDEX work_due;
