/* past: the leaderboard as it was at an earlier pull.
 *
 * What is read here of one snapshot belongs between db_snapshot_begin() and db_snapshot_end(), with
 * the lookup that found it: a writer may drop it in between. */
#ifndef PAST_H
#define PAST_H

#include "board.h"
#include "history.h"

enum past_result {
    PAST_FOUND,
    PAST_ABSENT,     /* no snapshot that is kept is meant; `why` says which is the oldest */
    PAST_NONSENSE,   /* the text is none of what is taken; `why` says what is */
    PAST_UNREADABLE, /* the database refused; `why` says what */
    PAST_UNFIT,      /* the rows cannot be shown by today's leaderboard; `why` says why */
};

/* Finds the snapshot that a client means by
 *
 *   2024-06-12             the newest of that day (UTC) or before it
 *   2024-06-12T10:20:30Z   the newest at that time or before it, as timestamp_parse() reads it
 *   a81bc81                the newest whose revision begins so: 7 to 40 hexadecimal digits
 *   12                     the one of this id
 *   "9f86d0…"              the one that the answer with this ETag showed: the tag of any published
 *                          body, with or without its quotes, its W/ or what follows a hyphen */
enum past_result past_find(struct db *db, const char *text, struct history_snapshot *snapshot,
                           struct error *why) __attribute__((warn_unused_result));

/* Appends a snapshot as a JSON object: id, revision, pulled_at, rows, added, removed, changed. */
void past_put_snapshot(struct buf *out, const struct history_snapshot *snapshot);

/* The rows of a snapshot in its order. */
struct past {
    struct history_snapshot snapshot;
    size_t count;
    struct history_row *row;
    struct arena arena; /* owns the texts */
};

/* Reads a snapshot's rows. False with `why` when it is not kept any more or the database refused.
 * On true the caller owns them: past_free(). */
bool past_read(struct past *past, struct db *db, const struct history_snapshot *snapshot,
               struct error *why) __attribute__((warn_unused_result));

void past_free(struct past *past);

/* Makes the board of a snapshot in `block`, as the leaderboard's file reads it today and with
 * today's providers, and opens it. PAST_UNFIT when the rows lack what the leaderboard requires, or
 * the block does not fit. On PAST_FOUND the caller owns the board (board_close()), which `block`
 * must outlive. */
enum past_result past_board(struct db *db, const struct leaderboard *leaderboard,
                            const struct history_snapshot *snapshot,
                            const struct providers *providers, struct buf *block,
                            struct board *board, struct error *why)
    __attribute__((warn_unused_result));

#endif
