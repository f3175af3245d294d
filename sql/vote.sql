-- Votes. The first one of a (model, revision, username) counts.

-- name: vote_last_pull
SELECT coalesce(max(pull), 0) FROM votes;

-- name: vote_pulled
INSERT INTO votes (model, revision, username, vote_type, timestamp, pull)
VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (model, revision, username) DO UPDATE SET vote_type = ?4, timestamp = ?5, pull = ?6
WHERE pull < ?6;

-- name: vote_gone
DELETE FROM votes WHERE pull < ?1;

-- name: vote_count
SELECT count(*) FROM votes;
