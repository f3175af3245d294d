-- What is still to be written to the Hub.

-- name: outbox_insert
INSERT INTO outbox (dataset, path, base_oid, model, revision, username, content, created_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8);

-- name: outbox_list
SELECT id, path, base_oid, model, revision, username, content, tries FROM outbox
WHERE dataset = ?1 AND parked = 0 ORDER BY id LIMIT ?2;

-- name: outbox_delete
DELETE FROM outbox WHERE id = ?1;

-- name: outbox_refuse
UPDATE outbox SET tries = tries + 1, error = ?2, parked = ?3 WHERE id = ?1;

-- name: outbox_unpark
UPDATE outbox SET parked = 0, tries = 0 WHERE dataset = ?1 AND parked = 1;

-- name: outbox_depth
SELECT count(*), min(created_at) FROM outbox WHERE dataset = ?1 AND parked = 0;

-- name: outbox_parked
SELECT count(*) FROM outbox WHERE dataset = ?1 AND parked = 1;

-- name: outbox_error
SELECT error FROM outbox WHERE dataset = ?1 AND error <> '' ORDER BY parked DESC, id DESC LIMIT 1;
