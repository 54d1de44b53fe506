-- Everything that must survive. Instants are microseconds since 1970-01-01T00:00:00Z. `agency` is part of every key.
-- Nothing here decides: no triggers, no defaults that read a clock, no foreign keys that delete.

-- One row an agency: the number of its last commit and how far its step has read its inputs.
CREATE TABLE agencies (
    agency        TEXT    NOT NULL PRIMARY KEY,
    fence         INTEGER NOT NULL,
    n             INTEGER NOT NULL,
    at            INTEGER NOT NULL,
    orders_done   INTEGER NOT NULL,
    receipts_done INTEGER NOT NULL,
    catch_up      TEXT
) WITHOUT ROWID;

-- What people and programs asked for. `key_id` names the key that sealed `body`; 0 = plain.
CREATE TABLE orders (
    agency TEXT    NOT NULL,
    n      INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    key_id INTEGER NOT NULL,
    body   TEXT    NOT NULL,
    PRIMARY KEY (agency, n)
) WITHOUT ROWID;

-- What became of messages, as the step reads it.
CREATE TABLE receipts (
    agency  TEXT    NOT NULL,
    n       INTEGER NOT NULL,
    message TEXT    NOT NULL,
    channel TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    news    TEXT    NOT NULL,
    PRIMARY KEY (agency, n)
) WITHOUT ROWID;

-- The book. `key` is the alert key as JSON.
CREATE TABLE alerts (
    agency     TEXT    NOT NULL,
    key        TEXT    NOT NULL,
    state      TEXT    NOT NULL,
    updated_at INTEGER NOT NULL,
    key_id     INTEGER NOT NULL,
    body       TEXT    NOT NULL,
    PRIMARY KEY (agency, key)
) WITHOUT ROWID;

CREATE TABLE groups (
    agency TEXT NOT NULL,
    key    TEXT NOT NULL,
    body   TEXT NOT NULL,
    PRIMARY KEY (agency, key)
) WITHOUT ROWID;

-- Pages (policy, group, generation), their reply code and next step.
CREATE TABLE pages (
    agency       TEXT    NOT NULL,
    key          TEXT    NOT NULL,
    generation   INTEGER NOT NULL,
    policy       TEXT    NOT NULL,
    code         TEXT,
    token_hash   TEXT,
    state        TEXT    NOT NULL,
    opened_at    INTEGER NOT NULL,
    closed_at    INTEGER,
    next_step_at INTEGER,
    key_id       INTEGER NOT NULL,
    body         TEXT    NOT NULL,
    PRIMARY KEY (agency, key, generation)
) WITHOUT ROWID;

CREATE TABLE silences (
    agency     TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    starts_at  INTEGER NOT NULL,
    ends_at    INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    key_id     INTEGER NOT NULL,
    body       TEXT    NOT NULL,
    PRIMARY KEY (agency, id)
) WITHOUT ROWID;

-- Messages. The body and the address are in `blobs`.
-- state:  queued (never tried, or known not to have left) | held (waits for a message it follows) | claimed |
--         uncertain (may have left) | sent | delivered | undelivered | refused | expired | cancelled
-- ready:  1 = may be claimed now, 2 = becomes so at `due_at`, 0 = neither
-- copies: requests whose outcome is not known; uncertain with ready = 0: no more are made
-- lane:   what it has to share: a server, a gateway list, a receiver's URL (hashed)
CREATE TABLE outbox (
    agency          TEXT    NOT NULL,
    id              TEXT    NOT NULL,
    blob            INTEGER NOT NULL,
    receiver        TEXT    NOT NULL,
    recipient       TEXT    NOT NULL,
    channel         TEXT    NOT NULL,
    lane            TEXT    NOT NULL,
    gateways        TEXT    NOT NULL,
    why             TEXT    NOT NULL,
    urgency         INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    useful_until    INTEGER NOT NULL,
    fired_at        INTEGER NOT NULL,
    follows         TEXT    NOT NULL,
    state           TEXT    NOT NULL,
    ready           INTEGER NOT NULL,
    due_at          INTEGER,
    attempt         INTEGER NOT NULL,
    gateway         TEXT,
    claimed_at      INTEGER,
    lease_until     INTEGER,
    uncertain_since INTEGER,
    copies          INTEGER NOT NULL,
    not_there_at    INTEGER,
    provider_id     TEXT,
    ended_at        INTEGER,
    poll_at         INTEGER,
    polls           INTEGER NOT NULL,
    withdrawn       INTEGER NOT NULL,
    PRIMARY KEY (id, agency)
) WITHOUT ROWID;

CREATE INDEX outbox_ready    ON outbox (lane, urgency, created_at) WHERE ready = 1;
CREATE INDEX outbox_created  ON outbox (created_at);
CREATE INDEX outbox_due      ON outbox (due_at) WHERE ready = 2;
CREATE INDEX outbox_open     ON outbox (useful_until) WHERE state IN ('queued', 'held', 'uncertain');
CREATE INDEX outbox_lease    ON outbox (lease_until) WHERE state = 'claimed';
CREATE INDEX outbox_held     ON outbox (agency) WHERE state = 'held';
CREATE INDEX outbox_provider ON outbox (provider_id) WHERE provider_id IS NOT NULL;
CREATE INDEX outbox_poll     ON outbox (poll_at) WHERE poll_at IS NOT NULL;

-- Which held closings wait for which messages; a row goes with what is waited for. The whole list, as JSON, is
-- outbox.follows.
CREATE TABLE follows (
    leader   TEXT NOT NULL,
    follower TEXT NOT NULL,
    agency   TEXT NOT NULL,
    PRIMARY KEY (leader, follower, agency)
) WITHOUT ROWID;

-- Every attempt that has an outcome. `doubles` = 1: it went out while an earlier one may have left.
CREATE TABLE attempts (
    agency      TEXT    NOT NULL,
    message     TEXT    NOT NULL,
    attempt     INTEGER NOT NULL,
    gateway     TEXT    NOT NULL,
    at          INTEGER NOT NULL,
    outcome     TEXT    NOT NULL,
    why         TEXT    NOT NULL,
    provider_id TEXT,
    doubles     INTEGER NOT NULL,
    PRIMARY KEY (message, attempt, outcome, agency)
) WITHOUT ROWID;

-- Since when each way out has been failing; NULL = its last attempt went well. Installation-wide: the ways are shared.
CREATE TABLE gateways (
    agency        TEXT    NOT NULL,
    gateway       TEXT    NOT NULL,
    failing_since INTEGER,
    tried_at      INTEGER NOT NULL,
    PRIMARY KEY (agency, gateway)
) WITHOUT ROWID;

-- History: the states of alerts. (commit number, place in it) counts them.
CREATE TABLE transitions (
    agency     TEXT    NOT NULL,
    n          INTEGER NOT NULL,
    i          INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    alert      TEXT    NOT NULL,
    from_state TEXT,
    to_state   TEXT    NOT NULL,
    reason     TEXT    NOT NULL,
    PRIMARY KEY (agency, n, i)
) WITHOUT ROWID;

-- The mirror's rows, as the mirror writes them. section = '' is the mirror's own memory.
CREATE TABLE mirror (
    agency  TEXT NOT NULL,
    section TEXT NOT NULL,
    key     TEXT NOT NULL,
    body    TEXT NOT NULL,
    blob    INTEGER,
    PRIMARY KEY (agency, section, key)
) WITHOUT ROWID;

CREATE TABLE shift_history (
    agency TEXT    NOT NULL,
    shift  TEXT    NOT NULL,
    at     INTEGER NOT NULL,
    what   TEXT    NOT NULL,
    detail TEXT    NOT NULL,
    PRIMARY KEY (agency, shift, at, what, detail)
) WITHOUT ROWID;

-- Visits too old for memory; apart from the mirror, so that a mirror can be thrown away and read again.
CREATE TABLE visit_archive (
    agency      TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    archived_at INTEGER NOT NULL,
    body        TEXT    NOT NULL,
    blob        INTEGER,
    PRIMARY KEY (agency, key)
) WITHOUT ROWID;

-- Who saw or did what.
CREATE TABLE audit (
    agency TEXT    NOT NULL,
    n      INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    who    TEXT    NOT NULL,
    what   TEXT    NOT NULL,
    about  TEXT    NOT NULL,
    PRIMARY KEY (agency, n)
) WITHOUT ROWID;

-- Protected text: message bodies and addresses, names, phones. key_id names the key that sealed it; 0 = plain.
CREATE TABLE blobs (
    agency TEXT    NOT NULL,
    n      INTEGER NOT NULL,
    key_id INTEGER NOT NULL,
    body   TEXT    NOT NULL,
    PRIMARY KEY (agency, n)
);
