-- Whose bot it was and when it was hidden was read by nobody; both are in the event.
ALTER TABLE hidden_sources DROP COLUMN bot_id, DROP COLUMN hidden_at;
