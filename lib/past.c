#include "past.h"

#include "digest.h"
#include "json.h"
#include "rows.h"
#include "timestamp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REVISION_MIN = 7, DATE_LENGTH = 10, ID_DIGITS = 18 };

static const char hex_digits[] = "0123456789abcdef", digits[] = "0123456789";

/* ---- finding ---- */

/* Says that a text names nothing that is kept, and what the oldest is that does. */
static enum past_result
absent(struct db *db, const char *what, const char *text, struct error *why)
{
    sqlite3_stmt *row = db_query(db, SQL_PAST_OLDEST, DB_NULL);
    char time[TIMESTAMP_TEXT];

    if (!db_next(db, row, why)) {
        if (why->text[0] != '\0')
            return PAST_UNREADABLE;
        error_set(why, "no snapshot of the leaderboard is kept yet");
        return PAST_ABSENT;
    }
    error_set(why,
              "no snapshot that is kept %s %s; the oldest is of %s, with id %lld and revision %s",
              what, text, timestamp_format(sqlite3_column_int64(row, 2), time),
              (long long)sqlite3_column_int64(row, 0), db_column_text(row, 1));
    db_done(row);
    return PAST_ABSENT;
}

static enum past_result
looked_up(struct db *db, enum history_lookup found, const char *what, const char *text,
          struct error *why)
{
    return found == HISTORY_FOUND    ? PAST_FOUND
           : found == HISTORY_ABSENT ? absent(db, what, text, why)
                                     : PAST_UNREADABLE;
}

/* By a text of digits, which may begin with ETAG_HEX of an entity tag, or be one of lighttpd's.
 * HISTORY_ABSENT as well when it is too short or too long for what it could be. */
static enum history_lookup
find_digits(struct db *db, const char *text, struct history_snapshot *snapshot, struct error *why)
{
    enum history_lookup found = HISTORY_ABSENT;
    size_t length = strspn(text, hex_digits);

    if (length == ETAG_HEX || length == strspn(text, digits)) {
        int64_t id = db_number(db_query(db, SQL_PAST_ETAG, DB_BYTES(text, length)), 0);
        found = history_find(db, id, snapshot, why);
    }
    if (found == HISTORY_ABSENT && text[length] == '\0' && length >= REVISION_MIN)
        found = history_find_revision(db, text, snapshot, why);
    if (found == HISTORY_ABSENT && text[strspn(text, digits)] == '\0' && length <= ID_DIGITS)
        found = history_find(db, strtoll(text, NULL, 10), snapshot, why);
    return found;
}

/* The second that a date or a time names, the date's last; 0 when it is neither. */
static int64_t
time_of(const char *text)
{
    char last[TIMESTAMP_TEXT];

    if (strlen(text) != DATE_LENGTH)
        return timestamp_parse(text);
    snprintf(last, sizeof last, "%sT23:59:59Z", text);
    return timestamp_parse(last);
}

enum past_result
past_find(struct db *db, const char *text, struct history_snapshot *snapshot, struct error *why)
{
    char tag[ETAG_HEX * 2];
    int64_t time;

    if (text[0] == '"' || strncmp(text, "W/\"", 3) == 0) {
        text = strchr(text, '"') + 1;
        snprintf(tag, sizeof tag, "%.*s", (int)strcspn(text, "\""), text);
        return looked_up(db, find_digits(db, tag, snapshot, why), "was answered with the ETag", tag,
                         why);
    }
    size_t length = strspn(text, hex_digits);
    if (length == ETAG_HEX && text[length] == '-')
        return looked_up(db, find_digits(db, text, snapshot, why), "was answered with the ETag",
                         text, why);
    if (text[length] == '\0' && length >= REVISION_MIN && length < SHA1_HEX)
        return looked_up(db, find_digits(db, text, snapshot, why), "has the revision", text, why);
    if (length != 0 && text[length] == '\0' && length == strspn(text, digits))
        return looked_up(db, find_digits(db, text, snapshot, why), "has the id", text, why);
    if ((time = time_of(text)) != 0)
        return looked_up(db, history_find_time(db, time, snapshot, why), "is as old as", text, why);
    error_set(why,
              "'%s' names no snapshot: expected a date (2024-06-12), a time "
              "(2024-06-12T10:20:30Z), 7 to 40 digits of a revision, the id of a snapshot, or the "
              "ETag of an answer",
              text);
    return PAST_NONSENSE;
}

void
past_put_snapshot(struct buf *out, const struct history_snapshot *snapshot)
{
    char time[TIMESTAMP_TEXT];

    buf_byte(out, '{');
    json_put_integer_member(out, "id", snapshot->id);
    json_put_text_member(out, "revision", snapshot->revision);
    json_put_text_member(out, "pulled_at", timestamp_format(snapshot->pulled_at, time));
    json_put_integer_member(out, "rows", snapshot->rows);
    json_put_integer_member(out, "added", snapshot->added);
    json_put_integer_member(out, "removed", snapshot->removed);
    json_put_integer_member(out, "changed", snapshot->changed);
    buf_byte(out, '}');
}

/* ---- reading ---- */

static bool
keep_row(void *context, const struct history_row *row)
{
    struct past *past = context;

    if ((past->count & (past->count - 1)) == 0)
        past->row = mem_resize(past->row, past->count * 2 + 1, sizeof *past->row);
    struct history_row *kept = &past->row[past->count++];
    *kept = *row;
    kept->key = arena_copy(&past->arena, row->key, row->key_length);
    kept->raw = arena_copy(&past->arena, row->raw, row->raw_length);
    return true;
}

/* Gives a snapshot's rows; false with `why` also when it is not there any more. */
static bool
rebuild(struct db *db, const struct history_snapshot *snapshot, history_put_row *put, void *context,
        struct error *why)
{
    enum history_lookup found = history_rebuild(db, snapshot->id, put, context, why);

    if (found == HISTORY_ABSENT)
        error_set(why, "snapshot %lld is not kept any more", (long long)snapshot->id);
    return found == HISTORY_FOUND;
}

bool
past_read(struct past *past, struct db *db, const struct history_snapshot *snapshot,
          struct error *why)
{
    *past = (struct past){ .snapshot = *snapshot };
    arena_init(&past->arena, 0);
    if (rebuild(db, snapshot, keep_row, past, why))
        return true;
    past_free(past);
    return false;
}

void
past_free(struct past *past)
{
    free(past->row);
    arena_free(&past->arena);
}

/* ---- as a board ---- */

static bool
put_line(void *context, const struct history_row *row)
{
    struct buf *lines = context;

    buf_put(lines, row->raw, row->raw_length);
    buf_byte(lines, '\n');
    return true;
}

enum past_result
past_board(struct db *db, const struct leaderboard *leaderboard,
           const struct history_snapshot *snapshot, const struct providers *providers,
           struct buf *block, struct board *board, struct error *why)
{
    struct table table = { 0 };
    struct view *view = NULL;
    struct buf lines;

    buf_init(&lines, block->max_bytes);
    if (!rebuild(db, snapshot, put_line, &lines, why)) {
        buf_free(&lines);
        return PAST_UNREADABLE;
    }
    bool good = buf_ok(&lines);
    if (!good) {
        error_set(why, "snapshot %lld has more than %zu bytes", (long long)snapshot->id,
                  lines.max_bytes);
    }
    good = good && rows_read(ROWS_JSONL, buf_string(&lines), lines.length, &table, why);
    buf_free(&lines);
    good = good && (view = view_new(leaderboard, &table, why)) != NULL &&
           board_build(block, leaderboard, view, &table, providers, snapshot->revision,
                       snapshot->pulled_at, why) &&
           board_open(board, buf_string(block), block->length, why);
    view_free(view);
    table_free(&table);
    return good ? PAST_FOUND : PAST_UNFIT;
}
