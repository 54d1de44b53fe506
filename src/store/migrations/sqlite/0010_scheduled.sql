-- What is sent by the clock: up to which instant each is decided, and by which timetable. One that is written anew begins
-- anew.
CREATE TABLE scheduled (
    name      TEXT    NOT NULL PRIMARY KEY,
    timetable TEXT    NOT NULL,
    until     INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    outcome   TEXT    NOT NULL
) WITHOUT ROWID;
