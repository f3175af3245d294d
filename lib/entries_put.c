#include "entries.h"

#include "fragment.h"
#include "json.h"
#include "timestamp.h"

#include <math.h>
#include <string.h>

/* ---- values ---- */

void
entries_put_value(struct buf *out, const struct board_column *column, size_t row)
{
    const char *text;

    if (column == NULL) {
        buf_text(out, "null");
        return;
    }
    switch (column->kind) {
    case BOARD_NUMBER:
        json_put_real(out, column->numbers[row]);
        break;
    case BOARD_FLAG:
        json_put_boolean(out, column->flags[row] != 0);
        break;
    case BOARD_TEXT:
    case BOARD_KINDS:
        text = board_text(column, row);
        if (text[0] == '\0')
            buf_text(out, "null");
        else
            json_put_text(out, text, strlen(text));
        break;
    }
}

void
entries_put_member(struct buf *out, const char *key, const struct board_column *column, size_t row)
{
    json_put_key(out, key);
    entries_put_value(out, column, row);
}

void
entries_put_as_of(struct buf *out, const struct board *board)
{
    json_put_key(out, "as_of");
    board_put_as_of(out, board);
}

/* ---- one model ---- */

/* Appends the members of a standing, the rank under that key. */
static void
put_standing(struct buf *out, const char *key, const struct standing *standing)
{
    json_put_integer_member(out, key, (int64_t)standing->rank);
    json_put_integer_member(out, "of", (int64_t)standing->of);
    json_put_integer_member(out, "tied", (int64_t)standing->tied);
    json_put_key(out, "percentile");
    json_put_real(out, standing->percentile);
}

static void
put_benchmarks(struct buf *out, const struct board *board, size_t row)
{
    struct standing standing;
    bool first = true;

    json_put_key(out, "benchmarks");
    buf_byte(out, '{');
    for (size_t i = 0; i < board->columns; i++) {
        const struct board_column *column = &board->column[i];
        if (column->group != BOARD_EVALUATION || !standing_find(&standing, board, column, row))
            continue;
        json_put_key(out, column->key);
        buf_byte(out, '{');
        put_standing(out, "rank", &standing);
        buf_format(out, ",\"best\":%s}", standing.rank == 1 ? "true" : "false");
    }
    buf_text(out, "},\"missing\":[");
    for (size_t i = 0; i < board->columns; i++) {
        const struct board_column *column = &board->column[i];
        if (column->group != BOARD_EVALUATION || !isnan(column->numbers[row]))
            continue;
        if (!first)
            buf_byte(out, ',');
        json_put_text(out, column->key, strlen(column->key));
        first = false;
    }
    buf_byte(out, ']');
}

static void
put_entry(struct buf *out, const struct board *board, size_t row)
{
    struct standing standing;
    size_t length;
    const char *entry = board_fragment(board, BODY_FORMATTED, PROFILE_DOCUMENTED, row, &length);

    buf_put(out, entry, length - 1);
    json_put_key(out, "rank");
    if (standing_find(&standing, board, entries_numbers(board, "average"), row)) {
        buf_byte(out, '{');
        put_standing(out, "overall", &standing);
        buf_byte(out, '}');
    } else {
        buf_text(out, "null");
    }
    put_benchmarks(out, board, row);
    buf_byte(out, '}');
}

/* Appends the rows from `first` up to `last` in the order of the average. */
static void
put_places(struct buf *out, const struct board *board, size_t first, size_t last)
{
    const struct board_column *average = entries_numbers(board, "average");

    buf_byte(out, '[');
    for (size_t i = first; i < last; i++) {
        size_t row = average->order[i];
        buf_text(out, i == first ? "{" : ",{");
        entries_put_member(out, "name", entries_texts(board, "name"), row);
        entries_put_member(out, "precision", entries_texts(board, "precision"), row);
        entries_put_member(out, "average_score", average, row);
        json_put_integer_member(out, "rank", (int64_t)board_rank(board, average, row, NULL));
        buf_byte(out, '}');
    }
    buf_byte(out, ']');
}

static void
put_neighbours(struct buf *out, const struct board *board, size_t row)
{
    enum { NEIGHBOURS = 3 };
    const struct board_column *average = entries_numbers(board, "average");
    size_t at = 0, count = 0;

    if (average != NULL && !isnan(average->numbers[row])) {
        count = entries_counted(board, average);
        while (average->order[at] != row)
            at++;
    }
    size_t rest = count == 0 ? 0 : count - at - 1;
    buf_text(out, "{\"above\":");
    put_places(out, board, at < NEIGHBOURS ? 0 : at - NEIGHBOURS, at);
    buf_text(out, ",\"below\":");
    put_places(out, board, at + 1, at + 1 + (rest < NEIGHBOURS ? rest : NEIGHBOURS));
    buf_byte(out, '}');
}

void
entries_put_model(struct buf *out, const struct board *board, const char *name,
                  const struct entries *entries)
{
    size_t best = entries->row[0];

    buf_byte(out, '{');
    json_put_text_member(out, "name", name);
    json_put_key(out, "entries");
    for (size_t i = 0; i < entries->count; i++) {
        buf_byte(out, i == 0 ? '[' : ',');
        put_entry(out, board, entries->row[i]);
    }
    buf_byte(out, ']');
    json_put_key(out, "neighbours");
    entries_best(entries, board, NULL, NULL, &best);
    put_neighbours(out, board, best);
    entries_put_as_of(out, board);
    buf_byte(out, '}');
}

/* ---- several entries side by side ---- */

static void
put_compared(struct buf *out, const struct board *board, size_t row)
{
    const struct board_column *average = entries_numbers(board, "average");
    struct standing standing;

    buf_byte(out, '{');
    entries_put_member(out, "name", entries_texts(board, "name"), row);
    entries_put_member(out, "precision", entries_texts(board, "precision"), row);
    entries_put_member(out, "sha", entries_texts(board, "sha"), row);
    entries_put_member(out, "average_score", average, row);
    entries_put_member(out, "params_billions", entries_numbers(board, "params"), row);
    json_put_key(out, "rank");
    if (standing_find(&standing, board, average, row))
        json_put_integer(out, (int64_t)standing.rank);
    else
        buf_text(out, "null");
    buf_byte(out, '}');
}

/* Appends the members scores, differences and best. */
static void
put_scores(struct buf *out, const struct board_column *column, const size_t *rows, size_t count)
{
    size_t best = 0;

    json_put_key(out, "scores");
    for (size_t i = 0; i < count; i++) {
        buf_byte(out, i == 0 ? '[' : ',');
        json_put_real(out, column->numbers[rows[i]]);
        if (isnan(column->numbers[rows[best]]) ||
            column->numbers[rows[i]] > column->numbers[rows[best]])
            best = i;
    }
    buf_text(out, "],\"differences\":");
    for (size_t i = 0; i < count; i++) {
        buf_byte(out, i == 0 ? '[' : ',');
        json_put_real(out, column->numbers[rows[i]] - column->numbers[rows[0]]);
    }
    buf_text(out, "],\"best\":");
    if (isnan(column->numbers[rows[best]]))
        buf_text(out, "null");
    else
        json_put_integer(out, (int64_t)best);
}

/* The object of that key in an entry. */
static struct fragment
entry_object(const struct board *board, size_t row, const char *key)
{
    struct fragment entry;
    struct member member;
    size_t length;
    const char *text = board_fragment(board, BODY_FORMATTED, PROFILE_DOCUMENTED, row, &length);

    fragment_open(&entry, text, length);
    while (fragment_next(&entry, &member)) {
        if (member.key_length != strlen(key) || memcmp(member.key, key, member.key_length) != 0)
            continue;
        fragment_open(&entry, member.value, member.length);
        break;
    }
    return entry;
}

/* Appends, for each member that the entries' objects of that key have, the list of its values as
 * they are written there. All entries of a board have the same members. */
static void
put_lists(struct buf *out, const struct board *board, const char *key, const size_t *rows,
          size_t count)
{
    struct fragment object[ENTRIES_COMPARED];
    struct member member;
    bool first = true;

    for (size_t i = 0; i < count; i++)
        object[i] = entry_object(board, rows[i], key);
    json_put_key(out, key);
    buf_byte(out, '{');
    for (; fragment_next(&object[0], &member); first = false) {
        if (!first)
            buf_byte(out, ',');
        buf_put(out, member.key - 1, member.key_length + 2);
        buf_text(out, ":[");
        buf_put(out, member.value, member.length);
        for (size_t i = 1; i < count && fragment_next(&object[i], &member); i++) {
            buf_byte(out, ',');
            buf_put(out, member.value, member.length);
        }
        buf_byte(out, ']');
    }
    buf_byte(out, '}');
}

void
entries_put_comparison(struct buf *out, const struct board *board, const size_t *rows, size_t count)
{
    const struct board_column *average = entries_numbers(board, "average");

    buf_text(out, "{\"models\":");
    for (size_t i = 0; i < count; i++) {
        buf_byte(out, i == 0 ? '[' : ',');
        put_compared(out, board, rows[i]);
    }
    buf_text(out, "],\"benchmarks\":{");
    for (size_t i = 0; i < board->columns; i++) {
        const struct board_column *column = &board->column[i];
        if (column->group != BOARD_EVALUATION)
            continue;
        json_put_key(out, column->key);
        buf_byte(out, '{');
        json_put_text_member(out, "name", column->name);
        put_scores(out, column, rows, count);
        buf_byte(out, '}');
    }
    buf_text(out, "},\"average\":");
    if (average == NULL) {
        buf_text(out, "null");
    } else {
        buf_byte(out, '{');
        put_scores(out, average, rows, count);
        buf_byte(out, '}');
    }
    put_lists(out, board, "metadata", rows, count);
    put_lists(out, board, "features", rows, count);
    entries_put_as_of(out, board);
    buf_byte(out, '}');
}
