-- Calls and texts with clients, as they are kept for a day's note on the record: no number, no text. `clients` is a list; several =
-- nobody knows whom of them. `noted` = 1: a note was decided with it in sight.
CREATE TABLE phone_log (
    agency  TEXT    NOT NULL,
    id      TEXT    NOT NULL,
    day     TEXT    NOT NULL,
    noted   INTEGER NOT NULL DEFAULT 0,
    body    TEXT    NOT NULL,
    PRIMARY KEY (agency, id)
) WITHOUT ROWID;

CREATE INDEX phone_log_day ON phone_log (agency, day);

-- Reminders to caregivers and what became of each; no phone. A restart can withdraw one that waits, and measures none twice.
CREATE TABLE reminders (
    agency    TEXT    NOT NULL,
    message   TEXT    NOT NULL,
    caregiver TEXT    NOT NULL,
    shift     TEXT    NOT NULL,
    moment    TEXT    NOT NULL,
    at        INTEGER NOT NULL,
    outcome   TEXT    NOT NULL,
    PRIMARY KEY (agency, message)
) WITHOUT ROWID;

CREATE INDEX reminders_at ON reminders (agency, at);
