-- From where somebody looked: the address of the connection, or `command line`. NULL = nobody noted it.
ALTER TABLE audit ADD COLUMN from_where TEXT;

CREATE INDEX audit_at ON audit (at);
