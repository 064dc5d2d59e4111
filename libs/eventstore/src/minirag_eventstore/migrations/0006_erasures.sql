-- Tenants whose content this service has erased. What was on its way at that moment is erased when it has come to rest.
CREATE TABLE erasures (
    tenant_id uuid PRIMARY KEY,
    erased_at timestamptz NOT NULL DEFAULT now()
);
SELECT minirag.protect('erasures');
