#include "entries.h"

#include "query.h"

#include <math.h>
#include <string.h>

enum { SIMILAR = 3 };

/* ---- numbers ---- */

size_t
entries_counted(const struct board *board, const struct board_column *column)
{
    size_t low = 0, high = board->rows;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (isnan(column->numbers[column->order[middle]]))
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

bool
standing_find(struct standing *standing, const struct board *board,
              const struct board_column *column, size_t row)
{
    *standing = (struct standing){ 0 };
    if (column == NULL || isnan(column->numbers[row]))
        return false;
    standing->rank = board_rank(board, column, row, &standing->tied);
    standing->of = entries_counted(board, column);
    standing->percentile =
        100.0 * (double)(standing->of - standing->rank + 1) / (double)standing->of;
    return true;
}

const struct board_column *
entries_numbers(const struct board *board, const char *key)
{
    const struct board_column *column = query_column(board, key);

    return column != NULL && column->kind == BOARD_NUMBER ? column : NULL;
}

/* ---- the entries of a name ---- */

const struct board_column *
entries_texts(const struct board *board, const char *key)
{
    const struct board_column *column = board_find(board, key);

    return column != NULL && column->kind == BOARD_TEXT ? column : NULL;
}

void
entries_find(struct entries *entries, const struct board *board, const char *name,
             struct arena *arena)
{
    const struct board_column *column = entries_texts(board, "name");
    uint32_t low = 1, high = column == NULL ? 1 : column->words;

    *entries = (struct entries){ 0 };
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (strcmp(board_word(column, middle), name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (column == NULL || low == column->words || strcmp(board_word(column, low), name) != 0)
        return;
    for (size_t row = 0; row < board->rows; row++)
        entries->count += column->codes[row] == low;
    uint32_t *rows = arena_zero(arena, entries->count, sizeof *rows), *next = rows;
    for (size_t row = 0; row < board->rows; row++)
        if (column->codes[row] == low)
            *next++ = (uint32_t)row;
    entries->row = rows;
}

/* True when the number of `row` is above that of `other`, or there is none to beat. */
static bool
beats(const struct board_column *column, size_t row, size_t other)
{
    return column != NULL && !isnan(column->numbers[row]) &&
           !(column->numbers[row] <= column->numbers[other]);
}

bool
entries_best(const struct entries *entries, const struct board *board, const char *precision,
             const char *sha, size_t *row)
{
    const struct board_column *precisions = entries_texts(board, "precision");
    const struct board_column *shas = entries_texts(board, "sha");
    const struct board_column *average = entries_numbers(board, "average");
    bool found = false;

    for (size_t i = 0; i < entries->count; i++) {
        size_t other = entries->row[i];
        const char *its_precision = precisions == NULL ? "" : board_text(precisions, other);
        const char *its_sha = shas == NULL ? "" : board_text(shas, other);
        if ((precision != NULL && strcmp(its_precision, precision) != 0) ||
            (sha != NULL && strncmp(its_sha, sha, strlen(sha)) != 0))
            continue;
        if (!found || beats(average, other, *row))
            *row = other;
        found = true;
    }
    return found;
}

/* Cuts a text at its last such character and returns what follows, or NULL. */
static const char *
cut(char *text, char at)
{
    char *place = strrchr(text, at);

    if (place == NULL)
        return NULL;
    *place = '\0';
    return place + 1;
}

bool
entries_choose(const struct board *board, const char *choice, struct arena *arena, size_t *row,
               struct error *why)
{
    enum { CUT_SHA = 1, CUT_PRECISION = 2 };
    static const unsigned cuts[] = { 0, CUT_SHA, CUT_SHA | CUT_PRECISION, CUT_PRECISION };
    const char *name = choice, *precision = NULL, *sha = NULL;
    struct entries entries = { 0 };

    /* A name may itself have these characters: the longest one that is there counts. */
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0] && entries.count == 0; i++) {
        char *text = arena_copy(arena, choice, strlen(choice));
        sha = cuts[i] & CUT_SHA ? cut(text, '@') : NULL;
        precision = cuts[i] & CUT_PRECISION ? cut(text, ':') : NULL;
        if (!(cuts[i] & CUT_SHA) == !sha && !(cuts[i] & CUT_PRECISION) == !precision) {
            name = text;
            entries_find(&entries, board, name, arena);
        }
    }
    if (entries.count == 0) {
        entries_absent(board, name, arena, why);
        return false;
    }
    if (entries_best(&entries, board, precision, sha, row))
        return true;
    error_set(why, "%.96s has no entry%s%.40s%s%.40s", name,
              precision == NULL ? "" : " in precision ", precision == NULL ? "" : precision,
              sha == NULL ? "" : " at revision ", sha == NULL ? "" : sha);
    return false;
}

/* ---- similar names ---- */

/* What follows the provider. */
static const char *
model_part(const char *name)
{
    const char *slash = strchr(name, '/');

    return slash == NULL ? name : slash + 1;
}

static size_t
at_most(size_t number, size_t most)
{
    return number < most ? number : most;
}

/* How alike two names in lower case are; 0: not at all. Of names that are so in the same way, those
 * that begin alike for longer are more alike, then the shorter ones. */
static size_t
likeness(const char *name, const char *other)
{
    const char *model = model_part(name), *theirs = model_part(other);
    size_t provider = (size_t)(model - name), same = 0, kind = 0;

    while (model[same] != '\0' && model[same] == theirs[same])
        same++;
    if (strcmp(model, theirs) == 0)
        kind = 3;
    else if (model[0] != '\0' && strstr(other, model) != NULL)
        kind = 2;
    else if (provider != 0 && strncmp(name, other, provider) == 0)
        kind = 1;
    return kind == 0 ? 0
                     : kind << 16 | at_most(same, 255) << 8 | (255 - at_most(strlen(other), 255));
}

void
entries_absent(const struct board *board, const char *name, struct arena *arena, struct error *why)
{
    const struct board_column *column = entries_texts(board, "name");
    char *folded = arena_copy(arena, name, strlen(name));
    size_t best[SIMILAR] = { 0 };
    uint32_t code[SIMILAR] = { 0 };
    const char *hint = "";

    board_fold(folded, strlen(folded));
    for (uint32_t word = 1; column != NULL && folded[0] != '\0' && word < column->words; word++) {
        size_t likely = likeness(folded, board_folded(column, word)), at = SIMILAR;
        for (; at > 0 && likely > best[at - 1]; at--) {
            if (at == SIMILAR)
                continue;
            best[at] = best[at - 1];
            code[at] = code[at - 1];
        }
        if (at < SIMILAR) {
            best[at] = likely;
            code[at] = word;
        }
    }
    for (size_t i = 0; i < SIMILAR && code[i] != 0; i++)
        hint = arena_format(arena, "%s%s%.96s", hint, i == 0 ? "; similar names: " : ", ",
                            board_word(column, code[i]));
    error_set(why, "no entry is called \"%.96s\"%s", name, hint);
}
