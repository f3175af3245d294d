/* past_file: boards of past snapshots, kept as files for as long as they are asked for.
 *
 * To build one takes half a second and some memory, so it is done once, by one process at a time,
 * and all programs map the file. A few files are kept in STATE_DIR/past; the one that was made
 * first goes for a new one. */
#ifndef PAST_FILE_H
#define PAST_FILE_H

#include "board.h"
#include "config.h"
#include "db.h"
#include "history.h"
#include "leaderboard.h"

#include <limits.h>
#include <stdbool.h>

enum { PAST_FILES = 8 };

/* Maps the board of a snapshot, which is built where there is no file of it. False with `why` when
 * it cannot be, or when others are being built and it takes too long. On true the caller owns the
 * board: board_close(). */
bool past_file_map(const struct config *config, struct db *db,
                   const struct leaderboard *leaderboard, const struct history_snapshot *snapshot,
                   struct board *board, struct error *why) __attribute__((warn_unused_result));

#endif
