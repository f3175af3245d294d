/* query: which rows of a board, in which order.
 *
 * A query is read from the request's parameters, run over a board, and gives row numbers. What it
 * does not know, or what makes no sense, is a 400 that names it. */
#ifndef QUERY_H
#define QUERY_H

#include "board.h"
#include "http.h"

enum {
    QUERY_TERMS = 16, /* of search */
    QUERY_SORTS = 8,
    QUERY_FILTERS = 16, /* lists, ranges and flags */
    QUERY_WEIGHTS = LEADERBOARD_BENCHMARKS,
};

struct query; /* in the request's arena */

/* Reads the parameters: search, type, precision, weight_type, architecture, license, provider,
 * min_params, max_params, min_average, hide, official, submitted_after, submitted_before, sort,
 * weights, limit, offset, fields, rank. `others` (NULL-terminated) are names that the handler reads
 * itself (profile, at…). Returns 0 with *query, or the status of an answer that it has written. */
int query_read(const struct query **query, const struct board *board, struct request *request,
               struct response *response, const char *const *others)
    __attribute__((warn_unused_result));

struct query_rows {
    size_t total;        /* rows that pass the filters */
    size_t count;        /* rows of this page */
    const uint32_t *row; /* their numbers */
    const uint32_t
        *rank; /* within the result, by the sort's first numeric key; NULL without rank */
    const double *average; /* of weights=, a number for each row of the page; NULL without */
};

/* Runs it. The result lives in the arena. */
void query_run(const struct query *query, const struct board *board, struct arena *arena,
               struct query_rows *rows);

/* True when the parameters ask for more than offset and limit, so that the whole published body, or
 * a mere slice of it, will not do. */
bool query_filters(const struct query *query);

long query_limit(const struct query *query);
long query_offset(const struct query *query);

/* The keys that fields= names, NULL-terminated; NULL for all. */
const char *const *query_fields(const struct query *query);

#endif
