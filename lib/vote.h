/* vote: who wants which revision of a model evaluated, or not.
 *
 * The votes dataset is one file, votes_data.jsonl: a line is {"model", "revision", "username",
 * "timestamp", "vote_type"}. One vote counts for each (model, revision, username): the first. */
#ifndef VOTE_H
#define VOTE_H

#include "buf.h"
#include "db.h"
#include "error.h"
#include "mem.h"

#include <stdbool.h>
#include <stddef.h>

#define VOTE_FILE "votes_data.jsonl"

struct vote {
    const char *model, *revision, *username, *timestamp;
    const char *vote_type; /* "up" or "down" */
};

/* Reads a line (without its newline). False with `why` when it is no vote. The texts live in the
 * arena. */
bool vote_parse(struct vote *vote, const char *line, size_t length, struct arena *arena,
                struct error *why) __attribute__((warn_unused_result));

/* Appends a vote's line, without a newline. */
void vote_put(struct buf *out, const struct vote *vote);

enum vote_result {
    VOTE_COUNTED, /* it is in the database and in the outbox, on disk */
    VOTE_TWICE,   /* this user has a vote on this revision of this model already */
    VOTE_UNSAVED, /* the database refused; nothing is left of it; `why` says what */
};

/* Adds votes and their outbox entries in one transaction of its own. What became of each is in
 * results[], where VOTE_UNSAVED is never alone: then none of them was kept. */
void vote_add(struct db *db, const struct vote *votes, size_t count, enum vote_result *results,
              struct error *why);

/* Adds one within the caller's transaction. VOTE_TWICE leaves the transaction as it is. */
enum vote_result vote_join(struct db *db, const struct vote *vote, struct error *why)
    __attribute__((warn_unused_result));

#endif
