-- Bodies and attempts are kept for a while after their delivery is settled; deliveries themselves stay (they are a projection).
ALTER TABLE delivery_bodies ADD COLUMN kept_at timestamptz NOT NULL DEFAULT now();
CREATE INDEX delivery_bodies_by_age ON delivery_bodies (kept_at);
