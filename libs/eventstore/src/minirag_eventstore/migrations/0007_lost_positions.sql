-- Positions that were given in a life of this store that is lost (a failover, a restore), up to and with ``up_to``: followers may have
-- seen them, so new ones are only given above. One row for each time that it was noticed.
CREATE TABLE lost_positions (
    up_to      bigint PRIMARY KEY,
    noticed_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT ON lost_positions TO {service};
GRANT SELECT, INSERT ON lost_positions TO {service}_system;
