-- What is known of the Hub's datasets.

-- name: dataset_find
SELECT repo, revision, fingerprint, rows, pulled_at, checked_at, failed_at, error
FROM datasets WHERE name = ?1;

-- name: dataset_list
SELECT name, repo, revision, rows, pulled_at, checked_at, failed_at, error
FROM datasets ORDER BY name;

-- name: dataset_pulled
INSERT INTO datasets (name, repo, revision, fingerprint, rows, pulled_at, checked_at, failed_at, error)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, 0, '')
ON CONFLICT (name) DO UPDATE SET repo = ?2, revision = ?3, fingerprint = ?4, rows = ?5,
    pulled_at = ?6, checked_at = ?6, failed_at = 0, error = '';

-- name: dataset_unchanged
UPDATE datasets SET checked_at = ?2, failed_at = 0, error = '' WHERE name = ?1;

-- name: dataset_pushed
UPDATE datasets SET revision = ?2, checked_at = ?3, pulled_at = ?3, rows = ?4, failed_at = 0, error = ''
WHERE name = ?1;

-- name: dataset_failed
INSERT INTO datasets (name, repo, revision, fingerprint, rows, pulled_at, checked_at, failed_at, error)
VALUES (?1, ?2, '', '', 0, 0, 0, ?3, ?4)
ON CONFLICT (name) DO UPDATE SET failed_at = ?3, error = ?4;

-- name: provider_clear
DELETE FROM official_providers;

-- name: provider_insert
INSERT INTO official_providers (name) VALUES (?1) ON CONFLICT DO NOTHING;

-- name: provider_list
SELECT name FROM official_providers ORDER BY name;
