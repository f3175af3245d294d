/* entries: the entries of one model, and where each stands.
 *
 * An entry is a row of a board. A model has one for each precision and revision that it was
 * evaluated in; its best one is the one with the highest average_score, the first of equal ones,
 * and the first of all where none has a number.
 *
 * A standing is about all entries that have a number in the column: `rank` is that of competitions
 * (1, 2, 2, 4), `of` how many have a number, `tied` how many share the rank, itself included, and
 * `percentile` how many percent of them do not stand above it: 100 for the first rank. */
#ifndef ENTRIES_H
#define ENTRIES_H

#include "board.h"
#include "buf.h"
#include "error.h"
#include "mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct standing {
    size_t rank, of, tied;
    double percentile;
};

/* False when the row has no number there, or `column` is NULL. */
bool standing_find(struct standing *standing, const struct board *board,
                   const struct board_column *column, size_t row);

/* The column of numbers of that key, of "average" (average_score) or "params" (params_billions), or
 * NULL. */
const struct board_column *entries_numbers(const struct board *board, const char *key);

/* The column of texts of that key, or NULL. */
const struct board_column *entries_texts(const struct board *board, const char *key);

/* How many rows have a number in a column of numbers: so many of its order come first. */
size_t entries_counted(const struct board *board, const struct board_column *column);

/* The rows of the model of that name, in the dataset's order; none when it is not there. They live
 * in the arena. */
struct entries {
    size_t count;
    const uint32_t *row;
};
void entries_find(struct entries *entries, const struct board *board, const char *name,
                  struct arena *arena);

/* The best of the entries that have that precision and a sha that begins so (NULL: any). False when
 * there is none. */
bool entries_best(const struct entries *entries, const struct board *board, const char *precision,
                  const char *sha, size_t *row);

/* Finds the entry that "name", "name:precision", "name@sha" or "name:precision@sha" means, the best
 * one that suits. False with `why` when there is none. */
bool entries_choose(const struct board *board, const char *choice, struct arena *arena, size_t *row,
                    struct error *why) __attribute__((warn_unused_result));

/* Says in `why` that no model has that name, and which names are like it: up to three, the same
 * name at another provider before those that contain it before those of the same provider. */
void entries_absent(const struct board *board, const char *name, struct arena *arena,
                    struct error *why);

/* Appends the value of a row in a column; null where it is missing or `column` is NULL. And the
 * same as a member of an object. */
void entries_put_value(struct buf *out, const struct board_column *column, size_t row);
void entries_put_member(struct buf *out, const char *key, const struct board_column *column,
                        size_t row);

/* Appends {name, entries, neighbours, as_of} of a model that is there. An entry is that of profile
 * `documented` with its rank, its standing in each benchmark, and the benchmarks that it lacks. */
void entries_put_model(struct buf *out, const struct board *board, const char *name,
                       const struct entries *entries);

/* Appends {models, benchmarks, average, metadata, features, as_of} of `count` (1 to
 * ENTRIES_COMPARED) rows side by side: of every number also how far it is from the first one's, and
 * `best`, the index of the highest (the first of equal ones), null where none has a number. */
enum { ENTRIES_COMPARED = 10 };
void entries_put_comparison(struct buf *out, const struct board *board, const size_t *rows,
                            size_t count);

/* Appends the member "as_of": when the board was published. */
void entries_put_as_of(struct buf *out, const struct board *board);

#endif
