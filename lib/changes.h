/* changes: what differs between two snapshots of the leaderboard. */
#ifndef CHANGES_H
#define CHANGES_H

#include "entry.h"
#include "past.h"

/* Appends the members of an answer, without its braces:
 *
 *   "from", "to"  the snapshots
 *   "total"       how many entries came, went or changed
 *   "counts"      how many belong into each of the lists, which hold `limit` of them at most
 *   "new"         entries of `to` alone, "gone" those of `from` alone, the best average first:
 *                 id, name, precision, revision, average, rank
 *   "rescored"    entries whose average or a benchmark's score is another, the largest move of
 *                 the average first: average and the scores that changed, before and after
 *   "ranks"       entries whose rank by average is another, the largest move first
 *   "fields"      entries whose other columns changed: column, before and after
 *
 * Rows of one id are paired by their text and then by their order, as history_changes() does. A
 * rank is 1 + how many entries have a higher average, and null where there is none. */
void changes_put(struct buf *out, const struct columns_known *columns, const struct past *from,
                 const struct past *to, size_t limit);

/* True when the average or a benchmark's score differs between two texts of an entry, which are
 * split into `before` and `after`. */
bool changes_rescored(const struct columns_known *columns, const struct entry *before,
                      const struct entry *after);

#endif
