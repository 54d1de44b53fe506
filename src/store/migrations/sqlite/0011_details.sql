-- What is read beside the watch: tasks of shifts, task logs of visits, care activities. `key` holds ids only; of the body
-- nobody knows whom it names. body = NULL: the vendor has nothing under this id. key_id names the key that sealed it; 0 = plain.
CREATE TABLE details (
    agency  TEXT    NOT NULL,
    section TEXT    NOT NULL,
    key     TEXT    NOT NULL,
    read_at INTEGER NOT NULL,
    key_id  INTEGER NOT NULL,
    body    TEXT,
    PRIMARY KEY (agency, section, key)
) WITHOUT ROWID;

CREATE INDEX details_read_at ON details (read_at);
