-- Comparing the cache with the Hub.

-- name: verify_vote
SELECT vote_type, timestamp FROM votes
WHERE model = ?1 AND revision = ?2 AND username = ?3 AND pull > 0;

-- name: verify_entry
SELECT raw FROM models WHERE position = ?1;

-- name: verify_provider
SELECT 1 FROM official_providers WHERE name = ?1;
