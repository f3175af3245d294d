#include "query_private.h"

#include <endian.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A text condition is answered once for each word of a column's dictionary; a row then costs one
 * look at what its code says. */

/* ---- which rows ---- */

typedef unsigned char block __attribute__((vector_size(16)));

struct needle {
    const char *text;
    size_t length;
    block first, last; /* its first and last byte, in each place */
};

static void
needle_init(struct needle *needle, const struct term *term)
{
    needle->text = term->text;
    needle->length = term->length;
    memset(&needle->first, term->text[0], sizeof needle->first);
    memset(&needle->last, term->text[term->length - 1], sizeof needle->last);
}

/* memmem(), several times as fast for the short texts that people look for: sixteen places at once
 * are tried for the text's first and last byte. */
static const char *
find(const char *at, const char *end, const struct needle *needle)
{
    for (; (size_t)(end - at) >= sizeof(block) + needle->length - 1; at += sizeof(block)) {
        block heads, tails;
        uint64_t any[2];
        memcpy(&heads, at, sizeof heads);
        memcpy(&tails, at + needle->length - 1, sizeof tails);
        block hits = (block)((heads == needle->first) & (tails == needle->last));
        memcpy(any, &hits, sizeof any);
        if ((any[0] | any[1]) == 0)
            continue;
        for (size_t half = 0; half < 2; half++) {
            for (uint64_t bits = le64toh(any[half]); bits != 0;) {
                unsigned shift = (unsigned)__builtin_ctzll(bits);
                const char *place = at + 8 * half + shift / 8;
                if (memcmp(place, needle->text, needle->length) == 0)
                    return place;
                bits &= ~((uint64_t)0xff << shift);
            }
        }
    }
    return memmem(at, (size_t)(end - at), needle->text, needle->length);
}

/* False where a column cannot contain a text: a word of hexadecimal digits, say, a name. */
static bool
may_contain(const struct board_column *column, const struct term *term)
{
    for (size_t i = 0; i < term->length; i++) {
        unsigned char byte = (unsigned char)term->text[i];
        if ((column->bytes[byte / 64] >> byte % 64 & 1) == 0)
            return false;
    }
    return true;
}

/* Marks the words that contain a text. All words lie in one text, each with its NUL, which no text
 * that is looked for contains. */
static bool
mark_containing(const struct board_column *column, const struct term *term, uint8_t *marks)
{
    const char *words = board_folded(column, 0), *at = words;
    const char *end = words + board_folded_length(column);
    struct needle needle;
    uint32_t code = 0;

    needle_init(&needle, term);
    while ((at = find(at, end, &needle)) != NULL) {
        uint32_t start = column->pool[0] + (uint32_t)(at - words);
        while (column->pool[code + 1] <= start)
            code++;
        marks[code++] = 1;
        at = words + (column->pool[code] - column->pool[0]);
    }
    return code != 0;
}

/* Whether a term that names no column is looked for in this one. */
static bool
searched(const struct board_column *column)
{
    static const char *const keys[] = { "name", "base_model", "hub_license", "sha" };

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (strcmp(column->key, keys[i]) == 0)
            return true;
    return false;
}

/* Lets rows pass that contain any of the terms. */
static void
search(const struct query *query, const struct board *board, struct arena *arena, uint8_t *pass)
{
    for (size_t i = 0; i < board->columns; i++) {
        const struct board_column *column = &board->column[i];
        uint8_t *marks = NULL;
        bool found = false;
        for (size_t t = 0; column->kind == BOARD_TEXT && t < query->terms; t++) {
            const struct term *term = &query->term[t];
            if ((term->column == NULL ? !searched(column) : term->column != column) ||
                !may_contain(column, term))
                continue;
            if (marks == NULL)
                marks = arena_zero(arena, column->words, 1);
            found |= mark_containing(column, term, marks);
        }
        for (size_t row = 0; found && row < board->rows; row++)
            pass[row] |= marks[column->codes[row]];
    }
}

static bool
word_suits(const struct filter *filter, uint32_t code)
{
    const char *word = board_folded(filter->column, code);

    if (filter->kind == FILTER_DATES)
        return word[0] != '\0' && strncmp(word, filter->first, 10) >= 0 &&
               (filter->last[0] == '\0' || strncmp(word, filter->last, 10) <= 0);
    for (size_t i = 0; i < filter->values; i++)
        if (strcmp(word, filter->value[i]) == 0)
            return true;
    return false;
}

static void
filter_apply(const struct filter *filter, const struct board *board, struct arena *arena,
             uint8_t *pass)
{
    const struct board_column *column = filter->column;

    switch (filter->kind) {
    case FILTER_VALUES:
    case FILTER_DATES: {
        uint8_t *marks = arena_alloc(arena, column->words);
        for (uint32_t code = 0; code < column->words; code++)
            marks[code] = word_suits(filter, code);
        for (size_t row = 0; row < board->rows; row++)
            pass[row] &= marks[column->codes[row]];
        break;
    }
    case FILTER_RANGE:
        for (size_t row = 0; row < board->rows; row++)
            pass[row] &= column->numbers[row] >= filter->min && column->numbers[row] <= filter->max;
        break;
    case FILTER_FLAG:
    case FILTER_HIDE:
        for (size_t row = 0; row < board->rows; row++)
            pass[row] &= column->flags[row] == (filter->kind == FILTER_FLAG && filter->flag);
        break;
    }
}

/* ---- in which order ---- */

struct sorting {
    const struct query *query;
    const double *average; /* of each row; NULL without weights */
};

static double
number_of(const struct sorting *sorting, const struct sort_key *key, size_t row)
{
    const double *numbers = key->column == NULL ? sorting->average : key->column->numbers;

    return numbers == NULL ? (double)NAN : numbers[row];
}

/* Below 0 when row `a` goes first. */
static int
key_compare(const struct sorting *sorting, const struct sort_key *key, size_t a, size_t b)
{
    double left, right;

    if (key->column != NULL && key->column->kind == BOARD_TEXT) {
        left = key->column->codes[a] == 0 ? (double)NAN : key->column->codes[a];
        right = key->column->codes[b] == 0 ? (double)NAN : key->column->codes[b];
    } else if (key->column != NULL && key->column->kind == BOARD_FLAG) {
        left = key->column->flags[a];
        right = key->column->flags[b];
    } else {
        left = number_of(sorting, key, a);
        right = number_of(sorting, key, b);
    }
    if (isnan(left) || isnan(right))
        return (isnan(left) != 0) - (isnan(right) != 0);
    return key->descending ? (left < right) - (left > right) : (left > right) - (left < right);
}

static bool
goes_before(const struct sorting *sorting, uint32_t a, uint32_t b)
{
    for (size_t i = 0; i < sorting->query->sorts; i++) {
        int order = key_compare(sorting, &sorting->query->sort[i], a, b);
        if (order != 0)
            return order < 0;
    }
    return a < b;
}

/* Mends a heap, whose last row is at its top, below `at`. */
static void
sift(const struct sorting *sorting, uint32_t *heap, size_t count, size_t at)
{
    uint32_t row = heap[at];

    for (size_t below; (below = 2 * at + 1) < count; at = below) {
        below += below + 1 < count && goes_before(sorting, heap[below], heap[below + 1]);
        if (!goes_before(sorting, row, heap[below]))
            break;
        heap[at] = heap[below];
    }
    heap[at] = row;
}

/* Brings the first `wanted` of the rows to the front, in order. While that many are at hand, a row
 * costs one look at the last of them. */
static void
take_first(const struct sorting *sorting, uint32_t *rows, size_t count, size_t wanted)
{
    if (wanted == 0)
        return;
    for (size_t i = wanted / 2; i > 0; i--)
        sift(sorting, rows, wanted, i - 1);
    for (size_t i = wanted; i < count; i++) {
        if (goes_before(sorting, rows[i], rows[0])) {
            rows[0] = rows[i];
            sift(sorting, rows, wanted, 0);
        }
    }
    while (--wanted > 0) {
        uint32_t last = rows[0];
        rows[0] = rows[wanted];
        rows[wanted] = last;
        sift(sorting, rows, wanted, 0);
    }
}

static const double *
averages(const struct query *query, const struct board *board, struct arena *arena)
{
    double *average = arena_zero(arena, board->rows, sizeof *average), sum = 0;

    for (size_t i = 0; i < query->weights; i++) {
        const struct weight *weight = &query->weight[i];
        sum += weight->weight;
        for (size_t row = 0; row < board->rows; row++)
            average[row] += weight->weight * weight->column->numbers[row];
    }
    for (size_t row = 0; row < board->rows; row++)
        average[row] /= sum;
    return average;
}

/* ---- ranks ---- */

static int
number_compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
}

/* Where a number stands among those in `marks`, the lowest first: the first that is not below it.
 * Written so that nothing is to be predicted. */
static size_t
mark_find(const double *marks, size_t count, double number)
{
    size_t low = 0;

    while (count > 1) {
        size_t half = count / 2;
        low += marks[low + half - 1] < number ? half : 0;
        count -= half;
    }
    return low + (count == 1 && marks[low] < number ? 1 : 0);
}

/* How many rows have a number up to each mark, and how many just that. */
struct census {
    size_t total, *upto, *equal;
};

static void
census_count(struct census *census, size_t mark, bool equal)
{
    census->total++;
    census->upto[mark]++;
    census->equal[mark] += equal;
}

static size_t
census_rank(const struct census *census, size_t mark, bool descending)
{
    return 1 + (descending ? census->total - census->upto[mark]
                           : census->upto[mark] - census->equal[mark]);
}

/* The page's numbers are marks on a scale, along which all rows are counted. */
static const struct query_rank *
ranks(const struct sorting *sorting, const struct board *board, const uint8_t *pass,
      struct arena *arena, const struct query_rows *rows)
{
    const struct sort_key *key = &sorting->query->rank_key;
    struct query_rank *rank = arena_zero(arena, rows->count, sizeof *rank);
    double *marks = arena_zero(arena, rows->count, sizeof *marks);
    struct census census[2]; /* of all rows, and of those that pass */
    size_t count = 0;

    for (size_t i = 0; i < rows->count; i++) {
        marks[count] = number_of(sorting, key, rows->row[i]);
        count += isnan(marks[count]) ? 0 : 1;
    }
    qsort(marks, count, sizeof *marks, number_compare);
    for (size_t i = 0; i < 2; i++)
        census[i] = (struct census){ 0, arena_zero(arena, count + 1, sizeof(size_t)),
                                     arena_zero(arena, count + 1, sizeof(size_t)) };
    for (size_t row = 0; row < board->rows; row++) {
        double number = number_of(sorting, key, row);
        if (isnan(number))
            continue;
        size_t mark = mark_find(marks, count, number);
        bool equal = mark < count && marks[mark] == number;
        census_count(&census[0], mark, equal);
        if (pass[row] != 0)
            census_count(&census[1], mark, equal);
    }
    for (size_t mark = 1; mark < count; mark++)
        for (size_t i = 0; i < 2; i++)
            census[i].upto[mark] += census[i].upto[mark - 1];
    for (size_t i = 0; i < rows->count; i++) {
        double number = number_of(sorting, key, rows->row[i]);
        if (isnan(number))
            continue;
        size_t mark = mark_find(marks, count, number);
        rank[i].result = census_rank(&census[1], mark, key->descending);
        rank[i].overall = census_rank(&census[0], mark, key->descending);
        rank[i].tied = census[0].equal[mark];
        rank[i].percentile =
            100.0 * (double)(census[0].total - rank[i].overall + 1) / (double)census[0].total;
    }
    return rank;
}

/* ---- all of it ---- */

void
query_run(const struct query *query, const struct board *board, struct arena *arena,
          struct query_rows *rows)
{
    struct sorting sorting = { query, NULL };
    uint8_t *pass = arena_alloc(arena, board->rows);
    uint32_t *row = arena_alloc(arena, board->rows * sizeof *row);
    size_t total = 0, offset = (size_t)query->offset;

    memset(pass, query->terms == 0, board->rows);
    search(query, board, arena, pass);
    for (size_t i = 0; i < query->filters; i++)
        filter_apply(&query->filter[i], board, arena, pass);
    for (size_t i = 0; i < board->rows; i++) {
        row[total] = (uint32_t)i;
        total += pass[i];
    }
    offset = offset < total ? offset : total;
    size_t limit = query->limit == 0 ? total : (size_t)query->limit;
    size_t count = limit < total - offset ? limit : total - offset;
    *rows = (struct query_rows){ .total = total, .count = count, .row = row + offset };
    if (query->weights != 0)
        sorting.average = averages(query, board, arena);
    if (query->sorts != 0)
        take_first(&sorting, row, total, offset + count);
    if (sorting.average != NULL) {
        double *average = arena_alloc(arena, count * sizeof *average);
        for (size_t i = 0; i < count; i++)
            average[i] = sorting.average[rows->row[i]];
        rows->average = average;
    }
    if (query->rank)
        rows->rank = ranks(&sorting, board, pass, arena, rows);
}
