-- Request files.

-- What is known of each path, so that only what is new is taken.
-- name: request_known
SELECT path, oid FROM requests WHERE oid <> '' UNION ALL SELECT path, oid FROM request_skips
ORDER BY path;

-- What the Hub has at a path, as far as it was pulled.
-- name: request_oid
SELECT oid FROM requests WHERE path = ?1 AND oid <> ''
UNION ALL SELECT oid FROM request_skips WHERE path = ?1;

-- name: request_status
SELECT status FROM requests WHERE path = ?1;

-- name: request_put
INSERT INTO requests (path, oid, model, revision, precision, weight_type, status, sender, submitted_at,
                      submitted_time, model_type, content)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
ON CONFLICT (path) DO UPDATE SET oid = ?2, model = ?3, revision = ?4, precision = ?5, weight_type = ?6,
    status = ?7, sender = ?8, submitted_at = ?9, submitted_time = ?10, model_type = ?11, content = ?12;

-- name: request_pushed
UPDATE requests SET oid = ?2 WHERE path = ?1;

-- name: request_delete
DELETE FROM requests WHERE path = ?1;

-- name: request_count
SELECT count(*) FROM requests;

-- name: request_state
INSERT INTO request_states (path, seen_at, status) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING;

-- name: request_states_trim
DELETE FROM request_states WHERE seen_at < ?1;

-- name: request_skip
INSERT INTO request_skips (path, oid, reason) VALUES (?1, ?2, ?3)
ON CONFLICT (path) DO UPDATE SET oid = ?2, reason = ?3;

-- name: request_unskip
DELETE FROM request_skips WHERE path = ?1;

-- name: request_skipped
SELECT count(*) FROM request_skips;

-- name: request_stage
INSERT INTO request_staging (path, oid, content) VALUES (?1, ?2, ?3)
ON CONFLICT (path) DO UPDATE SET oid = ?2, content = ?3;

-- name: request_staged
SELECT content FROM request_staging WHERE path = ?1 AND oid = ?2;

-- name: request_unstage
DELETE FROM request_staging;
