#include "changes.h"

#include "json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum side { BEFORE, AFTER, SIDES };

/* A row and where it stands in its snapshot. */
struct standing {
    const struct history_row *row;
    double average; /* NaN where there is none */
    size_t rank;    /* 0 where there is none */
};

/* An entry in both snapshots, or in one. */
struct pair {
    const struct standing *side[SIDES]; /* NULL: it is not in that one */
    bool rescored, other;               /* what changed */
};

struct work {
    const struct columns_known *columns;
    const struct standing **list[SIDES]; /* what has no pair yet */
    size_t left[SIDES];
    struct pair *pair;
    size_t pairs;
    struct entry entry[SIDES];
};

/* ---- standings ---- */

static int
compare_averages(const void *a, const void *b)
{
    double x = (*(const struct standing *const *)a)->average;
    double y = (*(const struct standing *const *)b)->average;

    if (isnan(x) || isnan(y))
        return isnan(x) - isnan(y);
    return (x < y) - (x > y);
}

/* Reads where each row stands. The caller frees it. */
static struct standing *
standings(struct work *work, const struct past *past)
{
    struct standing *all = mem_zero(past->count, sizeof *all);
    struct standing **sorted = mem_zero(past->count, sizeof *sorted);

    for (size_t i = 0; i < past->count; i++) {
        entry_read(&work->entry[BEFORE], &past->row[i]);
        all[i].row = &past->row[i];
        all[i].average = slice_number(entry_value(&work->entry[BEFORE], &work->columns->average));
        sorted[i] = &all[i];
    }
    qsort(sorted, past->count, sizeof *sorted, compare_averages);
    for (size_t i = 0; i < past->count && !isnan(sorted[i]->average); i++) {
        bool tied = i != 0 && sorted[i]->average >= sorted[i - 1]->average;
        sorted[i]->rank = tied ? sorted[i - 1]->rank : i + 1;
    }
    free(sorted);
    return all;
}

/* ---- pairing ---- */

static int
compare_bytes(const char *a, size_t a_length, const char *b, size_t b_length)
{
    int order = memcmp(a, b, a_length < b_length ? a_length : b_length);

    return order != 0 ? order : (a_length > b_length) - (a_length < b_length);
}

static int
compare_keys(const struct standing *a, const struct standing *b)
{
    return compare_bytes(a->row->key, a->row->key_length, b->row->key, b->row->key_length);
}

static int
compare_rows(const struct standing *a, const struct standing *b)
{
    int order = compare_keys(a, b);

    return order != 0
               ? order
               : compare_bytes(a->row->raw, a->row->raw_length, b->row->raw, b->row->raw_length);
}

static int
sort_by_key(const void *a, const void *b)
{
    const struct standing *x = *(const struct standing *const *)a;
    const struct standing *y = *(const struct standing *const *)b;
    int order = compare_keys(x, y);

    return order != 0 ? order : (x > y) - (x < y);
}

static int
sort_by_row(const void *a, const void *b)
{
    const struct standing *x = *(const struct standing *const *)a;
    const struct standing *y = *(const struct standing *const *)b;
    int order = compare_rows(x, y);

    return order != 0 ? order : (x > y) - (x < y);
}

/* Pairs what is equal in both lists, sorted so. What remains stays in them or, the last time, is
 * half a pair. */
static void
pair_equal(struct work *work, int (*compare)(const struct standing *, const struct standing *),
           bool last)
{
    size_t count[SIDES] = { work->left[BEFORE], work->left[AFTER] }, at[SIDES] = { 0 };

    work->left[BEFORE] = work->left[AFTER] = 0;
    while (at[BEFORE] < count[BEFORE] || at[AFTER] < count[AFTER]) {
        int order = at[BEFORE] == count[BEFORE] ? 1
                    : at[AFTER] == count[AFTER]
                        ? -1
                        : compare(work->list[BEFORE][at[BEFORE]], work->list[AFTER][at[AFTER]]);
        const struct standing *before = order <= 0 ? work->list[BEFORE][at[BEFORE]++] : NULL;
        const struct standing *after = order >= 0 ? work->list[AFTER][at[AFTER]++] : NULL;
        if (order == 0 || last)
            work->pair[work->pairs++] = (struct pair){ .side = { before, after } };
        else if (before != NULL)
            work->list[BEFORE][work->left[BEFORE]++] = before;
        else
            work->list[AFTER][work->left[AFTER]++] = after;
    }
}

bool
changes_rescored(const struct columns_known *columns, const struct entry *before,
                 const struct entry *after)
{
    if (!slice_equal(entry_value(before, &columns->average), entry_value(after, &columns->average)))
        return true;
    for (size_t i = 0; i < columns->scores; i++)
        if (!slice_equal(entry_value(before, &columns->score[i].columns),
                         entry_value(after, &columns->score[i].columns)))
            return true;
    return false;
}

static const struct slice null_value = { "null", 4 };

/* Gives the columns that differ and are no scores, those of the later snapshot first, until `put`
 * ends it. True when there is one. */
static bool
other_fields(const struct work *work,
             bool (*put)(struct buf *out, struct slice key, struct slice before,
                         struct slice after),
             struct buf *out)
{
    const struct entry *before = &work->entry[BEFORE], *after = &work->entry[AFTER];
    bool any = false;

    for (size_t i = 0; i < after->count; i++) {
        struct member now = after->member[i];
        const struct slice *old = entry_member(before, now.key, i);
        struct slice was = old == NULL ? null_value : *old;
        if (slice_equal(was, now.value) || columns_scored(work->columns, now.key))
            continue;
        any = true;
        if (!put(out, now.key, was, now.value))
            return true;
    }
    for (size_t i = 0; i < before->count; i++) {
        struct member was = before->member[i];
        if (entry_member(after, was.key, i) != NULL || slice_equal(was.value, null_value) ||
            columns_scored(work->columns, was.key))
            continue;
        any = true;
        if (!put(out, was.key, was.value, null_value))
            return true;
    }
    return any;
}

static bool
put_nothing(struct buf *out, struct slice key, struct slice before, struct slice after)
{
    (void)out, (void)key, (void)before, (void)after;
    return false;
}

/* Finds the pairs, and what changed in each. Returns how many differ. */
static size_t
pair_up(struct work *work)
{
    size_t total = 0;

    for (int side = 0; side < SIDES; side++)
        qsort(work->list[side], work->left[side], sizeof *work->list[side], sort_by_row);
    pair_equal(work, compare_rows, false);
    size_t same = work->pairs;
    for (int side = 0; side < SIDES; side++)
        qsort(work->list[side], work->left[side], sizeof *work->list[side], sort_by_key);
    pair_equal(work, compare_keys, true);
    total = work->pairs - same;
    for (struct pair *pair = work->pair + same; pair < work->pair + work->pairs; pair++) {
        if (pair->side[BEFORE] == NULL || pair->side[AFTER] == NULL)
            continue;
        for (int side = 0; side < SIDES; side++)
            entry_read(&work->entry[side], pair->side[side]->row);
        pair->rescored = changes_rescored(work->columns, &work->entry[BEFORE], &work->entry[AFTER]);
        pair->other = other_fields(work, put_nothing, NULL);
    }
    return total;
}

/* ---- the lists ---- */

static double
moved(const struct pair *pair)
{
    double move = pair->side[AFTER]->average - pair->side[BEFORE]->average;

    return isnan(move) ? 0 : fabs(move);
}

static size_t
rank_move(const struct pair *pair)
{
    size_t before = pair->side[BEFORE]->rank, after = pair->side[AFTER]->rank;

    return before > after ? before - after : after - before;
}

static bool
is_new(const struct pair *pair)
{
    return pair->side[BEFORE] == NULL;
}

static bool
is_gone(const struct pair *pair)
{
    return pair->side[AFTER] == NULL;
}

static bool
is_rescored(const struct pair *pair)
{
    return pair->rescored;
}

static bool
is_ranked_anew(const struct pair *pair)
{
    return !is_new(pair) && !is_gone(pair) && pair->side[BEFORE]->rank != 0 &&
           pair->side[AFTER]->rank != 0 && rank_move(pair) != 0;
}

static bool
has_other_fields(const struct pair *pair)
{
    return pair->other;
}

static const struct standing *
known_side(const struct pair *pair)
{
    return is_gone(pair) ? pair->side[BEFORE] : pair->side[AFTER];
}

/* The order of two pairs that a list's own order leaves open. */
static int
by_place(const struct pair *a, const struct pair *b)
{
    const struct standing *x = known_side(a), *y = known_side(b);

    if (x->rank != y->rank)
        return x->rank - 1 < y->rank - 1 ? -1 : 1; /* no rank, 0, goes last */
    int order = compare_keys(x, y);
    return order != 0 ? order : (x > y) - (x < y);
}

static int
sort_by_place(const void *a, const void *b)
{
    return by_place(*(const struct pair *const *)a, *(const struct pair *const *)b);
}

static int
sort_by_score(const void *a, const void *b)
{
    const struct pair *x = *(const struct pair *const *)a, *y = *(const struct pair *const *)b;
    double p = moved(x), q = moved(y);

    return p > q ? -1 : p < q ? 1 : by_place(x, y);
}

static int
sort_by_rank(const void *a, const void *b)
{
    const struct pair *x = *(const struct pair *const *)a, *y = *(const struct pair *const *)b;
    size_t p = rank_move(x), q = rank_move(y);

    return p > q ? -1 : p < q ? 1 : by_place(x, y);
}

static void
put_slice(struct buf *out, struct slice value)
{
    buf_put(out, value.text, value.length);
}

static void
put_sides(struct buf *out, struct slice before, struct slice after)
{
    buf_text(out, "{\"before\":");
    put_slice(out, before);
    buf_text(out, ",\"after\":");
    put_slice(out, after);
    buf_byte(out, '}');
}

static bool
put_move(struct buf *out, struct slice key, struct slice before, struct slice after)
{
    if (out->data[out->length - 1] != '{')
        buf_byte(out, ',');
    put_slice(out, key);
    buf_byte(out, ':');
    put_sides(out, before, after);
    return true;
}

/* Whose entry it is, without the closing brace. */
static void
put_identity(const struct work *work, struct buf *out, const struct standing *standing,
             const struct entry *entry)
{
    buf_text(out, "{\"id\":");
    json_put_text(out, standing->row->key, standing->row->key_length);
    json_put_key(out, "name");
    put_slice(out, entry_value(entry, &work->columns->name));
    json_put_key(out, "precision");
    put_slice(out, entry_value(entry, &work->columns->precision));
    json_put_key(out, "revision");
    put_slice(out, entry_value(entry, &work->columns->revision));
}

static void
put_standing(const struct work *work, struct buf *out, const struct pair *pair)
{
    const struct standing *standing = known_side(pair);
    const struct entry *entry = &work->entry[is_gone(pair) ? BEFORE : AFTER];

    json_put_key(out, "average");
    put_slice(out, entry_value(entry, &work->columns->average));
    json_put_key(out, "rank");
    if (standing->rank == 0)
        buf_text(out, "null");
    else
        json_put_integer(out, (int64_t)standing->rank);
}

static void
put_scores(const struct work *work, struct buf *out, const struct pair *pair)
{
    const struct entry *before = &work->entry[BEFORE], *after = &work->entry[AFTER];
    const struct columns_known *columns = work->columns;

    (void)pair;
    json_put_key(out, "average");
    put_sides(out, entry_value(before, &columns->average), entry_value(after, &columns->average));
    json_put_key(out, "scores");
    buf_byte(out, '{');
    for (size_t i = 0; i < columns->scores; i++) {
        struct slice was = entry_value(before, &columns->score[i].columns);
        struct slice now = entry_value(after, &columns->score[i].columns);
        if (slice_equal(was, now))
            continue;
        json_put_key(out, columns->score[i].key);
        put_sides(out, was, now);
    }
    buf_byte(out, '}');
}

static void
put_ranks(const struct work *work, struct buf *out, const struct pair *pair)
{
    (void)work;
    json_put_integer_member(out, "before", (int64_t)pair->side[BEFORE]->rank);
    json_put_integer_member(out, "after", (int64_t)pair->side[AFTER]->rank);
}

static void
put_fields(const struct work *work, struct buf *out, const struct pair *pair)
{
    (void)pair;
    json_put_key(out, "fields");
    buf_byte(out, '{');
    other_fields(work, put_move, out);
    buf_byte(out, '}');
}

static const struct list {
    const char *key;
    bool (*takes)(const struct pair *);
    int (*compare)(const void *, const void *);
    void (*put)(const struct work *, struct buf *, const struct pair *);
} lists[] = {
    { "new", is_new, sort_by_place, put_standing },
    { "gone", is_gone, sort_by_place, put_standing },
    { "rescored", is_rescored, sort_by_score, put_scores },
    { "ranks", is_ranked_anew, sort_by_rank, put_ranks },
    { "fields", has_other_fields, sort_by_place, put_fields },
};

/* Appends one list; returns how many belong into it. */
static size_t
put_list(struct work *work, struct buf *out, const struct list *list, size_t limit)
{
    const struct pair **chosen = mem_zero(work->pairs, sizeof *chosen);
    size_t count = 0;

    for (size_t i = 0; i < work->pairs; i++)
        if (list->takes(&work->pair[i]))
            chosen[count++] = &work->pair[i];
    qsort(chosen, count, sizeof *chosen, list->compare);
    json_put_key(out, list->key);
    buf_byte(out, '[');
    for (size_t i = 0; i < count && i < limit; i++) {
        const struct pair *pair = chosen[i];
        for (int side = 0; side < SIDES; side++)
            if (pair->side[side] != NULL)
                entry_read(&work->entry[side], pair->side[side]->row);
        if (i != 0)
            buf_byte(out, ',');
        put_identity(work, out, known_side(pair), &work->entry[is_gone(pair) ? BEFORE : AFTER]);
        list->put(work, out, pair);
        buf_byte(out, '}');
    }
    buf_byte(out, ']');
    free(chosen);
    return count;
}

void
changes_put(struct buf *out, const struct columns_known *columns, const struct past *from,
            const struct past *to, size_t limit)
{
    const struct past *past[SIDES] = { from, to };
    struct work work = { .columns = columns };
    size_t count[sizeof lists / sizeof lists[0]];
    struct standing *all[SIDES];

    work.pair = mem_zero(from->count + to->count, sizeof *work.pair);
    for (int side = 0; side < SIDES; side++) {
        all[side] = standings(&work, past[side]);
        work.left[side] = past[side]->count;
        work.list[side] = mem_zero(work.left[side], sizeof *work.list[side]);
        for (size_t i = 0; i < work.left[side]; i++)
            work.list[side][i] = &all[side][i];
    }
    json_put_key(out, "from");
    past_put_snapshot(out, &from->snapshot);
    json_put_key(out, "to");
    past_put_snapshot(out, &to->snapshot);
    json_put_integer_member(out, "total", (int64_t)pair_up(&work));
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        count[i] = put_list(&work, out, &lists[i], limit);
    json_put_key(out, "counts");
    buf_byte(out, '{');
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        json_put_integer_member(out, lists[i].key, (int64_t)count[i]);
    buf_byte(out, '}');
    for (int side = 0; side < SIDES; side++) {
        entry_free(&work.entry[side]);
        free(work.list[side]);
        free(all[side]);
    }
    free(work.pair);
}
