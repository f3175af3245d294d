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

-- migration: 2

-- One row a request file of the requests dataset.
CREATE TABLE requests (
    path           TEXT PRIMARY KEY,
    oid            TEXT NOT NULL,        -- git blob id of what the Hub has there, '' for nothing yet
    model          TEXT NOT NULL,
    revision       TEXT NOT NULL,
    precision      TEXT NOT NULL,
    weight_type    TEXT NOT NULL,
    status         TEXT NOT NULL,        -- PENDING, RUNNING, FINISHED, FAILED… as in the file
    sender         TEXT NOT NULL,
    submitted_at   INTEGER NOT NULL,     -- Unix seconds
    submitted_time TEXT NOT NULL,        -- as in the file
    content        TEXT NOT NULL         -- the file, byte for byte
) WITHOUT ROWID;
CREATE INDEX requests_model ON requests (model, submitted_at);
CREATE INDEX requests_status ON requests (status, submitted_at);

-- The states that a request file was seen in.
CREATE TABLE request_states (
    path    TEXT NOT NULL,
    seen_at INTEGER NOT NULL,            -- Unix seconds
    status  TEXT NOT NULL,               -- '' when the file was gone
    PRIMARY KEY (path, seen_at, status)
) WITHOUT ROWID;

-- Files that are no valid request, so that they are not taken again until they change.
CREATE TABLE request_skips (
    path   TEXT PRIMARY KEY,
    oid    TEXT NOT NULL,
    reason TEXT NOT NULL
) WITHOUT ROWID;

-- What a pull has taken so far; a pull that is killed goes on from here.
CREATE TABLE request_staging (
    path    TEXT PRIMARY KEY,
    oid     TEXT NOT NULL,
    content BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE votes (
    model     TEXT NOT NULL,
    revision  TEXT NOT NULL,
    username  TEXT NOT NULL,
    vote_type TEXT NOT NULL CHECK (vote_type IN ('up', 'down')),
    timestamp TEXT NOT NULL,             -- as in the file
    pull      INTEGER NOT NULL,          -- number of the pull that last saw it; 0: not on the Hub yet
    PRIMARY KEY (model, revision, username)
) WITHOUT ROWID;
CREATE INDEX votes_username ON votes (username, timestamp);

-- What was acknowledged here and is still to be written to the Hub.
CREATE TABLE outbox (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    dataset    TEXT NOT NULL,            -- votes, requests
    path       TEXT NOT NULL,            -- requests: the file; votes: ''
    base_oid   TEXT NOT NULL,            -- requests: what the file was on the Hub when it was accepted
    model      TEXT NOT NULL,            -- votes: the key of the line
    revision   TEXT NOT NULL,
    username   TEXT NOT NULL,
    content    TEXT NOT NULL,            -- the line without its newline, or the file
    created_at INTEGER NOT NULL,         -- Unix seconds
    tries      INTEGER NOT NULL DEFAULT 0,
    parked     INTEGER NOT NULL DEFAULT 0, -- 1: refused too often; `fetcher push --retry` tries again
    error      TEXT NOT NULL DEFAULT ''
);
CREATE INDEX outbox_dataset ON outbox (dataset, parked, id);

-- migration: 3

-- What a list of submissions shows and how many one user made lately.
ALTER TABLE requests ADD COLUMN model_type TEXT NOT NULL DEFAULT '';
UPDATE requests SET model_type = coalesce(json_extract(content, '$.model_type'), '')
WHERE json_valid(content);
CREATE INDEX requests_sender ON requests (sender, submitted_at);

-- The submissions that were accepted here: a request file can be replaced by a later one, a quota
-- must not be.
CREATE TABLE submissions (
    username     TEXT NOT NULL,
    submitted_at INTEGER NOT NULL,       -- Unix seconds
    path         TEXT NOT NULL,
    PRIMARY KEY (username, submitted_at, path)
) WITHOUT ROWID;

-- Whose a token is, as the Hub said.
CREATE TABLE tokens (
    hash       TEXT PRIMARY KEY,         -- SHA-256 of the token, which itself is nowhere
    owner      TEXT NOT NULL,            -- '': nobody's
    person     INTEGER NOT NULL,         -- 0: an organisation's or an application's
    expires_at INTEGER NOT NULL          -- Unix seconds
) WITHOUT ROWID;
CREATE INDEX tokens_expiry ON tokens (expires_at);

-- What the Hub said of a model at a revision.
CREATE TABLE model_facts (
    model      TEXT NOT NULL,
    revision   TEXT NOT NULL,            -- as it was asked for: a branch, tag or commit
    facts      TEXT NOT NULL,            -- JSON
    expires_at INTEGER NOT NULL,         -- Unix seconds
    PRIMARY KEY (model, revision)
) WITHOUT ROWID;
CREATE INDEX model_facts_expiry ON model_facts (expires_at);

-- migration: 6

-- Entries are shown as they stand in the published bodies.
ALTER TABLE models DROP COLUMN raw_space;
ALTER TABLE models DROP COLUMN documented;
ALTER TABLE models DROP COLUMN space;
