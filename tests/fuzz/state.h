/* state: a database that is as it was again after each input. */
#ifndef STATE_H
#define STATE_H

#include "fuzz.h"

#include <sqlite3.h>

enum {
    STATE_CHECKPOINT = 256, /* restores after which the log is emptied */
    STATE_TABLES = 32,
};

struct state {
    sqlite3 *handle;
    sqlite3_stmt *version, *restore[2 * STATE_TABLES];
    size_t steps; /* of `restore` */
    int known;    /* version */
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

static sqlite3_stmt *
state_prepare(struct state *state, char *sql)
{
    sqlite3_stmt *statement;

    promise(sqlite3_prepare_v2(state->handle, sql, -1, &statement, NULL) == SQLITE_OK,
            sqlite3_errmsg(state->handle));
    sqlite3_free(sql);
    return statement;
}

/* Remembers what all tables hold. Triggers write events and history_etags, so these come last. */
static void
state_keep(struct state *state, const char *path)
{
    static const char tables[] =
        "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' "
        "ORDER BY name IN ('events', 'history_etags')";
    char names[STATE_TABLES][64];
    sqlite3_stmt *row;
    size_t count = 0;

    promise(sqlite3_open(path, &state->handle) == SQLITE_OK, path);
    state_run(state, "PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = OFF;"
                     "ATTACH ':memory:' AS kept");
    row = state_prepare(state, sqlite3_mprintf("%s", tables));
    for (; sqlite3_step(row) == SQLITE_ROW; count++) {
        promise(count < STATE_TABLES, "there are few tables");
        snprintf(names[count], sizeof names[count], "%s", sqlite3_column_text(row, 0));
    }
    sqlite3_finalize(row);
    for (size_t i = 0; i < count; i++) {
        char *copy = sqlite3_mprintf("CREATE TABLE kept.\"%w\" AS SELECT * FROM main.\"%w\"",
                                     names[i], names[i]);
        state_run(state, copy);
        sqlite3_free(copy);
    }
    for (size_t i = 0; i < count; i++) {
        state->restore[state->steps++] =
            /* Without the condition an empty table would be written, too. */
            state_prepare(state, sqlite3_mprintf("DELETE FROM main.\"%w\" WHERE true", names[i]));
        state->restore[state->steps++] = state_prepare(
            state, sqlite3_mprintf("INSERT INTO main.\"%w\" SELECT * FROM kept.\"%w\"", names[i],
                                   names[i]));
    }
    state->version = state_prepare(state, sqlite3_mprintf("PRAGMA main.data_version"));
    state->known = state_version(state);
}

/* Brings it back when another connection has written. */
static void
state_restore(struct state *state)
{
    if (state_version(state) == state->known)
        return;
    state_run(state, "BEGIN IMMEDIATE");
    for (size_t i = 0; i < state->steps; i++) {
        promise(sqlite3_step(state->restore[i]) == SQLITE_DONE, sqlite3_errmsg(state->handle));
        sqlite3_reset(state->restore[i]);
    }
    state_run(state, "COMMIT");
    if (++state->restores % STATE_CHECKPOINT == 0)
        state_run(state, "PRAGMA main.wal_checkpoint(TRUNCATE)");
    state->known = state_version(state);
}

#endif
