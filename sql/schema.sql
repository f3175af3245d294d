-- The cache database: what the fetcher took from the Hub, and what the programs serve.

-- migration: 1

-- One row a leaderboard entry, in the dataset's order.
CREATE TABLE models (
    position      INTEGER PRIMARY KEY,   -- 0, 1, 2… as in the dataset
    id            TEXT NOT NULL,         -- the dataset's own id of the entry
    name          TEXT NOT NULL,         -- provider/name
    revision      TEXT NOT NULL,
    precision     TEXT NOT NULL,
    type          TEXT NOT NULL,
    weight_type   TEXT NOT NULL,
    architecture  TEXT NOT NULL,
    license       TEXT NOT NULL,
    average_score REAL,
    params        REAL,                  -- billions
    raw           TEXT NOT NULL,         -- the dataset's row as JSON, profile documented
    raw_space     TEXT,                  -- the same in profile space, NULL where it is no different
    documented    TEXT NOT NULL,         -- the formatted entry, profile documented
    space         TEXT NOT NULL          -- the formatted entry, profile space
);
CREATE INDEX models_name ON models (name, precision);
CREATE INDEX models_average ON models (average_score);

CREATE TABLE scores (
    position   INTEGER NOT NULL REFERENCES models (position) ON DELETE CASCADE,
    benchmark  TEXT NOT NULL,            -- the benchmark's key
    value      REAL,
    normalized REAL,
    PRIMARY KEY (position, benchmark)
) WITHOUT ROWID;

CREATE TABLE official_providers (
    name TEXT PRIMARY KEY
) WITHOUT ROWID;

-- What is known of each of the Hub's datasets.
CREATE TABLE datasets (
    name         TEXT PRIMARY KEY,       -- contents, official-providers…
    repo         TEXT NOT NULL,
    revision     TEXT NOT NULL,          -- the commit that the cache holds, '' before the first pull
    fingerprint  TEXT NOT NULL,          -- of the settings that the rows were made with
    rows         INTEGER NOT NULL,
    pulled_at    INTEGER NOT NULL,       -- when that commit was taken, Unix seconds
    checked_at   INTEGER NOT NULL,       -- when the Hub was last asked with success, Unix seconds
    failed_at    INTEGER NOT NULL,       -- when a pull last failed, 0 if the last one did not
    error        TEXT NOT NULL           -- why it failed
) WITHOUT ROWID;

-- The published bodies: files in STATE_DIR/public whose names hold their content's hash.
CREATE TABLE snapshots (
    name         TEXT NOT NULL,          -- leaderboard, formatted
    profile      TEXT NOT NULL,          -- documented, space
    encoding     TEXT NOT NULL,          -- identity, gzip, br, zstd
    file         TEXT NOT NULL,
    etag         TEXT NOT NULL,          -- without quotes
    length       INTEGER NOT NULL,
    published_at INTEGER NOT NULL,       -- Unix seconds
    PRIMARY KEY (name, profile, encoding)
) WITHOUT ROWID;
