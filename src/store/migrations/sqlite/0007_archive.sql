-- The archive by time. `start` is a shift's planned start, or a visit's check-in; NULL = no time is known.
-- naive: 1 = the check-in was written without an offset, 2 = the check-out, 3 = both: stored as though they were UTC.
-- state: 0 = it stands, 1 = cancelled, 2 = it left the schedule.
ALTER TABLE visit_archive ADD COLUMN start     INTEGER;
ALTER TABLE visit_archive ADD COLUMN ends      INTEGER;
ALTER TABLE visit_archive ADD COLUMN naive     INTEGER NOT NULL DEFAULT 0;
ALTER TABLE visit_archive ADD COLUMN client    TEXT;
ALTER TABLE visit_archive ADD COLUMN caregiver TEXT;
ALTER TABLE visit_archive ADD COLUMN shift     TEXT;
ALTER TABLE visit_archive ADD COLUMN state     INTEGER NOT NULL DEFAULT 0;

UPDATE visit_archive SET
    start     = CAST(substr(key, 7) AS INTEGER),
    ends      = unixepoch(json_extract(body, '$.shift.end')) * 1000000,
    client    = json_extract(body, '$.shift.key.client'),
    caregiver = json_extract(body, '$.shift.caregiver'),
    shift     = json_extract(body, '$.shift.key.id.Vendor'),
    state     = CASE
        WHEN json_extract(body, '$.shift.status') = 'Cancelled' THEN 1
        WHEN (SELECT h.what FROM shift_history h
              WHERE h.agency = visit_archive.agency AND h.what IN ('appeared', 'removed', 'moved')
                AND h.shift = json_extract(visit_archive.body, '$.shift.key.id.Vendor') || '@'
                    || strftime('%Y-%m-%dT%H:%M:%SZ', CAST(substr(visit_archive.key, 7) AS INTEGER) / 1000000, 'unixepoch')
                    || '/' || json_extract(visit_archive.body, '$.shift.key.client')
              ORDER BY h.at DESC LIMIT 1) IN ('removed', 'moved') THEN 2
        ELSE 0 END
    WHERE key LIKE 'shift/%' AND json_valid(body);

UPDATE visit_archive SET
    start     = unixepoch(coalesce(json_extract(body, '$.visit.check_in.Instant'),
                                   json_extract(body, '$.visit.check_in.Naive'))) * 1000000,
    ends      = unixepoch(coalesce(json_extract(body, '$.visit.check_out.Instant'),
                                   json_extract(body, '$.visit.check_out.Naive'))) * 1000000,
    naive     = (json_extract(body, '$.visit.check_in.Naive') IS NOT NULL)
              + (json_extract(body, '$.visit.check_out.Naive') IS NOT NULL) * 2,
    client    = json_extract(body, '$.visit.client'),
    caregiver = json_extract(body, '$.visit.caregiver'),
    shift     = json_extract(body, '$.visit.shift')
    WHERE key NOT LIKE 'shift/%' AND json_valid(body);

-- It holds all that hours are summed up from, so that a month is one walk along it.
CREATE INDEX visit_archive_start ON visit_archive (agency, start, ends, naive, client, caregiver, shift, state);

-- A visit that was complete and then said otherwise; micros, written without an offset as though they were UTC.
CREATE TABLE visit_edits (
    agency    TEXT    NOT NULL,
    visit     TEXT    NOT NULL,
    at        INTEGER NOT NULL,
    was_start INTEGER,
    was_ends  INTEGER,
    is_start  INTEGER,
    PRIMARY KEY (agency, visit, at)
) WITHOUT ROWID;
CREATE INDEX visit_edits_start ON visit_edits (agency, is_start);

-- Which days were wholly read after they were over. `missing` = the clients that were not, as a JSON list.
CREATE TABLE past_days (
    agency  TEXT    NOT NULL,
    section TEXT    NOT NULL,
    day     TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    missing TEXT    NOT NULL,
    PRIMARY KEY (agency, section, day)
) WITHOUT ROWID;

-- Closed periods. `head` says which, when and by whom; `body` is everything that was frozen. Never changed.
CREATE TABLE hours_closed (
    agency   TEXT    NOT NULL,
    from_day TEXT    NOT NULL,
    to_day   TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    head     TEXT    NOT NULL,
    body     TEXT    NOT NULL,
    PRIMARY KEY (agency, from_day)
) WITHOUT ROWID;

-- What the vendor has charged, as last read.
CREATE TABLE charges (
    agency    TEXT    NOT NULL,
    id        TEXT    NOT NULL,
    start     INTEGER,
    ends      INTEGER,
    naive     INTEGER NOT NULL,
    client    TEXT,
    caregiver TEXT,
    minutes   INTEGER,
    read_at   INTEGER NOT NULL,
    PRIMARY KEY (agency, id)
) WITHOUT ROWID;
CREATE INDEX charges_start ON charges (agency, start);
