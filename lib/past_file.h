/* past_file: boards of past snapshots, kept as files for as long as they are asked for.
 *
 * To build one takes half a second and some memory, so it is done once, by one process at a time,
 * and all programs map the file. A few files are kept in STATE_DIR/past; the one that was used
 * longest ago goes for a new one. A file's name is a hash of all that its board depends on. */
#ifndef PAST_FILE_H
#define PAST_FILE_H

#include "board.h"
#include "config.h"
#include "db.h"
#include "past.h"

#include <stdbool.h>

enum { PAST_FILES = 8, PAST_KEY = 33 };

/* What the board of a snapshot depends on: the snapshot, the leaderboard's file, the providers
 * and the renderer.
 * False with `why` when the database cannot be read. */
bool past_file_key(struct db *db, const struct leaderboard *leaderboard,
                   const struct history_snapshot *snapshot, char key[PAST_KEY], struct error *why)
    __attribute__((warn_unused_result));

/* Maps the file of that key; false when there is none. On true the caller owns the board:
 * board_close(). */
bool past_file_map(const struct config *config, const char *key, struct board *board)
    __attribute__((warn_unused_result));

/* Builds it, unless another process has meanwhile. PAST_UNREADABLE also when others are being built
 * and it takes too long, or the disk is full. */
enum past_result past_file_build(const struct config *config, struct db *db,
                                 const struct leaderboard *leaderboard,
                                 const struct history_snapshot *snapshot, const char *key,
                                 struct error *why) __attribute__((warn_unused_result));

#endif
