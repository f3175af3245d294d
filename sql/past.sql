-- Naming a snapshot, and the events.

-- name: past_oldest
SELECT id, revision, pulled_at FROM history_snapshots WHERE id > 0 ORDER BY id LIMIT 1;

-- name: past_etag
SELECT snapshot FROM history_etags WHERE etag = ?1;

-- name: event_newest
SELECT id FROM events WHERE id > 0 ORDER BY id DESC LIMIT 1;

-- name: event_oldest
SELECT id FROM events WHERE id > 0 ORDER BY id LIMIT 1;

-- name: event_list
SELECT e.id, e.snapshot, e.model, e.revision, e.precision, e.status,
    s.revision, s.pulled_at, s.rows, s.added, s.removed, s.changed
FROM events AS e LEFT JOIN history_snapshots AS s ON s.id = e.snapshot
WHERE e.id > ?1 ORDER BY e.id LIMIT ?2;
