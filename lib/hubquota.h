/* hubquota: the local Hub's rate limits: how many calls each caller has left in its window of five
 * minutes. Kept in memory; the Hub is one process. */
#ifndef HUBQUOTA_H
#define HUBQUOTA_H

#include <stdbool.h>
#include <time.h>

enum { HUBQUOTA_WINDOW_S = 300 };

enum hubquota_bucket { HUBQUOTA_API, HUBQUOTA_RESOLVERS, HUBQUOTA_BUCKETS };

struct hubquota;

/* A table of callers with the limits of HUB_RATE_API (1,000) and HUB_RATE_RESOLVERS (5,000) from
 * the environment. Free it with hubquota_close(). */
struct hubquota *hubquota_open(void);
void hubquota_close(struct hubquota *quota);

/* Counts one call of `who` (a user's name or an address). False when none was left. `left` and
 * `reset_s` are for the RateLimit header. */
bool hubquota_take(struct hubquota *quota, enum hubquota_bucket bucket, const char *who, time_t now,
                   long *left, long *reset_s);

/* "api", "resolvers", and how many calls a window has. */
const char *hubquota_name(enum hubquota_bucket bucket);
long hubquota_limit(const struct hubquota *quota, enum hubquota_bucket bucket);

#endif
