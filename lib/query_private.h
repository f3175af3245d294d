/* What the reader of a query and its runner share. */
#ifndef QUERY_PRIVATE_H
#define QUERY_PRIVATE_H

#include "query.h"

enum filter_kind { FILTER_VALUES, FILTER_DATES, FILTER_RANGE, FILTER_FLAG, FILTER_HIDE };

struct filter {
    enum filter_kind kind;
    const struct board_column *column;
    const char *value[QUERY_VALUES]; /* folded */
    size_t values;
    const char *first, *last; /* dates, "" without */
    double min, max;          /* infinite without */
    bool flag;
};

struct term {
    const struct board_column *column; /* NULL: those that search looks in */
    const char *text;                  /* folded */
    size_t length;
};

struct sort_key {
    const struct board_column *column; /* NULL: the weighted average */
    bool descending;
};

struct weight {
    const struct board_column *column;
    double weight;
};

struct query {
    size_t terms, filters, sorts, weights, fields;
    struct term term[QUERY_TERMS];
    struct filter filter[QUERY_FILTERS];
    struct sort_key sort[QUERY_SORTS];
    struct weight weight[QUERY_WEIGHTS];
    const char *field[QUERY_FIELDS + 1]; /* NULL-terminated */
    bool rank;
    struct sort_key rank_key;
    long limit, offset;
    char tag[17];
};

#endif
