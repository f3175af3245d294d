-- Votes. The first one of a (model, revision, username) counts.

-- name: vote_insert
INSERT INTO votes (model, revision, username, vote_type, timestamp, pull)
VALUES (?1, ?2, ?3, ?4, ?5, 0) ON CONFLICT DO NOTHING;

-- name: vote_last_pull
SELECT coalesce(max(pull), 0) FROM votes;

-- What the Hub has goes before what was voted here and is not there yet.
-- name: vote_pulled
INSERT INTO votes (model, revision, username, vote_type, timestamp, pull)
VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (model, revision, username) DO UPDATE SET vote_type = ?4, timestamp = ?5, pull = ?6
WHERE pull < ?6;

-- What the Hub had and has no more; what is still to be written there stays.
-- name: vote_gone
DELETE FROM votes WHERE pull > 0 AND pull < ?1;

-- name: vote_pull
SELECT pull FROM votes WHERE model = ?1 AND revision = ?2 AND username = ?3;

-- name: vote_pushed
UPDATE votes SET pull = ?4 WHERE model = ?1 AND revision = ?2 AND username = ?3;

-- name: vote_count
SELECT count(*) FROM votes WHERE pull > 0;

-- How the votes on a model are spread over its revisions.
-- name: vote_tally
SELECT revision, count(*), sum(vote_type = 'up') FROM votes WHERE model = ?1
GROUP BY revision ORDER BY revision;

-- name: vote_of_model
SELECT revision, username, vote_type, timestamp FROM votes WHERE model = ?1
ORDER BY timestamp, revision, username;

-- name: vote_of_user
SELECT model, revision, vote_type, timestamp FROM votes WHERE username = ?1
ORDER BY timestamp, model, revision;
