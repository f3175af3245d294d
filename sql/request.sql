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

-- name: request_orphan
UPDATE requests SET oid = '' WHERE path = ?1
    AND EXISTS (SELECT 1 FROM outbox WHERE dataset = 'requests' AND parked = 0 AND outbox.path = ?1);

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

-- The revision that waits for its evaluation: what a vote on a model is about. (+status: a model has few
-- requests, the index of the states would give all that wait.)
-- name: request_pending_revision
SELECT revision FROM requests WHERE model = ?1 AND +status = 'PENDING'
ORDER BY submitted_at DESC, path DESC LIMIT 1;

-- One entry for each (model, revision, precision): the latest submission.
-- name: request_listed
SELECT model, sender, revision, precision, weight_type, model_type, submitted_time, submitted_at, 0
FROM requests AS r
WHERE status = ?1 AND NOT EXISTS (
    SELECT 1 FROM requests AS later
    WHERE later.model = r.model AND (later.submitted_at, later.path) > (r.submitted_at, r.path)
        AND later.revision = r.revision AND later.precision = r.precision)
ORDER BY submitted_at, path;

-- The same of those that wait, with the votes on the revision.
-- name: request_pending
SELECT model, sender, revision, precision, weight_type, model_type, submitted_time, submitted_at,
    (SELECT count(*) FROM votes WHERE votes.model = r.model AND votes.revision = r.revision) AS wanted
FROM requests AS r
WHERE status = 'PENDING' AND NOT EXISTS (
    SELECT 1 FROM requests AS later
    WHERE later.model = r.model AND (later.submitted_at, later.path) > (r.submitted_at, r.path)
        AND later.revision = r.revision AND later.precision = r.precision)
ORDER BY CASE ?1 WHEN 'votes' THEN -wanted ELSE 0 END, submitted_at, path;

-- Changes when a row of requests has: by a pull, a push or a submission.
-- name: request_fingerprint
SELECT coalesce((SELECT revision || ' ' || pulled_at FROM datasets WHERE name = 'requests'), '') || ' '
    || coalesce((SELECT max(id) FROM outbox WHERE dataset = 'requests' AND parked = 0), 0);

-- The latest submission of a model, narrowed by precision and revision where they are given.
-- name: request_latest
SELECT path, status, model, revision, precision, weight_type, model_type, submitted_time, submitted_at,
    sender, content
FROM requests
WHERE model = ?1 AND (?2 IS NULL OR precision = ?2) AND (?3 IS NULL OR revision = ?3)
ORDER BY submitted_at DESC, path DESC LIMIT 1;

-- name: request_at
SELECT path, status, model, revision, precision, weight_type, model_type, submitted_time, submitted_at,
    sender, content
FROM requests WHERE path = ?1;

-- name: request_place
SELECT count(*) FROM requests AS r
WHERE status = 'PENDING' AND (submitted_at, path) <= (?1, ?2) AND NOT EXISTS (
    SELECT 1 FROM requests AS later
    WHERE later.model = r.model AND (later.submitted_at, later.path) > (r.submitted_at, r.path)
        AND later.revision = r.revision AND later.precision = r.precision);

-- name: request_history
SELECT seen_at, status FROM request_states WHERE path = ?1 ORDER BY seen_at;

-- What stands against a submission: the same one, …
-- name: request_same
SELECT path FROM requests
WHERE model = ?1 AND revision = ?2 AND precision = ?3
    AND status NOT IN ('FAILED', 'CANCELLED')
ORDER BY submitted_at DESC LIMIT 1;

-- … another revision that has its file and is not through yet, …
-- name: request_occupied
SELECT path FROM requests WHERE path = ?1 AND status NOT IN ('FINISHED', 'FAILED', 'CANCELLED');

-- … an official provider's model that is finished in this precision, …
-- name: request_official
SELECT path FROM requests
WHERE model = ?1 AND precision = ?2 AND +status = 'FINISHED'
    AND EXISTS (SELECT 1 FROM official_providers WHERE name = ?3)
ORDER BY submitted_at DESC LIMIT 1;

-- … or that the user has submitted too much. A file that was replaced still counts.
-- name: submission_used
SELECT count(*), min(submitted_at) FROM (
    SELECT path, submitted_at FROM requests WHERE sender = ?1 AND submitted_at > ?2
    UNION
    SELECT path, submitted_at FROM submissions WHERE username = ?1 AND submitted_at > ?2);

-- name: submission_count
INSERT INTO submissions (username, submitted_at, path) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING;

-- name: submission_forget
DELETE FROM submissions WHERE username = ?1 AND submitted_at <= ?2;
