/* boards: the boards that a program holds: the published one, and past ones that were asked for.
 *
 * Every read of the leaderboard takes its board from here, so that `?at=` means the same
 * everywhere. */
#ifndef BOARDS_H
#define BOARDS_H

#include "board.h"
#include "http.h"
#include "store.h"

#include <stdint.h>

struct boards;

/* Never NULL; free it with boards_close(). `config` must outlive it. */
struct boards *boards_new(const struct config *config);
void boards_close(struct boards *boards);

/* Reads what is published, when another process has committed since. Returns 0, or the status of an
 * answer (503). */
int boards_refresh(struct boards *boards, struct response *response)
    __attribute__((warn_unused_result));

/* What is published: the bodies' files. Valid after boards_refresh() or boards_get(), until the
 * next of them. */
const struct snapshots *boards_snapshots(const struct boards *boards);

/* The board that a request is about: the published one, or with `at` (a date, a time or a revision)
 * the one that was published then, which never changes. Returns 0 with *board, which holds until
 * the next call, or the status of an answer that it has written: 400, 404 for a past that is not
 * kept, 503. */
int boards_get(struct boards *boards, struct request *request, struct response *response,
               const struct board **board) __attribute__((warn_unused_result));

/* A state for answers.h, of what is published; 0 for a past board. Valid after boards_get(). */
uint64_t boards_state(const struct boards *boards);

/* What makes an answer from that board one to be kept: an ETag from the board and `tag` (NULL: the
 * request's address), Last-Modified, Cache-Control (immutable for a past one that no other can
 * become) and the type. Call it after boards_get(), for a 200. */
void boards_cacheable(const struct boards *boards, struct request *request,
                      struct response *response, const char *type, const char *tag);

/* The leaderboard's file, read once; NULL with `why` when it cannot be. */
const struct leaderboard *boards_leaderboard(struct boards *boards, struct error *why);

/* The database that the boards come from, open after boards_get(). */
struct db *boards_db(struct boards *boards);

#endif
