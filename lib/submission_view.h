/* submission_view: submissions as the API shows them, appended as JSON.
 *
 * Each reads the database within the caller's read transaction. False with `why` when that failed.
 */
#ifndef SUBMISSION_VIEW_H
#define SUBMISSION_VIEW_H

#include "buf.h"
#include "db.h"
#include "error.h"

#include <stdbool.h>
#include <time.h>

/* {"pending": […], "evaluating": […], "finished": […]}, the oldest first; they have waited until
 * `as_of`. */
bool submission_put_lists(struct db *db, time_t as_of, struct buf *out, struct error *why)
    __attribute__((warn_unused_result));

/* The pending ones as a list, the oldest first or those with the most votes. */
bool submission_put_pending(struct db *db, bool by_votes, time_t as_of, struct buf *out,
                            struct error *why) __attribute__((warn_unused_result));

/* One submission with its place in the queue and the states that it was seen in: the row that
 * SQL_REQUEST_LATEST or SQL_REQUEST_AT gives. `*found` is false when it gives none. */
bool submission_put_one(struct db *db, sqlite3_stmt *row, struct buf *out, bool *found,
                        struct error *why) __attribute__((warn_unused_result));

#endif
