/* frontier: the entries that no other beats in both of two numbers, a cost and a score.
 *
 * An entry is on it when no other has x at most as high and y at least as high, one of them better;
 * entries that are equal in both are all on it. A row counts when it has both numbers and x is
 * above 0 (a size or a cost of 0 is one that nobody knows). */
#ifndef FRONTIER_H
#define FRONTIER_H

#include "board.h"
#include "buf.h"
#include "mem.h"

#include <stddef.h>
#include <stdint.h>

struct frontier {
    const struct board_column *x, *y; /* of numbers: what it is to be about */
    size_t points;                    /* rows that count */
    const uint32_t *point; /* the rows by x, the lowest first, equal ones in the dataset's order */
    size_t count;          /* rows of the frontier */
    const uint32_t *row;   /* in the order of x, and therefore of y */
    size_t left_out;       /* rows that do not count */
};

/* Finds it among `count` rows, in any order and each once; x and y are set before. The result lives
 * in the arena. */
void frontier_find(struct frontier *frontier, const struct board *board, const uint32_t *rows,
                   size_t count, struct arena *arena);

/* Appends the members x, y, frontier, points and left_out; with `all` also every point, as the
 * lists x, y and name. */
void frontier_put(struct buf *out, const struct board *board, const struct frontier *frontier,
                  bool all);

#endif
