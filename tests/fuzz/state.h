/* state: a database that is as it was again after each input. */
#ifndef STATE_H
#define STATE_H

#include "fuzz.h"

#include <sqlite3.h>

enum { STATE_CHECKPOINT = 256 /* restores after which the log is emptied */ };

struct state {
    sqlite3 *handle;
    sqlite3_stmt *version;
    char *restore; /* sqlite3_free() */
    int known;     /* version */
    unsigned restores;
};

static void
state_run(struct state *state, const char *sql)
{
    promise(sqlite3_exec(state->handle, sql, NULL, NULL, NULL) == SQLITE_OK,
            sqlite3_errmsg(state->handle));
}

static int
state_version(struct state *state)
{
    promise(sqlite3_step(state->version) == SQLITE_ROW, "a database has a version");
    int version = sqlite3_column_int(state->version, 0);
    sqlite3_reset(state->version);
    return version;
}

/* Remembers what all tables hold. Triggers write events and history_etags, so these come last. */
static void
state_keep(struct state *state, const char *path)
{
    static const char tables[] =
        "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' "
        "ORDER BY name IN ('events', 'history_etags')";
    sqlite3_stmt *row;

    promise(sqlite3_open(path, &state->handle) == SQLITE_OK, path);
    state_run(state, "PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = OFF;"
                     "ATTACH ':memory:' AS kept");
    sqlite3_prepare_v2(state->handle, "PRAGMA main.data_version", -1, &state->version, NULL);
    sqlite3_prepare_v2(state->handle, tables, -1, &row, NULL);
    state->restore = sqlite3_mprintf("BEGIN IMMEDIATE;");
    while (sqlite3_step(row) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(row, 0);
        char *copy =
            sqlite3_mprintf("CREATE TABLE kept.\"%w\" AS SELECT * FROM main.\"%w\"", name, name);
        state_run(state, copy);
        sqlite3_free(copy);
        state->restore = sqlite3_mprintf("%z DELETE FROM main.\"%w\";"
                                         "INSERT INTO main.\"%w\" SELECT * FROM kept.\"%w\";",
                                         state->restore, name, name, name);
    }
    sqlite3_finalize(row);
    state->restore = sqlite3_mprintf("%zCOMMIT", state->restore);
    state->known = state_version(state);
}

/* Brings it back when another connection has written. */
static void
state_restore(struct state *state)
{
    if (state_version(state) == state->known)
        return;
    state_run(state, state->restore);
    if (++state->restores % STATE_CHECKPOINT == 0)
        state_run(state, "PRAGMA main.wal_checkpoint(TRUNCATE)");
    state->known = state_version(state);
}

#endif
