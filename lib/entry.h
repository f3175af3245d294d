/* entry: what a row's text says, read where it lies.
 *
 * History keeps a row as the text of one JSON object that this project wrote. To compare thousands
 * of them each is split into its members, whose keys and values stay JSON: a value that is shown
 * is copied as it was, and nothing is parsed that nobody looks at. */
#ifndef ENTRY_H
#define ENTRY_H

#include "history.h"
#include "leaderboard.h"

#include <stdbool.h>
#include <stddef.h>

/* A part of a text, not NUL-terminated. */
struct slice {
    const char *text;
    size_t length;
};

struct member {
    struct slice key, value; /* JSON; the key in its quotes */
};

/* An object's members in their order. All zeroes is an empty one; entry_free() when done. */
struct entry {
    size_t count, capacity;
    struct member *member;
};

/* Splits a row's text, which must live as long as its members are used. */
void entry_read(struct entry *entry, const struct history_row *row);
void entry_free(struct entry *entry);

/* The columns that one thing may come from, of which the first that a row has counts. */
struct columns {
    struct slice name[LEADERBOARD_COLUMNS]; /* JSON texts; .text is NULL after the last */
};

/* What the leaderboard's file says of rows, as far as two of them are compared. */
struct columns_known {
    struct columns name, precision, revision, average;
    size_t scores;
    struct {
        const char *key; /* the benchmark's key, or key.value for its raw score: as in a board */
        struct columns columns;
    } score[2 * LEADERBOARD_BENCHMARKS];
    struct arena arena;
};

/* The leaderboard must outlive it; columns_free() when done. */
void columns_init(struct columns_known *known, const struct leaderboard *leaderboard);
void columns_free(struct columns_known *known);

/* True when the average or a benchmark's score comes from a column. */
bool columns_scored(const struct columns_known *known, struct slice key);

/* The value of the first of these columns that the entry has; "null" when it has none. */
struct slice entry_value(const struct entry *entry, const struct columns *columns);

/* The value of one member; `expected` is where it is likely to be. NULL when there is none. */
const struct slice *entry_member(const struct entry *entry, struct slice key, size_t expected);

bool slice_equal(struct slice a, struct slice b);

/* A JSON number, or NaN when it is something else. */
double slice_number(struct slice value);

/* Appends the text that a JSON string stands for; false when it is no string. */
bool slice_put_text(struct buf *out, struct slice value);

#endif
