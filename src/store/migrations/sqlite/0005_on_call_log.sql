-- What became of pages, kept when the pages themselves are forgotten.
CREATE TABLE page_log (
    agency    TEXT    NOT NULL,
    page      TEXT    NOT NULL,
    opened_at INTEGER NOT NULL,
    closed_at INTEGER,
    acked_at  INTEGER,
    acked_by  TEXT,
    key_id    INTEGER NOT NULL,
    body      TEXT    NOT NULL,
    PRIMARY KEY (agency, page)
) WITHOUT ROWID;

CREATE INDEX page_log_opened ON page_log (opened_at);

-- Which pages told of which alerts, as `lives` names them; of a big page, of the first few.
CREATE TABLE page_log_alerts (
    agency TEXT NOT NULL,
    key    TEXT NOT NULL,
    page   TEXT NOT NULL,
    PRIMARY KEY (agency, key, page)
) WITHOUT ROWID;

CREATE INDEX page_log_alerts_page ON page_log_alerts (agency, page);

-- By whom a shift was covered.
ALTER TABLE dispositions ADD COLUMN covered_by TEXT;
CREATE INDEX dispositions_at ON dispositions (at);

-- Which mornings' lists are decided, and for whom; the row without a person: for the day as a whole.
CREATE TABLE morning_lists (
    agency TEXT    NOT NULL,
    day    TEXT    NOT NULL,
    person TEXT    NOT NULL,
    at     INTEGER NOT NULL,
    PRIMARY KEY (agency, day, person)
) WITHOUT ROWID;
