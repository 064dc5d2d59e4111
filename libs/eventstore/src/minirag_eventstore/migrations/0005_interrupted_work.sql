-- How many of a piece's attempts ended because the process died or the database went away: no fault of the work.
ALTER TABLE work ADD COLUMN interruptions integer NOT NULL DEFAULT 0;
