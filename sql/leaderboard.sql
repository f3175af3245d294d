-- The leaderboard's entries.

-- An entry that is as it was is not written.
-- name: model_put
INSERT INTO models (position, id, name, revision, precision, type, weight_type, architecture, license,
                    average_score, params, raw)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
ON CONFLICT (position) DO UPDATE SET id = ?2, name = ?3, revision = ?4, precision = ?5, type = ?6,
    weight_type = ?7, architecture = ?8, license = ?9, average_score = ?10, params = ?11, raw = ?12
WHERE (raw, id, name, revision, precision, type, weight_type, architecture, license, average_score, params)
    IS NOT (?12, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11);

-- name: score_put
INSERT INTO scores (position, benchmark, value, normalized) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (position, benchmark) DO UPDATE SET value = ?3, normalized = ?4
WHERE (value, normalized) IS NOT (?3, ?4);

-- Those behind the last entry.
-- name: model_trim
DELETE FROM models WHERE position >= ?1;

-- name: model_count
SELECT count(*) FROM models;

-- name: model_raw_first
SELECT raw FROM models WHERE position = 0;
