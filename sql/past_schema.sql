-- What is derived from the history as it is written: which answer belongs to which snapshot, and what
-- happened in which order. Triggers keep both, so that no writer can forget to.

-- migration: 5

-- The snapshot that a published body was made of: a client may name the past by the ETag that it has.
CREATE TABLE history_etags (
    etag     TEXT PRIMARY KEY,           -- without quotes
    snapshot INTEGER NOT NULL            -- one that is not kept any more goes with the next publication
) WITHOUT ROWID;
CREATE INDEX history_etags_snapshot ON history_etags (snapshot);
CREATE TRIGGER history_etag_published AFTER INSERT ON snapshots BEGIN
    INSERT INTO history_etags (etag, snapshot)
    SELECT new.etag, id FROM (SELECT max(id) AS id FROM history_snapshots) WHERE id IS NOT NULL
    ON CONFLICT (etag) DO UPDATE SET snapshot = excluded.snapshot;
END;
CREATE TRIGGER history_etag_replaced AFTER UPDATE ON snapshots BEGIN
    INSERT INTO history_etags (etag, snapshot)
    SELECT new.etag, id FROM (SELECT max(id) AS id FROM history_snapshots) WHERE id IS NOT NULL
    ON CONFLICT (etag) DO UPDATE SET snapshot = excluded.snapshot;
END;
CREATE TRIGGER history_etag_trim AFTER INSERT ON history_etags BEGIN
    DELETE FROM history_etags WHERE snapshot < (SELECT min(id) FROM history_snapshots);
END;
INSERT INTO history_etags (etag, snapshot)
SELECT etag, id FROM snapshots, (SELECT max(id) AS id FROM history_snapshots) WHERE id IS NOT NULL
ON CONFLICT (etag) DO NOTHING;

-- One row an event, numbered in the order of the commits, which no time of day tells.
CREATE TABLE events (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    snapshot  INTEGER,                   -- a new snapshot of the contents; NULL: a submission's state
    model     TEXT,
    revision  TEXT,
    precision TEXT,
    status    TEXT                       -- as in the request file; NULL when the file is gone
);
CREATE TRIGGER event_snapshot AFTER INSERT ON history_snapshots BEGIN
    INSERT INTO events (snapshot) VALUES (new.id);
END;
CREATE TRIGGER event_submitted AFTER INSERT ON requests BEGIN
    INSERT INTO events (model, revision, precision, status)
    VALUES (new.model, new.revision, new.precision, new.status);
END;
CREATE TRIGGER event_state AFTER UPDATE ON requests
WHEN new.status <> old.status OR new.revision <> old.revision BEGIN
    INSERT INTO events (model, revision, precision, status)
    VALUES (new.model, new.revision, new.precision, new.status);
END;
CREATE TRIGGER event_gone AFTER DELETE ON requests BEGIN
    INSERT INTO events (model, revision, precision) VALUES (old.model, old.revision, old.precision);
END;
-- The newest ten thousand are enough for whoever was away.
CREATE TRIGGER event_trim AFTER INSERT ON events WHEN new.id % 256 = 0 BEGIN
    DELETE FROM events WHERE id <= new.id - 10000;
END;
