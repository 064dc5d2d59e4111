-- What a bot was switched to counts nowhere (spec §15: inactive ones count too).
ALTER TABLE bots DROP COLUMN is_active;
