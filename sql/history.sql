-- What earlier pulls of the contents dataset held, as differences.

-- migration: 2

-- One row a pull that changed something.
CREATE TABLE history_snapshots (
    id        INTEGER PRIMARY KEY AUTOINCREMENT, -- ascending, and never given twice: feeds hold it
    revision  TEXT NOT NULL,         -- the dataset's commit
    pulled_at INTEGER NOT NULL,      -- Unix seconds
    rows      INTEGER NOT NULL,
    added     INTEGER NOT NULL,      -- against the snapshot before it, kept or not
    removed   INTEGER NOT NULL,
    changed   INTEGER NOT NULL
);
CREATE INDEX history_snapshots_revision ON history_snapshots (revision);
CREATE INDEX history_snapshots_pulled_at ON history_snapshots (pulled_at);

-- One row a version of an entry. It belongs to the snapshots from_snapshot <= id < to_snapshot.
CREATE TABLE history_versions (
    id            INTEGER PRIMARY KEY,
    from_snapshot INTEGER NOT NULL,
    to_snapshot   INTEGER,           -- NULL while it is current
    place         INTEGER NOT NULL,  -- ascending in the snapshot's order, with gaps
    occurrence    INTEGER NOT NULL,  -- tells entries of the same key apart: 0, 1…
    key           TEXT NOT NULL,
    raw           TEXT NOT NULL      -- the row
);
CREATE INDEX history_versions_to ON history_versions (to_snapshot, place);
CREATE INDEX history_versions_from ON history_versions (from_snapshot);
CREATE UNIQUE INDEX history_versions_current ON history_versions (key, occurrence)
    WHERE to_snapshot IS NULL;

-- name: history_current
SELECT id, occurrence, place, key, raw FROM history_versions INDEXED BY history_versions_current
WHERE to_snapshot IS NULL ORDER BY key, place;

-- name: history_snapshot_insert
INSERT INTO history_snapshots (revision, pulled_at, rows, added, removed, changed)
VALUES (?1, ?2, ?3, ?4, ?5, ?6);

-- name: history_version_insert
INSERT INTO history_versions (from_snapshot, place, occurrence, key, raw)
VALUES (?1, ?2, ?3, ?4, ?5);

-- name: history_version_end
UPDATE history_versions SET to_snapshot = ?2 WHERE id = ?1;

-- name: history_oldest
SELECT id FROM history_snapshots ORDER BY id DESC LIMIT 1 OFFSET ?1 - 1;

-- name: history_snapshot_trim
DELETE FROM history_snapshots WHERE id < ?1;

-- name: history_version_trim
DELETE FROM history_versions WHERE to_snapshot <= ?1;

-- name: history_snapshot_clear
DELETE FROM history_snapshots;

-- name: history_version_clear
DELETE FROM history_versions;

-- name: history_list
SELECT id, revision, pulled_at, rows, added, removed, changed FROM history_snapshots
WHERE id < ?1 ORDER BY id DESC LIMIT ?2;

-- name: history_find
SELECT id, revision, pulled_at, rows, added, removed, changed FROM history_snapshots WHERE id = ?1;

-- name: history_find_revision
-- '~' sorts behind every digit and letter, so the range is that of the prefix.
SELECT id, revision, pulled_at, rows, added, removed, changed FROM history_snapshots
WHERE revision >= ?1 AND revision < ?1 || '~' ORDER BY +id DESC LIMIT 1;

-- name: history_find_time
SELECT id, revision, pulled_at, rows, added, removed, changed FROM history_snapshots
WHERE pulled_at <= ?1 ORDER BY pulled_at DESC, id DESC LIMIT 1;

-- name: history_rebuild
-- The unary + keeps the index on to_snapshot: those that ended since are fewer than all before.
SELECT place, key, raw FROM history_versions WHERE to_snapshot IS NULL AND +from_snapshot <= ?1
UNION ALL
SELECT place, key, raw FROM history_versions WHERE to_snapshot > ?1 AND +from_snapshot <= ?1
ORDER BY place;

-- name: history_changes
-- The versions of the one snapshot that ended before the other, and those of the other that began
-- after the one; the texts are read after the sort, so that it holds only keys.
SELECT key, occurrence, began, (SELECT v.raw FROM history_versions v WHERE v.id = version.id)
FROM (SELECT key, occurrence, place, id, 0 AS began FROM history_versions
      WHERE to_snapshot > ?1 AND to_snapshot <= ?2 AND +from_snapshot <= ?1
      UNION ALL
      SELECT key, occurrence, place, id, 1 FROM history_versions
      WHERE from_snapshot > ?1 AND from_snapshot <= ?2
        AND (+to_snapshot IS NULL OR +to_snapshot > ?2)
      ORDER BY key, began, place) version;
