#include "history.h"

#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A gap can be halved 32 times; the limit lets 2^29 rows be appended one after the other. */
static const int64_t gap = INT64_C(1) << 32;
static const int64_t place_limit = INT64_C(1) << 61;

/* The entry of a row, or of a current version that no row was found for yet. */
struct entry {
    int64_t version; /* the current version that holds it; 0: none */
    int64_t occurrence;
    int64_t place;
    size_t taken; /* how many rows of this one's key and text have an entry; in the first of them */
    bool same;    /* the version's text is the row's */
    bool stays;   /* it keeps its place */
};

struct work {
    struct db *db;
    const struct history_row *rows;
    size_t count;
    struct entry *entries; /* one a row */
    size_t *sorted;        /* rows by key, then by text, then by position */
    struct entry *left;    /* versions of one key whose text no row has */
    size_t left_count, left_capacity;
    int64_t *gone; /* versions whose entry was removed */
    size_t gone_count, gone_capacity;
    int64_t added, changed, moved;
};

static int
compare_bytes(const char *a, size_t a_length, const char *b, size_t b_length)
{
    int order = memcmp(a, b, a_length < b_length ? a_length : b_length);

    return order != 0 ? order : (a_length > b_length) - (a_length < b_length);
}

static int
compare_keys(const struct history_row *a, const struct history_row *b)
{
    return compare_bytes(a->key, a->key_length, b->key, b->key_length);
}

static int
compare_raws(const struct history_row *a, const struct history_row *b)
{
    return compare_bytes(a->raw, a->raw_length, b->raw, b->raw_length);
}

static int
compare_positions(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;

    return (x > y) - (x < y);
}

static int
compare_rows(const void *a, const void *b, void *context)
{
    const struct work *work = context;
    const struct history_row *x = &work->rows[*(const size_t *)a];
    const struct history_row *y = &work->rows[*(const size_t *)b];
    int order = compare_keys(x, y);

    if (order == 0)
        order = compare_raws(x, y);
    return order != 0 ? order : compare_positions(a, b);
}

/* A column's text and length, as sqlite3_column_bytes() wants them asked for. */
static const char *
column(sqlite3_stmt *statement, int index, size_t *length)
{
    const unsigned char *text = sqlite3_column_text(statement, index);

    *length = (size_t)sqlite3_column_bytes(statement, index);
    return (const char *)text;
}

/* True, with the reason passed on, when the last db_next() came to no proper end. */
static bool
failed(const struct error *failure, struct error *why)
{
    if (failure->text[0] == '\0')
        return false;
    error_set(why, "history: %s", failure->text);
    return true;
}

/* ---- which row is which entry ---- */

/* Among the rows [first, last) of one key, the next that has this text and no entry; NULL when
 * there is none. */
static struct entry *
find_same(const struct work *work, size_t first, size_t last, const struct history_row *wanted)
{
    size_t low = first, high = last;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_raws(&work->rows[work->sorted[middle]], wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == last)
        return NULL;
    size_t *taken = &work->entries[work->sorted[low]].taken;
    if (low + *taken == last || compare_raws(&work->rows[work->sorted[low + *taken]], wanted) != 0)
        return NULL;
    return &work->entries[work->sorted[low + (*taken)++]];
}

static void
leave(struct work *work, struct entry version)
{
    if (work->left_count == work->left_capacity) {
        work->left_capacity = work->left_capacity * 2 + 8;
        work->left = mem_resize(work->left, work->left_capacity, sizeof *work->left);
    }
    work->left[work->left_count++] = version;
}

static void
remove_version(struct work *work, int64_t version)
{
    if (work->gone_count == work->gone_capacity) {
        work->gone_capacity = work->gone_capacity * 2 + 8;
        work->gone = mem_resize(work->gone, work->gone_capacity, sizeof *work->gone);
    }
    work->gone[work->gone_count++] = version;
}

/* Gives the versions that are left over to the rows [first, last) of their key that have none, in
 * order. Rows beyond them are new entries, versions beyond them are gone. */
static void
settle(struct work *work, size_t first, size_t last, int64_t next_occurrence)
{
    size_t given = 0;

    qsort(work->sorted + first, last - first, sizeof *work->sorted, compare_positions);
    for (size_t i = first; i < last; i++) {
        struct entry *entry = &work->entries[work->sorted[i]];
        if (entry->version != 0)
            continue;
        if (given < work->left_count) {
            *entry = work->left[given++];
            work->changed++;
        } else {
            entry->occurrence = next_occurrence++;
            work->added++;
        }
    }
    while (given < work->left_count)
        remove_version(work, work->left[given++].version);
    work->left_count = 0;
}

/* The current versions, one after the other by key and, so that rows which are the same in every
 * byte find theirs, by place. */
struct cursor {
    sqlite3_stmt *statement;
    bool more; /* there is one */
    struct entry entry;
    struct history_row row;
};

static void
advance(const struct work *work, struct cursor *cursor, struct error *failure)
{
    sqlite3_stmt *statement = cursor->statement;

    cursor->more = db_next(work->db, statement, failure);
    if (!cursor->more)
        return;
    cursor->entry = (struct entry){ .version = sqlite3_column_int64(statement, 0),
                                    .occurrence = sqlite3_column_int64(statement, 1),
                                    .place = sqlite3_column_int64(statement, 2) };
    cursor->row.key = column(statement, 3, &cursor->row.key_length);
    cursor->row.raw = column(statement, 4, &cursor->row.raw_length);
}

/* Finds the entries of the rows from `first` on that share a key. Returns where they end. */
static size_t
match_key(struct work *work, size_t first, struct cursor *cursor, struct error *failure)
{
    const struct history_row *row = &work->rows[work->sorted[first]];
    size_t last = first + 1;
    int64_t next_occurrence = 0;

    while (last < work->count && compare_keys(&work->rows[work->sorted[last]], row) == 0)
        last++;
    while (cursor->more && compare_keys(&cursor->row, row) == 0) {
        struct entry *entry = find_same(work, first, last, &cursor->row);
        if (next_occurrence <= cursor->entry.occurrence)
            next_occurrence = cursor->entry.occurrence + 1;
        if (entry == NULL) {
            leave(work, cursor->entry);
        } else {
            cursor->entry.taken = entry->taken;
            cursor->entry.same = true;
            *entry = cursor->entry;
        }
        advance(work, cursor, failure);
    }
    settle(work, first, last, next_occurrence);
    return last;
}

/* Walks the rows and the current versions side by side, key by key. */
static bool
match(struct work *work, struct error *why)
{
    struct error failure = { "" };
    struct cursor cursor = { .statement = db_query(work->db, SQL_HISTORY_CURRENT, DB_NULL) };
    size_t first = 0;

    for (size_t i = 0; i < work->count; i++)
        work->sorted[i] = i;
    qsort_r(work->sorted, work->count, sizeof *work->sorted, compare_rows, work);
    advance(work, &cursor, &failure);
    while (cursor.more || first < work->count) {
        if (cursor.more && (first == work->count ||
                            compare_keys(&cursor.row, &work->rows[work->sorted[first]]) < 0)) {
            remove_version(work, cursor.entry.version);
            advance(work, &cursor, &failure);
        } else {
            first = match_key(work, first, &cursor, &failure);
        }
        if (failed(&failure, why))
            return false;
    }
    return true;
}

/* ---- the order ---- */

/* Lets a longest run of rows whose places ascend stay: the others moved, or are new. */
static void
choose_staying(struct work *work)
{
    size_t *ends = mem_zero(work->count, sizeof *ends); /* ends[n]: of the best run of n + 1 rows */
    size_t *before = mem_zero(work->count, sizeof *before); /* what precedes a row in its run */
    size_t longest = 0;

    for (size_t row = 0; row < work->count; row++) {
        if (work->entries[row].version == 0)
            continue;
        size_t low = 0, high = longest;
        while (low < high) {
            size_t middle = low + (high - low) / 2;
            if (work->entries[ends[middle]].place < work->entries[row].place)
                low = middle + 1;
            else
                high = middle;
        }
        before[row] = low == 0 ? row : ends[low - 1];
        ends[low] = row;
        longest += low == longest;
    }
    for (size_t row = longest == 0 ? 0 : ends[longest - 1]; longest != 0; longest--) {
        work->entries[row].stays = true;
        row = before[row];
    }
    free(ends);
    free(before);
}

/* Gives places to the rows that do not stay, between those that do. False when a gap has no room
 * for them. */
static bool
choose_places(struct work *work)
{
    struct entry *entries = work->entries;
    size_t row = 0;

    while (row < work->count) {
        size_t end = row;
        while (end < work->count && !entries[end].stays)
            end++;
        int64_t parts = (int64_t)(end - row) + 1;
        int64_t low = row == 0 ? -place_limit : entries[row - 1].place;
        int64_t high = end == work->count ? place_limit : entries[end].place;
        int64_t step = (high - low) / parts < gap ? (high - low) / parts : gap;
        if (step == 0)
            return false;
        int64_t place = row != 0 ? low : end != work->count ? high - step * parts : 0;
        for (; row < end; row++)
            entries[row].place = place += step;
        row = end + 1;
    }
    return true;
}

static void
order(struct work *work)
{
    choose_staying(work);
    if (!choose_places(work)) {
        for (size_t row = 0; row < work->count; row++)
            work->entries[row].stays = false;
        choose_places(work);
    }
    for (size_t row = 0; row < work->count; row++)
        work->moved += work->entries[row].version != 0 && !work->entries[row].stays;
}

/* ---- writing ---- */

static bool
write_snapshot(const struct work *work, const char *revision, int64_t pulled_at, struct error *why)
{
    struct db *db = work->db;

    if (!db_run(db, SQL_HISTORY_SNAPSHOT_INSERT, why, DB_TEXT(revision), DB_INTEGER(pulled_at),
                DB_INTEGER(work->count), DB_INTEGER(work->added), DB_INTEGER(work->gone_count),
                DB_INTEGER(work->changed)))
        return false;
    int64_t id = sqlite3_last_insert_rowid(db->handle);
    for (size_t i = 0; i < work->gone_count; i++)
        if (!db_run(db, SQL_HISTORY_VERSION_END, why, DB_INTEGER(work->gone[i]), DB_INTEGER(id)))
            return false;
    for (size_t i = 0; i < work->count; i++) {
        const struct entry *entry = &work->entries[i];
        const struct history_row *row = &work->rows[i];
        if (entry->same && entry->stays)
            continue;
        if (entry->version != 0 &&
            !db_run(db, SQL_HISTORY_VERSION_END, why, DB_INTEGER(entry->version), DB_INTEGER(id)))
            return false;
        if (!db_run(db, SQL_HISTORY_VERSION_INSERT, why, DB_INTEGER(id), DB_INTEGER(entry->place),
                    DB_INTEGER(entry->occurrence), DB_BYTES(row->key, row->key_length),
                    DB_BYTES(row->raw, row->raw_length)))
            return false;
    }
    return true;
}

/* Drops all but the newest `keep` snapshots, and the versions that none of those needs. */
static bool
trim(struct db *db, long keep, struct error *why)
{
    struct error failure;

    if (keep <= 0)
        return db_run(db, SQL_HISTORY_SNAPSHOT_CLEAR, why, DB_NULL) &&
               db_run(db, SQL_HISTORY_VERSION_CLEAR, why, DB_NULL);
    sqlite3_stmt *oldest = db_query(db, SQL_HISTORY_OLDEST, DB_INTEGER(keep));
    if (!db_next(db, oldest, &failure))
        return !failed(&failure, why);
    int64_t id = sqlite3_column_int64(oldest, 0);
    db_done(oldest);
    return db_run(db, SQL_HISTORY_SNAPSHOT_TRIM, why, DB_INTEGER(id)) &&
           db_run(db, SQL_HISTORY_VERSION_TRIM, why, DB_INTEGER(id));
}

enum history_result
history_record(struct db *db, const struct history_row *rows, size_t count, const char *revision,
               int64_t pulled_at, long keep, struct error *why)
{
    if (keep <= 0)
        return trim(db, keep, why) ? HISTORY_SAME : HISTORY_FAILED;

    struct work work = { .db = db, .rows = rows, .count = count };
    enum history_result result = HISTORY_FAILED;
    work.entries = mem_zero(count, sizeof *work.entries);
    work.sorted = mem_zero(count, sizeof *work.sorted);
    if (match(&work, why)) {
        order(&work);
        bool differs = work.gone_count != 0 || work.added + work.changed + work.moved != 0;
        if ((!differs || write_snapshot(&work, revision, pulled_at, why)) && trim(db, keep, why))
            result = differs ? HISTORY_RECORDED : HISTORY_SAME;
    }
    free(work.entries);
    free(work.sorted);
    free(work.left);
    free(work.gone);
    return result;
}

/* ---- reading ---- */

static void
read_snapshot(sqlite3_stmt *row, struct history_snapshot *snapshot)
{
    snapshot->id = sqlite3_column_int64(row, 0);
    snprintf(snapshot->revision, sizeof snapshot->revision, "%s", db_column_text(row, 1));
    snapshot->pulled_at = sqlite3_column_int64(row, 2);
    snapshot->rows = sqlite3_column_int64(row, 3);
    snapshot->added = sqlite3_column_int64(row, 4);
    snapshot->removed = sqlite3_column_int64(row, 5);
    snapshot->changed = sqlite3_column_int64(row, 6);
}

static enum history_lookup
find(struct db *db, sqlite3_stmt *row, struct history_snapshot *snapshot, struct error *why)
{
    struct error failure;

    if (!db_next(db, row, &failure))
        return failed(&failure, why) ? HISTORY_UNREADABLE : HISTORY_ABSENT;
    read_snapshot(row, snapshot);
    db_done(row);
    return HISTORY_FOUND;
}

enum history_lookup
history_find(struct db *db, int64_t id, struct history_snapshot *snapshot, struct error *why)
{
    return find(db, db_query(db, SQL_HISTORY_FIND, DB_INTEGER(id)), snapshot, why);
}

enum history_lookup
history_find_revision(struct db *db, const char *prefix, struct history_snapshot *snapshot,
                      struct error *why)
{
    return find(db, db_query(db, SQL_HISTORY_FIND_REVISION, DB_TEXT(prefix)), snapshot, why);
}

enum history_lookup
history_find_time(struct db *db, int64_t time, struct history_snapshot *snapshot, struct error *why)
{
    return find(db, db_query(db, SQL_HISTORY_FIND_TIME, DB_INTEGER(time)), snapshot, why);
}

bool
history_list(struct db *db, int64_t before, struct history_snapshot *snapshots, size_t limit,
             size_t *count, struct error *why)
{
    struct error failure;
    sqlite3_stmt *row = db_query(db, SQL_HISTORY_LIST, DB_INTEGER(before), DB_INTEGER(limit));

    *count = 0;
    while (db_next(db, row, &failure))
        read_snapshot(row, &snapshots[(*count)++]);
    return !failed(&failure, why);
}

enum history_lookup
history_rebuild(struct db *db, int64_t id, history_put_row *put, void *context, struct error *why)
{
    struct history_snapshot snapshot;
    struct error failure;
    enum history_lookup found = history_find(db, id, &snapshot, why);

    if (found != HISTORY_FOUND)
        return found;
    sqlite3_stmt *version = db_query(db, SQL_HISTORY_REBUILD, DB_INTEGER(id));
    while (db_next(db, version, &failure)) {
        struct history_row row;
        row.key = column(version, 1, &row.key_length);
        row.raw = column(version, 2, &row.raw_length);
        if (!put(context, &row)) {
            db_done(version);
            return HISTORY_FOUND;
        }
    }
    return failed(&failure, why) ? HISTORY_UNREADABLE : HISTORY_FOUND;
}

/* The versions of one key that one of two snapshots holds and the other does not. */
struct sides {
    struct arena arena; /* holds the texts */
    struct side {
        struct history_row row;
        int64_t occurrence;
        bool shared; /* the other snapshot has a row of this text too */
    } * side;        /* those of the earlier snapshot, then the later's, each in their order */
    size_t count, capacity;
    size_t begun; /* how many are the earlier's */
};

static void
add_side(struct sides *sides, sqlite3_stmt *version)
{
    struct side side = { .occurrence = sqlite3_column_int64(version, 1) };
    const char *key = column(version, 0, &side.row.key_length);
    const char *raw = column(version, 3, &side.row.raw_length);

    if (sides->count == sides->capacity) {
        sides->capacity = sides->capacity * 2 + 8;
        sides->side = mem_resize(sides->side, sides->capacity, sizeof *sides->side);
    }
    side.row.key = sides->count != 0 ? sides->side[0].row.key
                                     : arena_copy(&sides->arena, key, side.row.key_length);
    side.row.raw = arena_copy(&sides->arena, raw, side.row.raw_length);
    sides->begun += sqlite3_column_int(version, 2) == 0;
    sides->side[sides->count++] = side;
}

static int
compare_sides(const void *a, const void *b)
{
    const struct side *x = *(struct side *const *)a, *y = *(struct side *const *)b;
    int order = compare_raws(&x->row, &y->row);

    return order != 0 ? order : (x > y) - (x < y);
}

/* Marks what both snapshots hold: entries that share a key may have swapped their texts. */
static void
find_shared(struct sides *sides)
{
    struct side **sorted = mem_zero(sides->count, sizeof *sorted);
    size_t old = 0, new = sides->begun;

    for (size_t i = 0; i < sides->count; i++)
        sorted[i] = &sides->side[i];
    qsort(sorted, new, sizeof *sorted, compare_sides);
    qsort(sorted + new, sides->count - new, sizeof *sorted, compare_sides);
    while (old < sides->begun && new < sides->count) {
        int order = compare_raws(&sorted[old]->row, &sorted[new]->row);
        if (order == 0)
            sorted[old]->shared = sorted[new]->shared = true;
        old += order <= 0;
        new += order >= 0;
    }
    free(sorted);
}

/* Gives the changes of one key, and forgets it. False when `put` ended it. */
static bool
put_sides(struct sides *sides, history_put_change *put, void *context)
{
    size_t old = 0, new = sides->begun;
    bool more = true;

    find_shared(sides);
    while (more) {
        while (old < sides->begun && sides->side[old].shared)
            old++;
        while (new < sides->count && sides->side[new].shared)
            new ++;
        struct history_change change = { .kind = HISTORY_CHANGED };
        const struct side *before = old < sides->begun ? &sides->side[old++] : NULL;
        const struct side *after = new < sides->count ? &sides->side[new ++] : NULL;
        const struct side *known = after != NULL ? after : before;
        if (known == NULL)
            break;
        change.occurrence = known->occurrence;
        change.before = change.after =
            (struct history_row){ .key = known->row.key, .key_length = known->row.key_length };
        if (before != NULL)
            change.before = before->row;
        else
            change.kind = HISTORY_ADDED;
        if (after != NULL)
            change.after = after->row;
        else
            change.kind = HISTORY_REMOVED;
        more = put(context, &change);
    }
    arena_free(&sides->arena);
    sides->count = sides->begun = 0;
    return more;
}

enum history_lookup
history_changes(struct db *db, int64_t from, int64_t to, history_put_change *put, void *context,
                struct error *why)
{
    struct history_snapshot snapshot;
    struct error failure;
    struct sides sides = { 0 };
    enum history_lookup found = history_find(db, from, &snapshot, why);
    bool more = true;

    if (found == HISTORY_FOUND)
        found = history_find(db, to, &snapshot, why);
    if (found != HISTORY_FOUND)
        return found;
    arena_init(&sides.arena, 0);
    sqlite3_stmt *version = db_query(db, SQL_HISTORY_CHANGES, DB_INTEGER(from), DB_INTEGER(to));
    while (more && db_next(db, version, &failure)) {
        struct history_row row = { 0 };
        row.key = column(version, 0, &row.key_length);
        if (sides.count != 0 && compare_keys(&row, &sides.side[0].row) != 0)
            more = put_sides(&sides, put, context);
        add_side(&sides, version);
    }
    if (!more)
        db_done(version);
    else if (failed(&failure, why))
        found = HISTORY_UNREADABLE;
    else
        put_sides(&sides, put, context);
    arena_free(&sides.arena);
    free(sides.side);
    return found;
}
