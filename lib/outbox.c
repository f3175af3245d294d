#include "outbox.h"

#include "vote.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { LINE_MAX_BYTES = 16 * 1024 };

bool
outbox_add_vote(struct db *db, const struct vote *vote, struct error *why)
{
    struct buf line;

    buf_init(&line, LINE_MAX_BYTES);
    vote_put(&line, vote);
    bool good = buf_ok(&line);
    if (!good)
        error_set(why, "the vote is longer than %d bytes", LINE_MAX_BYTES);
    good = good && db_run(db, SQL_OUTBOX_INSERT, why, DB_TEXT("votes"), DB_TEXT(""), DB_TEXT(""),
                          DB_TEXT(vote->model), DB_TEXT(vote->revision), DB_TEXT(vote->username),
                          DB_BYTES(line.data, line.length), DB_INTEGER(time(NULL)));
    buf_free(&line);
    return good;
}

bool
outbox_add_request(struct db *db, const char *path, const char *base_oid, const char *content,
                   struct error *why)
{
    return db_run(db, SQL_OUTBOX_INSERT, why, DB_TEXT("requests"), DB_TEXT(path), DB_TEXT(base_oid),
                  DB_TEXT(""), DB_TEXT(""), DB_TEXT(""), DB_TEXT(content), DB_INTEGER(time(NULL)));
}

void
outbox_free(struct outbox_entries *entries)
{
    arena_free(&entries->arena);
    entries->entries = NULL;
    entries->count = 0;
}

static const char *
column_copy(struct arena *arena, sqlite3_stmt *row, int index)
{
    const char *text = db_column_text(row, index);

    return arena_copy(arena, text, strlen(text));
}

bool
outbox_read(struct db *db, const char *dataset, size_t max, struct outbox_entries *entries,
            struct error *why)
{
    sqlite3_stmt *row = db_query(db, SQL_OUTBOX_LIST, DB_TEXT(dataset), DB_INTEGER(max));
    struct error failure;
    size_t capacity = 0;

    *entries = (struct outbox_entries){ 0 };
    arena_init(&entries->arena, 0);
    while (db_next(db, row, &failure)) {
        if (entries->count == capacity) {
            capacity = capacity == 0 ? 64 : capacity * 2;
            struct outbox_entry *larger = arena_zero(&entries->arena, capacity, sizeof *larger);
            if (entries->count != 0)
                memcpy(larger, entries->entries, entries->count * sizeof *larger);
            entries->entries = larger;
        }
        struct outbox_entry *entry = &entries->entries[entries->count++];
        entry->id = sqlite3_column_int64(row, 0);
        entry->path = column_copy(&entries->arena, row, 1);
        entry->base_oid = column_copy(&entries->arena, row, 2);
        entry->model = column_copy(&entries->arena, row, 3);
        entry->revision = column_copy(&entries->arena, row, 4);
        entry->username = column_copy(&entries->arena, row, 5);
        entry->content = column_copy(&entries->arena, row, 6);
        entry->length = strlen(entry->content);
        entry->tries = sqlite3_column_int(row, 7);
    }
    if (failure.text[0] == '\0')
        return true;
    if (why != NULL)
        *why = failure;
    outbox_free(entries);
    return false;
}

bool
outbox_done(struct db *db, int64_t id, struct error *why)
{
    return db_run(db, SQL_OUTBOX_DELETE, why, DB_INTEGER(id));
}

bool
outbox_refused(struct db *db, const struct outbox_entry *entry, bool at_once, const char *reason,
               struct error *why)
{
    return db_run(db, SQL_OUTBOX_REFUSE, why, DB_INTEGER(entry->id), DB_TEXT(reason),
                  DB_INTEGER(at_once || entry->tries + 1 >= OUTBOX_TRIES));
}

bool
outbox_retry(struct db *db, const char *dataset, struct error *why)
{
    if (db_begin(db, why) != DB_OK)
        return false;
    if (db_run(db, SQL_OUTBOX_UNPARK, why, DB_TEXT(dataset)))
        return db_commit(db, why) == DB_OK;
    db_rollback(db);
    return false;
}

bool
outbox_depth(struct db *db, const char *dataset, struct outbox_depth *depth, struct error *why)
{
    struct error failure = { "" };
    sqlite3_stmt *row = db_query(db, SQL_OUTBOX_DEPTH, DB_TEXT(dataset));

    *depth = (struct outbox_depth){ 0 };
    if (db_next(db, row, &failure)) {
        depth->waiting = sqlite3_column_int64(row, 0);
        depth->oldest_at = sqlite3_column_int64(row, 1);
        db_done(row);
    }
    row = db_query(db, SQL_OUTBOX_PARKED, DB_TEXT(dataset));
    if (failure.text[0] == '\0' && db_next(db, row, &failure)) {
        depth->parked = sqlite3_column_int64(row, 0);
        db_done(row);
    }
    row = db_query(db, SQL_OUTBOX_ERROR, DB_TEXT(dataset));
    if (failure.text[0] == '\0' && db_next(db, row, &failure)) {
        snprintf(depth->error, sizeof depth->error, "%s", db_column_text(row, 0));
        db_done(row);
    }
    if (failure.text[0] != '\0' && why != NULL)
        *why = failure;
    return failure.text[0] == '\0';
}
