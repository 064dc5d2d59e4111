-- Persons whose content this service has erased lately. What was on its way at that moment is erased when it has come to rest, and
-- until the row is forgotten nobody acts as them.
CREATE TABLE erased_persons (
    tenant_id uuid NOT NULL,
    actor     text NOT NULL,
    erased_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, actor)
);
SELECT minirag.protect('erased_persons');
