-- People are reached. `mark` is an address known again (a hash); addresses themselves are in blobs only.

-- Texts that came in and were taken for replies: each is heard once, by hook or by poll.
CREATE TABLE heard (
    gateway     TEXT    NOT NULL,
    provider_id TEXT    NOT NULL,
    at          INTEGER NOT NULL,
    PRIMARY KEY (gateway, provider_id)
) WITHOUT ROWID;

CREATE INDEX heard_at ON heard (at);

-- Addresses from which a test was answered.
CREATE TABLE verified (
    mark TEXT    NOT NULL,
    via  TEXT    NOT NULL,
    at   INTEGER NOT NULL,
    PRIMARY KEY (mark, via)
) WITHOUT ROWID;

-- Addresses that take nothing for good, until they do again.
CREATE TABLE opted_out (
    mark  TEXT    NOT NULL,
    via   TEXT    NOT NULL,
    since INTEGER NOT NULL,
    why   TEXT    NOT NULL,
    PRIMARY KEY (mark, via)
) WITHOUT ROWID;

-- The last good copy of each calendar that is fetched.
CREATE TABLE calendars (
    schedule   TEXT    NOT NULL PRIMARY KEY,
    url_hash   TEXT    NOT NULL,
    fetched_at INTEGER NOT NULL,
    etag       TEXT,
    modified   TEXT,
    key_id     INTEGER NOT NULL,
    body       TEXT    NOT NULL
) WITHOUT ROWID;

-- What became of what was paged: the on-call log. One row a saying; the latest counts.
CREATE TABLE dispositions (
    agency      TEXT    NOT NULL,
    fingerprint TEXT    NOT NULL,
    active_at   INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    by          TEXT    NOT NULL,
    disposition TEXT    NOT NULL,
    approver    TEXT,
    note        TEXT    NOT NULL,
    PRIMARY KEY (agency, fingerprint, active_at, at)
) WITHOUT ROWID;

-- Secrets that the installation makes for itself, once.
CREATE TABLE secrets (
    name   TEXT    NOT NULL PRIMARY KEY,
    key_id INTEGER NOT NULL,
    body   TEXT    NOT NULL
) WITHOUT ROWID;
