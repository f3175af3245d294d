-- The local Hub's own database. Times are Unix seconds, oids and hashes lower-case hexadecimal.

-- migration: 1
CREATE TABLE users (
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    kind       TEXT NOT NULL,            -- user, org
    token      TEXT NOT NULL UNIQUE,     -- SHA-256 of the token
    everywhere INTEGER NOT NULL,         -- 1: may read and write every repo
    created    INTEGER NOT NULL
);
INSERT INTO users (name, kind, token, everywhere, created) VALUES
    ('alice', 'user', '55e1950ce0db919d437243287327a6160484e7d6c5e339391c27ddbbf3f1d419', 0, 1767225600),
    ('bob', 'user', '0824710ed75d9388d75b36b0d054595708d2a94e707a3f4919430312b2333d97', 0, 1767225600),
    ('carol', 'user', '8cdea6173f54ffaedcd88a58179357404565fa5d658ade7064446e0077817a51', 0, 1767225600),
    ('acme', 'org', '4e2c5f007b5ff6f989900b7b3e1c7b37918b0281dfe5f0e1a632214b7caa178f', 0, 1767225600),
    ('local-server', 'user', '8e2906a740d9be1e3f92035f92be32d02f35acca535f0f55f2f551393d160742', 1, 1767225600);

CREATE TABLE repos (
    id        INTEGER PRIMARY KEY,
    kind      TEXT NOT NULL,             -- model, dataset
    name      TEXT NOT NULL,             -- namespace/name
    private   INTEGER NOT NULL,
    gated     INTEGER NOT NULL,
    likes     INTEGER NOT NULL DEFAULT 0,
    downloads INTEGER NOT NULL DEFAULT 0,
    created   INTEGER NOT NULL,
    head      INTEGER NOT NULL,          -- number of the commit that main is at
    UNIQUE (kind, name)
);

-- The commits of main, numbered from 1. There are no other branches.
CREATE TABLE commits (
    repo   INTEGER NOT NULL REFERENCES repos (id),
    number INTEGER NOT NULL,
    sha    TEXT NOT NULL,
    tree   TEXT NOT NULL,
    title  TEXT NOT NULL,
    time   INTEGER NOT NULL,
    PRIMARY KEY (repo, number),
    UNIQUE (repo, sha)
) WITHOUT ROWID;

-- A file or folder as it was from commit `since` until before commit `until`: a commit adds the
-- rows that it changes and no others, and every old revision stays readable.
CREATE TABLE entries (
    repo   INTEGER NOT NULL REFERENCES repos (id),
    path   TEXT NOT NULL,
    since  INTEGER NOT NULL,
    until  INTEGER NOT NULL,             -- 9223372036854775807: is there now
    folder TEXT NOT NULL,                -- the path's folder, '' at the top
    kind   TEXT NOT NULL,                -- file, directory
    oid    TEXT NOT NULL,                -- git's blob or tree; for LFS the pointer's blob
    size   INTEGER NOT NULL,             -- of the content, 0 for a folder
    sha256 TEXT,                         -- of an LFS file's content, else NULL
    PRIMARY KEY (repo, path, since)
) WITHOUT ROWID;
CREATE INDEX entries_folder ON entries (repo, folder, path);

CREATE TABLE blobs (
    oid   TEXT NOT NULL UNIQUE,
    bytes BLOB NOT NULL
);

CREATE TABLE objects (
    sha256 TEXT NOT NULL UNIQUE,
    bytes  BLOB NOT NULL
);

-- Parts of uploads that are under way.
CREATE TABLE parts (
    sha256 TEXT NOT NULL,
    number INTEGER NOT NULL,
    bytes  BLOB NOT NULL,
    PRIMARY KEY (sha256, number)
);

-- What signs the addresses of downloads and uploads.
CREATE TABLE secrets (
    secret BLOB NOT NULL
);
INSERT INTO secrets VALUES (randomblob(32));
