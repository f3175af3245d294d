-- Whose a token is, as the Hub said.

-- name: token_find
SELECT owner, person FROM tokens WHERE hash = ?1 AND expires_at > ?2;

-- name: token_put
INSERT INTO tokens (hash, owner, person, expires_at) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (hash) DO UPDATE SET owner = ?2, person = ?3, expires_at = ?4;

-- name: token_expire
DELETE FROM tokens WHERE expires_at <= ?1;
