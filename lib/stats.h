/* stats: how the entries of a board are distributed.
 *
 * Of the average and of each benchmark: count, missing, min, q1, median, q3, p90, max, mean,
 * standard_deviation and a histogram. Quantiles lie between the two nearest numbers in proportion
 * (as numpy.quantile does); the standard deviation is that of all entries, divided by their count.
 * A histogram has STATS_BINS equal bins: `edges` (one more than bins, round numbers) and `counts`;
 * a bin has the numbers from its lower edge up to its upper one, which belongs to the next bin.
 *
 * Of each column of texts, but names, shas, base models and dates: how many entries have which
 * value, the STATS_VALUES most frequent ones, the others together, and how many have none. Of each
 * column of dates (most of its texts begin with YYYY-MM): how many entries are of which month. */
#ifndef STATS_H
#define STATS_H

#include "board.h"
#include "buf.h"
#include "mem.h"

enum { STATS_BINS = 20, STATS_VALUES = 50 };

/* Appends {totals, average, benchmarks, counts, months, flags, as_of}. What it allocates lives in
 * the arena. */
void stats_put(struct buf *out, const struct board *board, struct arena *arena);

/* The edges of a histogram of numbers from min to max: the width of a bin is 1, 1.5, 2, 2.5, 3, 4,
 * 5, 6 or 8 times a power of ten, and the narrowest with which the bins hold all. False when the
 * numbers lie too far apart, or too close together, for that. */
bool stats_edges(double min, double max, double edge[STATS_BINS + 1]);

#endif
