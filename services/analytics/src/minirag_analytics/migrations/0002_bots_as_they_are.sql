-- Bots can be renamed, switched off and on; until now nothing said so, so all that are known are active.
ALTER TABLE bots ADD COLUMN is_active boolean NOT NULL DEFAULT true;
