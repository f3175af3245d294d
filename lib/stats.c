#include "stats.h"

#include "entries.h"
#include "json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- distributions ---- */

/* A whole number times a power of ten, as near as a double can be. */
static double
decimal(double number, int power)
{
    return power < 0 ? number / pow(10, -power) : number * pow(10, power);
}

bool
stats_edges(double min, double max, double edge[STATS_BINS + 1])
{
    static const double widths[] = { 10, 15, 20, 25, 30, 40, 50, 60, 80, 100, 150, 200 };
    double range = max > min ? max - min : fabs(max) > 0 ? fabs(max) : 1;

    if (!(range < 1e200 && range > 1e-200 && fmax(fabs(min), fabs(max)) < range * 1e9))
        return false;
    int power = (int)floor(log10(range / STATS_BINS)) - 1;
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        double first = floor(min / decimal(widths[i], power));
        for (int k = 0; k <= STATS_BINS; k++)
            edge[k] = decimal((first + k) * widths[i], power);
        if (edge[0] <= min && edge[STATS_BINS] >= max)
            return true;
    }
    return false;
}

/* The numbers of a column, the lowest first. */
struct numbers {
    const struct board_column *column;
    size_t count;
};

static double
number_at(const struct numbers *numbers, size_t index)
{
    return numbers->column->numbers[numbers->column->order[numbers->count - 1 - index]];
}

static double
quantile(const struct numbers *numbers, double share)
{
    double place = (double)(numbers->count - 1) * share, below = floor(place);
    double low = number_at(numbers, (size_t)below);

    return place > below ? low + (place - below) * (number_at(numbers, (size_t)below + 1) - low)
                         : low;
}

/* The mean of what the numbers are beyond `from`, or of its squares. What each step of the sum
 * loses is carried on to the next (Kahan), so that equal numbers have a deviation of 0. */
static double
mean_of(const struct numbers *numbers, double from, bool squared)
{
    double sum = 0, lost = 0;

    for (size_t i = 0; i < numbers->count; i++) {
        double number = number_at(numbers, i) - from;
        double next = (squared ? number * number : number) - lost;
        double with = sum + next;
        lost = with - sum - next;
        sum = with;
    }
    return numbers->count == 0 ? (double)NAN : sum / (double)numbers->count;
}

static void
put_histogram(struct buf *out, const struct numbers *numbers)
{
    double edge[STATS_BINS + 1];
    size_t next = 0;

    json_put_key(out, "histogram");
    if (numbers->count == 0 ||
        !stats_edges(number_at(numbers, 0), number_at(numbers, numbers->count - 1), edge)) {
        buf_text(out, "null");
        return;
    }
    buf_text(out, "{\"edges\":");
    for (size_t i = 0; i <= STATS_BINS; i++) {
        buf_byte(out, i == 0 ? '[' : ',');
        json_put_real(out, edge[i]);
    }
    buf_text(out, "],\"counts\":");
    for (size_t i = 0; i < STATS_BINS; i++) {
        size_t first = next;
        while (next < numbers->count &&
               (i == STATS_BINS - 1 || number_at(numbers, next) < edge[i + 1]))
            next++;
        buf_byte(out, i == 0 ? '[' : ',');
        json_put_integer(out, (int64_t)(next - first));
    }
    buf_text(out, "]}");
}

static void
put_distribution(struct buf *out, const struct board *board, const struct board_column *column)
{
    static const struct {
        const char *key;
        double share;
    } quantiles[] = { { "min", 0 },   { "q1", 0.25 }, { "median", 0.5 },
                      { "q3", 0.75 }, { "p90", 0.9 }, { "max", 1 } };
    struct numbers numbers = { column, entries_counted(board, column) };
    double mean = mean_of(&numbers, 0, false);

    buf_byte(out, '{');
    json_put_text_member(out, "name", column->name);
    json_put_integer_member(out, "count", (int64_t)numbers.count);
    json_put_integer_member(out, "missing", (int64_t)(board->rows - numbers.count));
    for (size_t i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++) {
        json_put_key(out, quantiles[i].key);
        json_put_real(out,
                      numbers.count == 0 ? (double)NAN : quantile(&numbers, quantiles[i].share));
    }
    json_put_key(out, "mean");
    json_put_real(out, mean);
    json_put_key(out, "standard_deviation");
    json_put_real(out, sqrt(mean_of(&numbers, mean, true)));
    put_histogram(out, &numbers);
    buf_byte(out, '}');
}

static void
put_distributions(struct buf *out, const struct board *board)
{
    const struct board_column *average = entries_numbers(board, "average");

    json_put_key(out, "average");
    if (average == NULL)
        buf_text(out, "null");
    else
        put_distribution(out, board, average);
    json_put_key(out, "benchmarks");
    buf_byte(out, '{');
    for (size_t i = 0; i < board->columns; i++) {
        if (board->column[i].group != BOARD_EVALUATION)
            continue;
        json_put_key(out, board->column[i].key);
        put_distribution(out, board, &board->column[i]);
    }
    buf_byte(out, '}');
}

/* ---- texts ---- */

/* A word of a dictionary, and how many rows have it. */
struct word {
    uint32_t code, count;
};

/* The most frequent first, equally frequent ones in the dictionary's order. */
static int
word_compare(const void *a, const void *b)
{
    const struct word *left = a, *right = b;

    if (left->count != right->count)
        return left->count > right->count ? -1 : 1;
    return (left->code > right->code) - (left->code < right->code);
}

static struct word *
count_words(const struct board *board, const struct board_column *column, struct arena *arena)
{
    struct word *words = arena_zero(arena, column->words, sizeof *words);

    for (uint32_t code = 0; code < column->words; code++)
        words[code].code = code;
    for (size_t row = 0; row < board->rows; row++)
        words[column->codes[row]].count++;
    return words;
}

static void
put_counts(struct buf *out, const struct board *board, const struct board_column *column,
           struct arena *arena)
{
    struct word *words = count_words(board, column, arena);
    uint32_t missing = words[0].count, distinct = column->words - 1, other = 0;

    qsort(words + 1, distinct, sizeof *words, word_compare);
    json_put_key(out, column->key);
    buf_byte(out, '{');
    json_put_integer_member(out, "distinct", distinct);
    json_put_key(out, "values");
    buf_byte(out, '[');
    for (uint32_t i = 1; i <= distinct; i++) {
        if (i > STATS_VALUES) {
            other += words[i].count;
            continue;
        }
        const char *text = board_word(column, words[i].code);
        buf_text(out, i == 1 ? "{" : ",{");
        json_put_text_member(out, "value", text);
        json_put_integer_member(out, "count", words[i].count);
        buf_byte(out, '}');
    }
    buf_byte(out, ']');
    json_put_integer_member(out, "other", other);
    json_put_integer_member(out, "missing", missing);
    buf_byte(out, '}');
}

/* ---- months ---- */

enum { MONTH = 7 }; /* bytes of YYYY-MM */

static bool
has_month(const char *text)
{
    static const char shape[] = "0000-00";

    for (size_t i = 0; i < MONTH; i++)
        if (shape[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != shape[i])
            return false;
    return strncmp(text + 5, "01", 2) >= 0 && strncmp(text + 5, "12", 2) <= 0;
}

static bool
holds_dates(const struct board_column *column)
{
    uint32_t dates = 0;

    for (uint32_t code = 1; code < column->words; code++)
        dates += has_month(board_word(column, code));
    return dates > (column->words - 1) / 2;
}

static void
put_months(struct buf *out, const struct board *board, const struct board_column *column,
           struct arena *arena)
{
    const struct word *words = count_words(board, column, arena);
    size_t missing = 0;

    json_put_key(out, column->key);
    buf_text(out, "{\"months\":{");
    for (uint32_t code = 0; code < column->words;) {
        const char *text = board_word(column, code);
        size_t count = 0;
        if (!has_month(text)) {
            missing += words[code++].count;
            continue;
        }
        for (; code < column->words && strncmp(board_word(column, code), text, MONTH) == 0; code++)
            count += words[code].count;
        char month[MONTH + 1] = { 0 };
        memcpy(month, text, MONTH);
        json_put_integer_member(out, month, (int64_t)count);
    }
    buf_byte(out, '}');
    json_put_integer_member(out, "missing", (int64_t)missing);
    buf_byte(out, '}');
}

/* ---- all of it ---- */

static size_t
distinct(const struct board_column *column)
{
    return column == NULL ? 0 : column->words - 1;
}

/* How many rows lack a benchmark. */
static size_t
incomplete(const struct board *board)
{
    size_t count = 0;

    for (size_t row = 0; row < board->rows; row++) {
        bool lacks = false;
        for (size_t i = 0; i < board->columns; i++)
            lacks = lacks || (board->column[i].group == BOARD_EVALUATION &&
                              isnan(board->column[i].numbers[row]));
        count += lacks;
    }
    return count;
}

/* Whether a column's values are too many, and each too rare, for counts of them to say anything. */
static bool
names_entries(const struct board_column *column)
{
    static const char *const keys[] = { "name", "sha", "base_model" };

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (strcmp(column->key, keys[i]) == 0)
            return true;
    return false;
}

static void
put_flags(struct buf *out, const struct board *board)
{
    json_put_key(out, "flags");
    buf_byte(out, '{');
    for (size_t i = 0; i < board->columns; i++) {
        const struct board_column *column = &board->column[i];
        size_t set = 0;
        for (size_t row = 0; column->kind == BOARD_FLAG && row < board->rows; row++)
            set += column->flags[row];
        if (column->kind == BOARD_FLAG)
            json_put_integer_member(out, column->key, (int64_t)set);
    }
    buf_byte(out, '}');
}

void
stats_put(struct buf *out, const struct board *board, struct arena *arena)
{
    buf_text(out, "{\"totals\":{");
    json_put_integer_member(out, "entries", (int64_t)board->rows);
    json_put_integer_member(out, "models", (int64_t)distinct(entries_texts(board, "name")));
    json_put_integer_member(out, "providers", (int64_t)distinct(entries_texts(board, "provider")));
    json_put_integer_member(out, "with_missing_scores", (int64_t)incomplete(board));
    buf_byte(out, '}');
    put_distributions(out, board);
    json_put_key(out, "counts");
    buf_byte(out, '{');
    for (size_t i = 0; i < board->columns; i++) {
        const struct board_column *column = &board->column[i];
        if (column->kind == BOARD_TEXT && !names_entries(column) && !holds_dates(column))
            put_counts(out, board, column, arena);
    }
    buf_byte(out, '}');
    json_put_key(out, "months");
    buf_byte(out, '{');
    for (size_t i = 0; i < board->columns; i++)
        if (board->column[i].kind == BOARD_TEXT && holds_dates(&board->column[i]))
            put_months(out, board, &board->column[i], arena);
    buf_byte(out, '}');
    put_flags(out, board);
    entries_put_as_of(out, board);
    buf_byte(out, '}');
}
