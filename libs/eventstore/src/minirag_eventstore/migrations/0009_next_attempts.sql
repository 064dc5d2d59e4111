-- When a failed reaction is due again. Until then the bus has the event, and nobody else shall try it.
ALTER TABLE inbox_failures ADD COLUMN next_at timestamptz NOT NULL DEFAULT now();
