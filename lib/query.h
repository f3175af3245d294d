/* query: which rows of a board, in which order.
 *
 * A query is read from the request's parameters, run over a board, and gives row numbers. What it
 * does not know, or what makes no sense, is a 400 that names it. A parameter that is given twice
 * where only one makes sense counts as given last.
 *
 *   search=TERM;…        rows that contain any term in name, base_model, hub_license or sha, or in
 *                        the column that a term names: @KEY:TERM; case-insensitive
 *   KEY=TEXT,…           of a column of texts: rows that have one of these, case-insensitive
 *   KEY=true|false       of a flag
 *   min_KEY=, max_KEY=   of a number; missing ones do not pass
 *   hide=FLAG,…          rows where none of these flags is set; "is_" may be left out
 *   submitted_after=YYYY-MM-DD, submitted_before=   submission_date from, and up to, that day
 *   sort=[-]KEY,…        - is descending; texts by their bytes; missing ones last in any case,
 * equal ones in the dataset's order weights=BENCHMARK:WEIGHT,…   the weighted mean of normalized
 * scores, which sort knows as weighted_average and which is the order unless sort says another
 *   limit=, offset=      a page of the rows
 *   fields=KEY,…         members of an entry, "id" or "model.name"
 *   rank=true            where each entry stands by the first number of sort, else by average_score
 *
 * KEY is a column's key or one of average, params, license, likes, official and unavailable, which
 * stand for average_score, params_billions, hub_license, hub_hearts, is_official_provider and
 * is_not_available_on_hub. */
#ifndef QUERY_H
#define QUERY_H

#include "board.h"
#include "http.h"

enum {
    QUERY_TERMS = 16, /* of search */
    QUERY_SORTS = 8,
    QUERY_FILTERS = 16, /* columns that rows must suit */
    QUERY_VALUES = 64,  /* of one column */
    QUERY_FIELDS = 64,
    QUERY_WEIGHTS = LEADERBOARD_BENCHMARKS,
};

struct query; /* in the request's arena */

/* The column of that KEY, or NULL. */
const struct board_column *query_column(const struct board *board, const char *key);

/* Reads the parameters. `others` (NULL-terminated) are names that the handler reads itself
 * (profile, at…). Returns 0 with *query, or the status of an answer that it has written. */
int query_read(const struct query **query, const struct board *board, struct request *request,
               struct response *response, const char *const *others)
    __attribute__((warn_unused_result));

/* Where a row stands by a number, the first in the sort's direction being 1. */
struct query_rank {
    size_t result, overall; /* among the rows of the result, and among all; 0: it has no number */
    size_t tied;            /* rows of all that share its place, itself included */
    double percentile;      /* percent of all rows with a number that do not stand before it */
};

struct query_rows {
    size_t total;                  /* rows that pass the filters */
    size_t count;                  /* rows of this page */
    const uint32_t *row;           /* their numbers */
    const struct query_rank *rank; /* of each row of the page; NULL without rank=true */
    const double *average;         /* of weights=, for each row of the page; NULL without */
};

/* Runs it. The result lives in the arena. */
void query_run(const struct query *query, const struct board *board, struct arena *arena,
               struct query_rows *rows);

/* True when the parameters ask for more than offset and limit: a slice of the rows will not do. */
bool query_selects(const struct query *query);

/* The limit, 0 when there is none; and the offset. */
long query_limit(const struct query *query);
long query_offset(const struct query *query);

/* The keys that fields= names, escaped as in JSON, NULL-terminated; NULL for all. */
const char *const *query_fields(const struct query *query);

/* What makes two queries of a board the same one, in 16 hexadecimal digits. */
const char *query_tag(const struct query *query);

#endif
