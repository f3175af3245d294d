/* feed: the leaderboard's changes as an Atom feed (RFC 4287).
 *
 * Addresses in it are relative to its own: what a request says of its host is not to be believed,
 * and a proxy may serve it under another path. Ids are UUIDs made of what a snapshot is, so that
 * they stay when it is made anew. */
#ifndef FEED_H
#define FEED_H

#include "entry.h"

enum { FEED_ENTRIES = 50 };

struct feed {
    const char *title; /* the leaderboard's */
    const char *repo;  /* the dataset */
    const struct columns_known *columns;
    const struct history_snapshot *snapshots; /* newest first, one more than there are entries */
    size_t count;
};

/* Appends the feed: one entry for each snapshot in which something changed, at most FEED_ENTRIES.
 * What an entry tells of models needs the snapshot before it, which comes next in the list. False
 * with `why` when the database cannot be read. */
bool feed_put(struct buf *out, struct db *db, const struct feed *feed, struct error *why)
    __attribute__((warn_unused_result));

/* Appends text as XML 1.0 takes it, also in an attribute: markup is escaped, and what is no
 * character of XML becomes U+FFFD. */
void feed_put_text(struct buf *out, const char *text, size_t length);

#endif
