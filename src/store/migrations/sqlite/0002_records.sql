-- What happened, for the pages that look back. Nothing decides by these tables.

-- One life of an alert, from the moment its condition was true to its end. `edge_at` and `seen_at` are NULL where nobody
-- can know; alerts that were open before this table have a row only once something happened to them.
-- `shift` is its name in shift_history; '' for other subjects.
CREATE TABLE lives (
    id          INTEGER PRIMARY KEY,
    agency      TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    active_at   INTEGER NOT NULL,
    fingerprint TEXT    NOT NULL,
    alertname   TEXT    NOT NULL,
    shift       TEXT    NOT NULL,
    labels      TEXT    NOT NULL,
    edge_at     INTEGER,
    seen_at     INTEGER,
    fired_at    INTEGER,
    acked_at    INTEGER,
    acked_by    TEXT,
    resolved_at INTEGER,
    reason      TEXT,
    UNIQUE (agency, key, active_at)
);

CREATE INDEX lives_fingerprint ON lives (fingerprint, active_at);
CREATE INDEX lives_fired       ON lives (fired_at) WHERE fired_at IS NOT NULL;

-- Which messages speak of which life. `fires` = 0: it told that it is over.
CREATE TABLE mentions (
    fingerprint TEXT    NOT NULL,
    active_at   INTEGER NOT NULL,
    message     TEXT    NOT NULL,
    fires       INTEGER NOT NULL,
    agency      TEXT    NOT NULL,
    PRIMARY KEY (fingerprint, active_at, message, fires, agency)
) WITHOUT ROWID;

CREATE INDEX mentions_message ON mentions (message);

-- What whoever took an alert wrote.
ALTER TABLE transitions ADD COLUMN note TEXT;
CREATE INDEX transitions_alert ON transitions (alert);

-- One endpoint of the vendor's API in one slice of time: `minutes` = 5 or 60. Lengths of time in microseconds; `errors` by
-- class and `took` by latency class, as JSON. Time that is not in `observed` is unknown.
CREATE TABLE api_slices (
    agency   TEXT    NOT NULL,
    minutes  INTEGER NOT NULL,
    begins   INTEGER NOT NULL,
    endpoint TEXT    NOT NULL,
    observed INTEGER NOT NULL,
    up       INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    errors   TEXT    NOT NULL,
    took     TEXT    NOT NULL,
    PRIMARY KEY (agency, minutes, begins, endpoint)
) WITHOUT ROWID;

-- Two failures in a row or more, until the next good answer. At most one is open for each endpoint.
CREATE TABLE api_outages (
    agency   TEXT    NOT NULL,
    endpoint TEXT    NOT NULL,
    since    INTEGER NOT NULL,
    until    INTEGER,
    code     TEXT    NOT NULL,
    PRIMARY KEY (agency, endpoint, since)
) WITHOUT ROWID;
