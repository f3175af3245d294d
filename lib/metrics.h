/* metrics: what the programs did, counted in memory that all of them share, for Prometheus.
 *
 * One file of fixed size, mapped by every process; counting is an atomic addition. A program that
 * is started anew goes on counting where the last one stopped. Every function takes NULL for
 * metrics and does nothing then. */
#ifndef METRICS_H
#define METRICS_H

#include "buf.h"
#include "error.h"

#include <stdint.h>

struct metrics;

/* Maps the counters at `path`, which are made when they are not there, or anew when they are
 * damaged or of another layout. NULL with `why` when they cannot be. Free with metrics_close().
 * Open them after fork() (the lock for new routes belongs to what was opened). */
struct metrics *metrics_open(const char *path, struct error *why);
void metrics_close(struct metrics *metrics);

/* An answered request. `route` is its pattern, "-" for none. There is room for 128 pairs of method
 * and route; what is beyond them, or longer than 91 bytes, is counted as the route "other". So are
 * methods and statuses that this API does not have: as "OTHER" and "other". */
void metrics_request(struct metrics *metrics, const char *method, const char *route, int status,
                     uint64_t bytes, uint64_t microseconds);

enum metric {
    METRIC_RATE_LIMITED,     /* requests refused with 429 */
    METRIC_AUTH_CACHED,      /* tokens whose owner was known */
    METRIC_AUTH_ASKED,       /* … that the Hub told */
    METRIC_AUTH_REFUSED,     /* tokens that are nobody's, or not a person's */
    METRIC_AUTH_OTHER,       /* tokens of somebody else than the user named */
    METRIC_AUTH_UNAVAILABLE, /* the Hub did not tell in time */
    METRIC_MODEL_CACHED,     /* models whose facts were known */
    METRIC_MODEL_ASKED,      /* … that the Hub told */
    METRIC_BODY_KEPT,        /* answers from a body in memory or on disk */
    METRIC_BODY_MADE,        /* answers put together for the request */
    METRIC_NOT_MODIFIED,     /* answers that the client had already (304) */
    METRIC_VOTES,            /* votes taken */
    METRIC_SUBMISSIONS,      /* submissions taken */
    METRICS
};

void metrics_count(struct metrics *metrics, enum metric metric);

/* Appends all of it in Prometheus' text form: leaderboard_http_requests_total{method,route,status},
 * the histogram leaderboard_http_request_duration_seconds{method,route},
 * leaderboard_http_response_bytes_total{method,route}, and the counters above. */
void metrics_put(struct metrics *metrics, struct buf *out);

#endif
