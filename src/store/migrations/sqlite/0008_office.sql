-- What happened to shifts, by time: key figures look at the last days of all of them.
CREATE INDEX shift_history_at ON shift_history (agency, at);
-- Which alerts of some names fired, or live still: the office's list of exceptions.
CREATE INDEX lives_by_name ON lives (alertname, fired_at);
