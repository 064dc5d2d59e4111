-- Once per database: the vocabulary of row-level security that every schema uses.
CREATE SCHEMA IF NOT EXISTS minirag;
GRANT USAGE ON SCHEMA minirag TO PUBLIC;

-- The tenant of the running transaction; NULL (and so no rows) where nobody has set one.
CREATE OR REPLACE FUNCTION minirag.tenant() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT NULLIF(current_setting('minirag.tenant', true), '')::uuid $$;

-- Puts a table of the current schema under row-level security: the service's role sees its transaction's tenant,
-- the service's system role sees all. Neither owns the table.
CREATE OR REPLACE FUNCTION minirag.protect(table_name text) RETURNS void LANGUAGE plpgsql AS
$$
DECLARE service text := current_schema();
BEGIN
    EXECUTE format('ALTER TABLE %I.%I ENABLE ROW LEVEL SECURITY', service, table_name);
    EXECUTE format('ALTER TABLE %I.%I FORCE ROW LEVEL SECURITY', service, table_name);
    EXECUTE format('CREATE POLICY of_tenant ON %I.%I TO %I USING (tenant_id = minirag.tenant()) '
                   'WITH CHECK (tenant_id = minirag.tenant())', service, table_name, service);
    EXECUTE format('CREATE POLICY of_system ON %I.%I TO %I USING (true) WITH CHECK (true)',
                   service, table_name, service || '_system');
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I.%I TO %I, %I',
                   service, table_name, service, service || '_system');
END
$$;
