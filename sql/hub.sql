-- The local Hub: users, repos, commits, entries, contents.

-- name: hub_user_by_token
SELECT id, name, kind, everywhere, created FROM users WHERE token = ?1;

-- name: hub_user_insert
INSERT INTO users (name, kind, token, everywhere, created) VALUES (?1, 'user', ?2, 0, ?3)
ON CONFLICT DO NOTHING;

-- name: hub_repo_find
SELECT r.id, r.private, r.gated, r.likes, r.downloads, r.created, c.number, c.sha, c.tree, c.title, c.time
FROM repos r JOIN commits c ON c.repo = r.id AND c.number = r.head
WHERE r.kind = ?1 AND r.name = ?2;

-- name: hub_repo_insert
INSERT INTO repos (kind, name, private, gated, created, head) VALUES (?1, ?2, ?3, ?4, ?5, 1)
ON CONFLICT DO NOTHING;

-- name: hub_repo_advance
UPDATE repos SET head = ?2 WHERE id = ?1;

-- name: hub_commit_insert
INSERT INTO commits (repo, number, sha, tree, title, time) VALUES (?1, ?2, ?3, ?4, ?5, ?6);

-- name: hub_commit_by_sha
SELECT number, sha, tree, title, time FROM commits WHERE repo = ?1 AND sha = ?2;

-- name: hub_commit_by_number
SELECT number, sha, tree, title, time FROM commits WHERE repo = ?1 AND number = ?2;

-- name: hub_entry_find
SELECT path, kind, oid, size, sha256, since FROM entries
WHERE repo = ?1 AND path = ?2 AND since <= ?3 AND until > ?3
ORDER BY since DESC LIMIT 1;

-- name: hub_tree_recursive
SELECT path, kind, oid, size, sha256, since FROM entries
WHERE repo = ?1 AND path > ?2 AND path < ?3 AND since <= ?4 AND until > ?4
ORDER BY path LIMIT ?5;

-- name: hub_tree_folder
SELECT path, kind, oid, size, sha256, since FROM entries
WHERE repo = ?1 AND folder = ?2 AND path > ?3 AND since <= ?4 AND until > ?4
ORDER BY path LIMIT ?5;

-- In git's order, where a folder's name counts as if it ended with a slash.
-- name: hub_tree_children
SELECT path, kind, oid FROM entries
WHERE repo = ?1 AND folder = ?2 AND until = 9223372036854775807
ORDER BY path || CASE kind WHEN 'directory' THEN '/' ELSE '' END;

-- name: hub_entry_insert
INSERT INTO entries (repo, path, since, until, folder, kind, oid, size, sha256)
VALUES (?1, ?2, ?3, 9223372036854775807, ?4, ?5, ?6, ?7, ?8);

-- What the commit under way has itself made is taken back, what was there before ends.
-- name: hub_entry_drop
DELETE FROM entries WHERE repo = ?1 AND path = ?2 AND since = ?3;

-- name: hub_entry_end
UPDATE entries SET until = ?3 WHERE repo = ?1 AND path = ?2 AND until = 9223372036854775807;

-- name: hub_folder_drop
DELETE FROM entries WHERE repo = ?1 AND path > ?2 AND path < ?3 AND since = ?4;

-- name: hub_folder_end
UPDATE entries SET until = ?4
WHERE repo = ?1 AND path > ?2 AND path < ?3 AND until = 9223372036854775807;

-- name: hub_folder_file
SELECT 1 FROM entries
WHERE repo = ?1 AND path > ?2 AND path < ?3 AND kind = 'file' AND until = 9223372036854775807
LIMIT 1;

-- name: hub_blob_insert
INSERT INTO blobs (oid, bytes) VALUES (?1, ?2) ON CONFLICT DO NOTHING;

-- name: hub_blob_read
SELECT substr(bytes, ?2 + 1, ?3) FROM blobs WHERE oid = ?1;

-- name: hub_object_insert
INSERT INTO objects (sha256, bytes) VALUES (?1, ?2) ON CONFLICT DO NOTHING;

-- name: hub_object_read
SELECT substr(bytes, ?2 + 1, ?3) FROM objects WHERE sha256 = ?1;

-- name: hub_object_size
SELECT length(bytes) FROM objects WHERE sha256 = ?1;

-- name: hub_part_insert
INSERT INTO parts (sha256, number, bytes) VALUES (?1, ?2, ?3)
ON CONFLICT (sha256, number) DO UPDATE SET bytes = ?3;

-- name: hub_part_list
SELECT number, bytes FROM parts WHERE sha256 = ?1 ORDER BY number;

-- name: hub_part_delete
DELETE FROM parts WHERE sha256 = ?1;

-- name: hub_secret
SELECT secret FROM secrets;
