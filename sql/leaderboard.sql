-- The leaderboard's entries.

-- name: model_clear
DELETE FROM models;

-- name: model_insert
INSERT INTO models (position, id, name, revision, precision, type, weight_type, architecture, license,
                    average_score, params, raw, raw_space, documented, space)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15);

-- name: score_insert
INSERT INTO scores (position, benchmark, value, normalized) VALUES (?1, ?2, ?3, ?4);

-- name: model_count
SELECT count(*) FROM models;

-- name: model_raw_documented
SELECT raw FROM models WHERE position >= ?1 AND position < ?2 ORDER BY position;
