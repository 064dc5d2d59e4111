-- Scopes of API tokens. Null: the token may do what its user may.
ALTER TABLE tokens ADD COLUMN scopes text[];
