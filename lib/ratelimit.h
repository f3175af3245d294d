/* ratelimit: how many requests an address may make, counted in memory that all programs share.
 *
 * The limit is GCRA (the virtual scheduling of a leaky bucket): each key has one time, at which its
 * bucket is empty again. A key may send `requests` at once, and then as many as the window refills.
 * The table is one file of fixed size, mapped by every process: a program that is started anew
 * finds what the last one left, and no number of addresses makes it grow. Where all places of a key
 * are taken by keys still in debt, the one that is nearest to its end makes room. After a reboot
 * the table starts empty. */
#ifndef RATELIMIT_H
#define RATELIMIT_H

#include "error.h"

#include <stdbool.h>

struct ratelimit;

/* Maps the table at `path`, which is made when it is not there, or anew when it is damaged or of
 * another layout. NULL with `why` when it cannot be. Free it with ratelimit_close(). Open it after
 * fork() (the lock belongs to what was opened) and before the process confines itself. */
struct ratelimit *ratelimit_open(const char *path, struct error *why);
void ratelimit_close(struct ratelimit *limit);

/* `requests` in `window_s` seconds, both at least 1 (less counts as 1; a window of more than 30
 * years as 30 years). */
struct rate {
    long requests, window_s;
};

struct rate_state {
    bool admitted;
    long remaining; /* requests that would be admitted right now, after this one */
    long reset_s;   /* seconds until all of them would be, rounded up */
    long retry_s;   /* seconds until the next one is admitted, rounded up; 0 when it is now. When
                       refused: until the same cost is, or the bucket empty if it never can be */
};

/* Counts `cost` requests of a key against a limit, unless they are too many: then nothing is
 * counted. A cost of 0 only looks: `admitted` says whether a request would be. A clock that went
 * back, or a limit that became smaller, never locks a key out for longer than a window. One thread
 * at a time; any number of processes. */
struct rate_state ratelimit_take(struct ratelimit *limit, const char *group, const char *key,
                                 struct rate rate, unsigned cost);

#endif
