/* outbox: what was acknowledged here and is still to be written to the Hub.
 *
 * An entry is added in the transaction that makes the vote or submission durable, and taken away in
 * the transaction that records that the Hub has it. In between it is never lost: what the Hub
 * refuses for good is parked with the reason, and shown by `fetcher status`. */
#ifndef OUTBOX_H
#define OUTBOX_H

#include "db.h"
#include "error.h"
#include "mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vote;

enum { OUTBOX_TRIES = 5 }; /* refusals after which an entry is parked */

struct outbox_entry {
    int64_t id;
    const char *path, *base_oid;             /* of a request file */
    const char *model, *revision, *username; /* of a vote */
    const char *content;
    size_t length;
    int tries;
};

struct outbox_entries {
    size_t count;
    struct outbox_entry *entries; /* oldest first */
    struct arena arena;           /* owns them */
};

/* Adds a vote's line, within the caller's transaction. */
bool outbox_add_vote(struct db *db, const struct vote *vote, struct error *why)
    __attribute__((warn_unused_result));

/* Adds a request file, within the caller's transaction. `base_oid` is what the Hub had at the path
 * when the submission was accepted, "" for nothing: should it have something else by then, the
 * entry is parked instead of overwriting it. The row in `requests` keeps `base_oid` until then. */
bool outbox_add_request(struct db *db, const char *path, const char *base_oid, const char *content,
                        struct error *why) __attribute__((warn_unused_result));

/* Reads up to `max` entries of a dataset ("votes", "requests") that are not parked. The caller owns
 * them: outbox_free(). */
bool outbox_read(struct db *db, const char *dataset, size_t max, struct outbox_entries *entries,
                 struct error *why) __attribute__((warn_unused_result));

void outbox_free(struct outbox_entries *entries);

/* Takes an entry away, within the transaction that records that the Hub has it. */
bool outbox_done(struct db *db, int64_t id, struct error *why) __attribute__((warn_unused_result));

/* Counts a refusal, and parks the entry at the OUTBOX_TRIES-th, or at once. Within the caller's
 * transaction. */
bool outbox_refused(struct db *db, const struct outbox_entry *entry, bool at_once,
                    const char *reason, struct error *why) __attribute__((warn_unused_result));

/* Makes parked entries of a dataset ones to be tried again. In a transaction of its own. */
bool outbox_retry(struct db *db, const char *dataset, struct error *why)
    __attribute__((warn_unused_result));

struct outbox_depth {
    int64_t waiting, parked;
    int64_t oldest_at; /* Unix seconds, of those waiting; 0 when none */
    char error[480];   /* the last reason that a parked or refused entry has */
};

/* How much lies in the outbox of a dataset. */
bool outbox_depth(struct db *db, const char *dataset, struct outbox_depth *depth, struct error *why)
    __attribute__((warn_unused_result));

#endif
