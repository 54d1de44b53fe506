-- The archive by time. `start` is a shift's planned start, or a visit's check-in; NULL = no time is known.
-- state: 0 = it stands, 1 = cancelled, 2 = it left the schedule.
-- line: all that hours are summed up from, in one text, columns parted by the control character 31: key, start, end or
-- check-out, which of the two was written without an offset (1, 2 or both, 3; stored as though it were UTC), client,
-- caregiver, shift, state when it was written. To read a month is to join lines.
ALTER TABLE visit_archive ADD COLUMN start  INTEGER;
ALTER TABLE visit_archive ADD COLUMN state  INTEGER NOT NULL DEFAULT 0;
ALTER TABLE visit_archive ADD COLUMN client TEXT;
ALTER TABLE visit_archive ADD COLUMN line   TEXT;

UPDATE visit_archive SET
    start  = CAST(substr(key, 7) AS INTEGER),
    client = json_extract(body, '$.shift.key.client'),
    state  = CASE
        WHEN json_extract(body, '$.shift.status') = 'Cancelled' THEN 1
        WHEN (SELECT h.what FROM shift_history h
              WHERE h.agency = visit_archive.agency AND h.what IN ('appeared', 'removed', 'moved')
                AND h.shift = json_extract(visit_archive.body, '$.shift.key.id.Vendor') || '@'
                    || strftime('%Y-%m-%dT%H:%M:%SZ', CAST(substr(visit_archive.key, 7) AS INTEGER) / 1000000, 'unixepoch')
                    || '/' || json_extract(visit_archive.body, '$.shift.key.client')
              ORDER BY h.at DESC LIMIT 1) IN ('removed', 'moved') THEN 2
        ELSE 0 END,
    line   = key || char(31) || CAST(substr(key, 7) AS INTEGER) || char(31)
        || coalesce(unixepoch(json_extract(body, '$.shift.end')) * 1000000, '') || char(31) || 0 || char(31)
        || coalesce(json_extract(body, '$.shift.key.client'), '') || char(31)
        || coalesce(json_extract(body, '$.shift.caregiver'), '') || char(31)
        || coalesce(json_extract(body, '$.shift.key.id.Vendor'), '') || char(31)
        || (coalesce(json_extract(body, '$.shift.status'), '') = 'Cancelled')
    WHERE key LIKE 'shift/%' AND json_valid(body);

UPDATE visit_archive SET
    start  = unixepoch(coalesce(json_extract(body, '$.visit.check_in.Instant'),
                                json_extract(body, '$.visit.check_in.Naive'))) * 1000000,
    client = json_extract(body, '$.visit.client'),
    line   = key || char(31)
        || coalesce(unixepoch(coalesce(json_extract(body, '$.visit.check_in.Instant'),
                                       json_extract(body, '$.visit.check_in.Naive'))) * 1000000, '') || char(31)
        || coalesce(unixepoch(coalesce(json_extract(body, '$.visit.check_out.Instant'),
                                       json_extract(body, '$.visit.check_out.Naive'))) * 1000000, '') || char(31)
        || ((json_extract(body, '$.visit.check_in.Naive') IS NOT NULL)
            + (json_extract(body, '$.visit.check_out.Naive') IS NOT NULL) * 2) || char(31)
        || coalesce(json_extract(body, '$.visit.client'), '') || char(31)
        || coalesce(json_extract(body, '$.visit.caregiver'), '') || char(31)
        || coalesce(json_extract(body, '$.visit.shift'), '') || char(31) || 0
    WHERE key NOT LIKE 'shift/%' AND json_valid(body);

CREATE INDEX visit_archive_start ON visit_archive (agency, start, state, client, line);

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
