/* The history of the contents dataset on the command line. A row is a line of JSON; its member "id"
 * is the key. Exits 1 when something is not there or is not as it should be. */
#include "history.h"

#include "buf.h"
#include "config.h"
#include "json.h"
#include "mem.h"

#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LIST_MAX = 10000, INPUT_MAX = 1 << 30 };

static const char usage[] = "usage: history DB record REVISION TIME KEEP < ROWS\n"
                            "       history DB undo REVISION TIME KEEP < ROWS   record, roll back\n"
                            "       history DB list\n"
                            "       history DB show ID\n"
                            "       history DB changes FROM TO\n"
                            "       history DB revision PREFIX\n"
                            "       history DB time SECONDS\n"
                            "       history DB check\n"
                            "       history DB plans\n";

static int64_t
number(const char *text)
{
    char *end;
    intmax_t value = strtoimax(text, &end, 10);

    if (*text == '\0' || *end != '\0')
        errx(EXIT_USAGE, "not a number: %s", text);
    return value;
}

static void
read_input(struct buf *input)
{
    char *room;
    ssize_t got = 0;

    while ((room = buf_reserve(input, 1 << 16)) != NULL && (got = read(0, room, 1 << 16)) > 0)
        input->length += (size_t)got;
    if (got < 0 || !buf_ok(input))
        errx(EXIT_SYSTEM, "cannot read the rows");
}

static int
record(struct db *db, char **words, bool keep_it)
{
    static const char *const results[] = {
        [HISTORY_SAME] = "same", [HISTORY_RECORDED] = "recorded"
    };
    struct history_row *rows = NULL;
    size_t count = 0;
    struct arena arena;
    struct buf input;
    struct error why;

    arena_init(&arena, 0);
    buf_init(&input, INPUT_MAX);
    read_input(&input);
    if (input.length != 0 && input.data[input.length - 1] != '\n')
        errx(EXIT_USAGE, "the last row has no end of line");
    const char *end = buf_string(&input) + input.length;
    for (const char *line = buf_string(&input); line < end; line += rows[count++].raw_length + 1) {
        if ((count & (count - 1)) == 0)
            rows = mem_resize(rows, count == 0 ? 1 : count * 2, sizeof *rows);
        struct history_row *row = &rows[count];
        row->raw = line;
        row->raw_length = (size_t)((const char *)memchr(line, '\n', (size_t)(end - line)) - line);
        json_t *json = json_read(line, row->raw_length, &why);
        const char *key = json == NULL ? NULL : json_member_text(json, "id");
        if (key == NULL)
            errx(EXIT_USAGE, "line %zu: no object with an id", count + 1);
        row->key_length = strlen(key);
        row->key = arena_copy(&arena, key, row->key_length);
        json_decref(json);
    }
    if (db_begin(db, &why) != DB_OK)
        errx(EXIT_SYSTEM, "%s", why.text);
    enum history_result result =
        history_record(db, rows, count, words[0], number(words[1]), (long)number(words[2]), &why);
    if (result == HISTORY_FAILED || !keep_it)
        db_rollback(db);
    else if (db_commit(db, &why) != DB_OK)
        result = HISTORY_FAILED;
    if (result == HISTORY_FAILED)
        errx(EXIT_SYSTEM, "%s", why.text);
    puts(results[result]);
    free(rows);
    buf_free(&input);
    arena_free(&arena);
    return 0;
}

static void
print_snapshot(const struct history_snapshot *s)
{
    printf("%" PRId64 " %s %" PRId64 " rows=%" PRId64 " added=%" PRId64 " removed=%" PRId64
           " changed=%" PRId64 "\n",
           s->id, s->revision, s->pulled_at, s->rows, s->added, s->removed, s->changed);
}

/* The exit code of a lookup. */
static int
looked_up(enum history_lookup found, const struct error *why)
{
    if (found == HISTORY_UNREADABLE)
        errx(EXIT_SYSTEM, "%s", why->text);
    if (found == HISTORY_ABSENT)
        puts("absent");
    return found == HISTORY_FOUND ? 0 : 1;
}

static size_t
list(struct db *db, struct history_snapshot *snapshots)
{
    struct error why;
    size_t count;

    if (!history_list(db, INT64_MAX, snapshots, LIST_MAX, &count, &why))
        errx(EXIT_SYSTEM, "%s", why.text);
    return count;
}

static bool
print_row(void *context, const struct history_row *row)
{
    (void)context;
    fwrite(row->raw, 1, row->raw_length, stdout);
    putchar('\n');
    return true;
}

/* kind, key, occurrence, old row or "-", new row or "-" */
static bool
print_change(void *context, const struct history_change *change)
{
    static const char *const kinds[] = {
        [HISTORY_ADDED] = "added", [HISTORY_REMOVED] = "removed", [HISTORY_CHANGED] = "changed"
    };
    const struct history_row *sides[] = { &change->before, &change->after };

    (void)context;
    printf("%s\t%.*s\t%" PRId64, kinds[change->kind], (int)change->before.key_length,
           change->before.key, change->occurrence);
    for (int i = 0; i < 2; i++)
        printf("\t%.*s", sides[i]->raw == NULL ? 1 : (int)sides[i]->raw_length,
               sides[i]->raw == NULL ? "-" : sides[i]->raw);
    putchar('\n');
    return true;
}

static bool
count_row(void *context, const struct history_row *row)
{
    (void)row;
    ++*(int64_t *)context;
    return true;
}

static bool
count_change(void *context, const struct history_change *change)
{
    ((int64_t *)context)[change->kind]++;
    return true;
}

/* Runs a query that must give no rows. */
static int
check_empty(struct db *db, const char *what, const char *sql)
{
    sqlite3_stmt *statement;
    int found = 0;

    if (sqlite3_prepare_v2(db->handle, sql, -1, &statement, NULL) != SQLITE_OK)
        errx(EXIT_SYSTEM, "%s: %s", what, sqlite3_errmsg(db->handle));
    while (sqlite3_step(statement) == SQLITE_ROW)
        found++;
    sqlite3_finalize(statement);
    if (found != 0)
        printf("%s: %d\n", what, found);
    return found != 0;
}

static int
check(struct db *db)
{
    struct history_snapshot *snapshots = mem_zero(LIST_MAX, sizeof *snapshots);
    size_t count = list(db, snapshots);
    struct error why;
    int bad = 0;

    for (size_t i = 0; i < count; i++) {
        const struct history_snapshot *s = &snapshots[i];
        int64_t rows = 0, changes[3] = { 0 };
        bad |= looked_up(history_rebuild(db, s->id, count_row, &rows, &why), &why);
        if (rows != s->rows)
            bad = printf("snapshot %" PRId64 " has %" PRId64 " rows, not %" PRId64 "\n", s->id,
                         rows, s->rows) > 0;
        if (i + 1 == count)
            break;
        bad |= looked_up(history_changes(db, s[1].id, s->id, count_change, changes, &why), &why);
        if (changes[HISTORY_ADDED] != s->added || changes[HISTORY_REMOVED] != s->removed ||
            changes[HISTORY_CHANGED] != s->changed)
            bad = printf("snapshot %" PRId64 " counts other changes than it has\n", s->id) > 0;
    }
    free(snapshots);
    bad |= check_empty(db, "versions of one entry that overlap",
                       "SELECT 1 FROM history_versions a JOIN history_versions b"
                       " ON a.key = b.key AND a.occurrence = b.occurrence AND a.id < b.id"
                       " WHERE ifnull(a.to_snapshot, 1 << 62) > b.from_snapshot"
                       " AND ifnull(b.to_snapshot, 1 << 62) > a.from_snapshot");
    bad |= check_empty(db, "versions of one place that overlap",
                       "SELECT 1 FROM history_versions a JOIN history_versions b"
                       " ON a.place = b.place AND a.id < b.id"
                       " WHERE ifnull(a.to_snapshot, 1 << 62) > b.from_snapshot"
                       " AND ifnull(b.to_snapshot, 1 << 62) > a.from_snapshot");
    bad |= check_empty(db, "versions that no snapshot holds",
                       "SELECT 1 FROM history_versions v WHERE NOT EXISTS"
                       " (SELECT 1 FROM history_snapshots s WHERE s.id >= v.from_snapshot"
                       " AND s.id < ifnull(v.to_snapshot, 1 << 62))");
    return bad;
}

/* How SQLite runs each of the cache's statements: name, tab, a step of the plan. */
static int
plans(struct db *db)
{
    for (int i = 0; i < SQL_COUNT; i++) {
        sqlite3_stmt *statement;
        if (sql_statements[i].database != SQL_DATABASE_CACHE)
            continue;
        char *sql = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", sql_statements[i].text);
        if (sqlite3_prepare_v2(db->handle, sql, -1, &statement, NULL) != SQLITE_OK)
            errx(EXIT_SYSTEM, "%s: %s", sql_statements[i].name, sqlite3_errmsg(db->handle));
        while (sqlite3_step(statement) == SQLITE_ROW)
            printf("%s\t%s\n", sql_statements[i].name, sqlite3_column_text(statement, 3));
        sqlite3_finalize(statement);
        sqlite3_free(sql);
    }
    return 0;
}

static int
run(struct db *db, int count, char **words)
{
    const char *command = words[0];
    struct history_snapshot snapshot;
    enum history_lookup found;
    struct error why;

    if (count == 4 && strcmp(command, "record") == 0)
        return record(db, words + 1, true);
    if (count == 4 && strcmp(command, "undo") == 0)
        return record(db, words + 1, false);
    if (count == 2 && strcmp(command, "show") == 0)
        return looked_up(history_rebuild(db, number(words[1]), print_row, NULL, &why), &why);
    if (count == 3 && strcmp(command, "changes") == 0)
        return looked_up(
            history_changes(db, number(words[1]), number(words[2]), print_change, NULL, &why),
            &why);
    if (count == 1 && strcmp(command, "check") == 0)
        return check(db);
    if (count == 1 && strcmp(command, "plans") == 0)
        return plans(db);
    if (count == 1 && strcmp(command, "list") == 0) {
        struct history_snapshot *snapshots = mem_zero(LIST_MAX, sizeof *snapshots);
        size_t length = list(db, snapshots);
        for (size_t i = 0; i < length; i++)
            print_snapshot(&snapshots[i]);
        free(snapshots);
        return 0;
    }
    if (count == 2 && strcmp(command, "revision") == 0)
        found = history_find_revision(db, words[1], &snapshot, &why);
    else if (count == 2 && strcmp(command, "time") == 0)
        found = history_find_time(db, number(words[1]), &snapshot, &why);
    else
        errx(EXIT_USAGE, "%s", usage);
    if (found == HISTORY_FOUND)
        print_snapshot(&snapshot);
    return looked_up(found, &why);
}

int
main(int argc, char **argv)
{
    struct error why;
    struct db *db;

    if (argc < 3) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    if (db_open(&db, argv[1], SQL_DATABASE_CACHE, DB_WRITER, &why) != DB_OK)
        errx(EXIT_SYSTEM, "%s", why.text);
    int code = run(db, argc - 2, argv + 2);
    db_close(db);
    return code;
}
