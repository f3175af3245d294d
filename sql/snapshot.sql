-- The published bodies.

-- name: snapshot_put
INSERT INTO snapshots (name, profile, encoding, file, etag, length, published_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
ON CONFLICT (name, profile, encoding) DO UPDATE SET file = ?4, etag = ?5, length = ?6,
    published_at = ?7;

-- name: snapshot_list
SELECT name, profile, encoding, file, etag, length, published_at FROM snapshots;

-- name: snapshot_delete
DELETE FROM snapshots WHERE name = ?1;
