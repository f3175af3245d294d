#include "query_private.h"

#include "digest.h"
#include "json.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct reading {
    struct query *query;
    const struct board *board;
    struct request *request;
    struct response *response;
};

/* ---- columns ---- */

const struct board_column *
query_column(const struct board *board, const char *key)
{
    static const char *const aliases[][2] = {
        { "average", "average_score" },         { "params", "params_billions" },
        { "license", "hub_license" },           { "likes", "hub_hearts" },
        { "official", "is_official_provider" }, { "unavailable", "is_not_available_on_hub" },
    };
    const struct board_column *column = board_find(board, key);

    for (size_t i = 0; i < sizeof aliases / sizeof aliases[0] && column == NULL; i++)
        if (strcmp(key, aliases[i][0]) == 0)
            column = board_find(board, aliases[i][1]);
    return column;
}

/* The keys of the columns of a kind, or with BOARD_KINDS of all, for a message. */
static const char *
column_keys(const struct reading *reading, enum board_kind kind)
{
    enum { KEYS_MAX = 600 };
    const struct board *board = reading->board;
    struct arena *arena = &reading->request->arena;
    const char *keys = "";

    for (size_t i = 0; i < board->columns; i++) {
        const struct board_column *column = &board->column[i];
        if (column->group == BOARD_VALUE || (kind != BOARD_KINDS && column->kind != kind))
            continue;
        if (strlen(keys) + strlen(column->key) > KEYS_MAX)
            return arena_format(arena, "%s…", keys);
        keys = arena_format(arena, "%s%s%s", keys, keys[0] == '\0' ? "" : ", ", column->key);
    }
    return keys;
}

static int
no_column(const struct reading *reading, const char *name, const char *key, enum board_kind kind)
{
    static const char *const kinds[] = { "text", "number", "flag", "column" };

    return response_detail(reading->response, 400,
                           "%s: this leaderboard has no %s \"%s\"; it has %s", name, kinds[kind],
                           key, column_keys(reading, kind));
}

/* ---- values ---- */

/* The next element of a list, without the blanks around it, or NULL at its end. */
static const char *
list_next(const struct reading *reading, const char **list, char separator)
{
    const char ends[] = { separator, '\0' };

    if (*list == NULL)
        return NULL;
    const char *from = *list + strspn(*list, " \t");
    size_t length = strcspn(from, ends);
    *list = from[length] == '\0' ? NULL : from + length + 1;
    while (length > 0 && (from[length - 1] == ' ' || from[length - 1] == '\t'))
        length--;
    return arena_copy(&reading->request->arena, from, length);
}

static const char *
folded(const struct reading *reading, const char *text)
{
    char *copy = arena_copy(&reading->request->arena, text, strlen(text));

    board_fold(copy, strlen(copy));
    return copy;
}

static bool
read_number(const char *text, double *number)
{
    char *end;

    *number = strtod(text, &end);
    return *text != '\0' && text[strspn(text, "+-.0123456789eE")] == '\0' && *end == '\0' &&
           isfinite(*number);
}

static int
read_boolean(const struct reading *reading, const char *name, const char *text, bool *value)
{
    *value = strcmp(text, "true") == 0;
    return *value || strcmp(text, "false") == 0
               ? 0
               : response_detail(reading->response, 400, "%s: expected true or false", name);
}

/* The filter of that kind for a column, a new one unless there is one. */
static int
filter_for(const struct reading *reading, enum filter_kind kind, const struct board_column *column,
           struct filter **filter)
{
    struct query *query = reading->query;

    for (size_t i = 0; i < query->filters; i++) {
        *filter = &query->filter[i];
        if ((*filter)->kind == kind && (*filter)->column == column)
            return 0;
    }
    if (query->filters == QUERY_FILTERS)
        return response_detail(reading->response, 400, "at most %d filters are taken",
                               QUERY_FILTERS);
    *filter = &query->filter[query->filters++];
    **filter = (struct filter){ .kind = kind,
                                .column = column,
                                .first = "",
                                .last = "",
                                .min = (double)-INFINITY,
                                .max = (double)INFINITY };
    return 0;
}

/* ---- filters by column ---- */

static int
filter_values(const struct reading *reading, const char *name, const struct board_column *column,
              const char *list)
{
    struct filter *filter;
    const char *value;
    int status = filter_for(reading, FILTER_VALUES, column, &filter);

    while (status == 0 && (value = list_next(reading, &list, ',')) != NULL) {
        if (value[0] == '\0')
            return response_detail(reading->response, 400, "%s: expected texts between commas",
                                   name);
        if (filter->values == QUERY_VALUES)
            return response_detail(reading->response, 400, "%s: at most %d texts are taken", name,
                                   QUERY_VALUES);
        filter->value[filter->values++] = folded(reading, value);
    }
    return status;
}

static int
filter_flag(const struct reading *reading, const char *name, const struct board_column *column,
            const char *value)
{
    struct filter *filter;
    int status = filter_for(reading, FILTER_FLAG, column, &filter);

    return status != 0 ? status : read_boolean(reading, name, value, &filter->flag);
}

static int
filter_range(const struct reading *reading, const char *name, const char *value)
{
    const struct board_column *column = query_column(reading->board, name + strlen("min_"));
    struct filter *filter;
    double number;
    int status;

    if (column == NULL || column->kind != BOARD_NUMBER)
        return no_column(reading, name, name + strlen("min_"), BOARD_NUMBER);
    if (!read_number(value, &number))
        return response_detail(reading->response, 400, "%s: expected a number", name);
    if ((status = filter_for(reading, FILTER_RANGE, column, &filter)) != 0)
        return status;
    *(name[1] == 'i' ? &filter->min : &filter->max) = number;
    return 0;
}

/* ---- parameters ---- */

static int
read_search(const struct reading *reading, const char *name, const char *value)
{
    struct query *query = reading->query;
    const char *text;

    while ((text = list_next(reading, &value, ';')) != NULL) {
        const char *colon = text[0] == '@' ? strchr(text, ':') : NULL;
        struct term term = { 0 };
        if (colon != NULL) {
            const char *key =
                arena_copy(&reading->request->arena, text + 1, (size_t)(colon - text - 1));
            term.column = query_column(reading->board, key);
            if (term.column == NULL || term.column->kind != BOARD_TEXT)
                return no_column(reading, name, key, BOARD_TEXT);
            text = colon + 1 + strspn(colon + 1, " \t");
        }
        if (text[0] == '\0')
            continue;
        if (query->terms == QUERY_TERMS)
            return response_detail(reading->response, 400, "%s: at most %d terms are taken", name,
                                   QUERY_TERMS);
        term.text = folded(reading, text);
        term.length = strlen(text);
        query->term[query->terms++] = term;
    }
    return 0;
}

static int
read_hide(const struct reading *reading, const char *name, const char *value)
{
    struct filter *filter;
    const char *key;
    int status = 0;

    while (status == 0 && (key = list_next(reading, &value, ',')) != NULL) {
        const struct board_column *column = query_column(reading->board, key);
        if (column == NULL)
            column =
                board_find(reading->board, arena_format(&reading->request->arena, "is_%s", key));
        if (column == NULL || column->kind != BOARD_FLAG)
            return no_column(reading, name, key, BOARD_FLAG);
        status = filter_for(reading, FILTER_HIDE, column, &filter);
    }
    return status;
}

static bool
date_valid(const char *text)
{
    static const char shape[] = "0000-00-00";
    size_t i = 0;

    while (shape[i] != '\0' &&
           (shape[i] == '0' ? text[i] >= '0' && text[i] <= '9' : text[i] == '-'))
        i++;
    return shape[i] == '\0' && text[i] == '\0' && strncmp(text + 5, "01", 2) >= 0 &&
           strncmp(text + 5, "12", 2) <= 0 && strcmp(text + 8, "01") >= 0 &&
           strcmp(text + 8, "31") <= 0;
}

static int
read_date(const struct reading *reading, const char *name, const char *value)
{
    const struct board_column *column = board_find(reading->board, "submission_date");
    struct filter *filter;
    int status;

    if (column == NULL || column->kind != BOARD_TEXT)
        return no_column(reading, name, "submission_date", BOARD_TEXT);
    if (!date_valid(value))
        return response_detail(reading->response, 400, "%s: expected a day, YYYY-MM-DD", name);
    if ((status = filter_for(reading, FILTER_DATES, column, &filter)) != 0)
        return status;
    *(strcmp(name, "submitted_after") == 0 ? &filter->first : &filter->last) = value;
    return 0;
}

static int
read_weights(const struct reading *reading, const char *name, const char *value)
{
    struct query *query = reading->query;
    const char *part;

    while ((part = list_next(reading, &value, ',')) != NULL) {
        const char *colon = strrchr(part, ':');
        const char *key = arena_copy(&reading->request->arena, part,
                                     colon == NULL ? strlen(part) : (size_t)(colon - part));
        const struct board_column *column = board_find(reading->board, key);
        struct weight *weight = &query->weight[query->weights];
        bool twice = false;
        if (column == NULL || column->group != BOARD_EVALUATION)
            return response_detail(reading->response, 400,
                                   "%s: this leaderboard has no benchmark \"%s\"", name, key);
        for (size_t i = 0; i < query->weights; i++)
            twice = twice || query->weight[i].column == column;
        if (twice || colon == NULL || !read_number(colon + 1, &weight->weight) ||
            weight->weight <= 0 || weight->weight > 1e6)
            return response_detail(
                reading->response, 400,
                "%s: expected each benchmark once, with a weight above 0, up to 1e6: "
                "%s:2",
                name, key);
        weight->column = column;
        query->weights++;
    }
    return 0;
}

static int
read_sort(const struct reading *reading, const char *name, const char *value)
{
    struct query *query = reading->query;
    const char *key;

    while ((key = list_next(reading, &value, ',')) != NULL) {
        struct sort_key sort = { .descending = key[0] == '-' };
        key += sort.descending;
        sort.column = query_column(reading->board, key);
        if (sort.column == NULL && strcmp(key, "weighted_average") != 0)
            return no_column(reading, name, key, BOARD_KINDS);
        if (sort.column == NULL && request_query(reading->request, "weights") == NULL)
            return response_detail(reading->response, 400,
                                   "%s: weighted_average is there with weights= only", name);
        if (query->sorts == QUERY_SORTS)
            return response_detail(reading->response, 400, "%s: at most %d keys are taken", name,
                                   QUERY_SORTS);
        query->sort[query->sorts++] = sort;
    }
    return 0;
}

static int
read_fields(const struct reading *reading, const char *name, const char *value)
{
    struct query *query = reading->query;
    const char *key;

    while ((key = list_next(reading, &value, ',')) != NULL) {
        struct buf text;
        if (query->fields == QUERY_FIELDS)
            return response_detail(reading->response, 400, "%s: at most %d are taken", name,
                                   QUERY_FIELDS);
        buf_init(&text, 1 << 16);
        json_put_text(&text, key, strlen(key));
        query->field[query->fields++] =
            arena_copy(&reading->request->arena, text.data + 1, text.length - 2);
        buf_free(&text);
    }
    return 0;
}

static int
read_rank(const struct reading *reading, const char *name, const char *value)
{
    return read_boolean(reading, name, value, &reading->query->rank);
}

/* What is no column, or means more than one. */
static const struct parameter {
    const char *name;
    bool list; /* given twice, both count */
    int (*read)(const struct reading *reading, const char *name, const char *value);
} parameters[] = {
    { "search", false, read_search },
    { "hide", true, read_hide },
    { "submitted_after", false, read_date },
    { "submitted_before", false, read_date },
    { "sort", false, read_sort },
    { "weights", false, read_weights },
    { "limit", false, NULL },
    { "offset", false, NULL },
    { "fields", true, read_fields },
    { "rank", false, read_rank },
};

static int
read_column(const struct reading *reading, const char *name, const char *value)
{
    const struct board_column *column = query_column(reading->board, name);

    if (column != NULL && column->kind == BOARD_TEXT)
        return filter_values(reading, name, column, value);
    if (column != NULL && column->kind == BOARD_FLAG)
        return filter_flag(reading, name, column, value);
    if (column != NULL)
        return response_detail(reading->response, 400, "%s: a number; use min_%s and max_%s", name,
                               name, name);
    if (strncmp(name, "min_", 4) == 0 || strncmp(name, "max_", 4) == 0)
        return filter_range(reading, name, value);
    return response_detail(reading->response, 400,
                           "%s: no such parameter, and this leaderboard has no such column; "
                           "expected search, hide, submitted_after, submitted_before, sort, "
                           "weights, limit, offset, fields, rank, min_ or max_ before a number's "
                           "key, or a key: %s",
                           name, column_keys(reading, BOARD_KINDS));
}

static bool
given_later(const struct request *request, size_t index)
{
    for (size_t i = index + 1; i < request->queries; i++)
        if (strcmp(request->query[i].name, request->query[index].name) == 0)
            return true;
    return false;
}

static int
read_parameter(const struct reading *reading, size_t index)
{
    const struct variable *given = &reading->request->query[index];
    const struct parameter *parameter = NULL;

    for (size_t i = 0; i < sizeof parameters / sizeof parameters[0]; i++)
        if (strcmp(parameters[i].name, given->name) == 0)
            parameter = &parameters[i];
    if (parameter == NULL)
        return read_column(reading, given->name, given->value);
    if (parameter->read == NULL || (!parameter->list && given_later(reading->request, index)))
        return 0;
    return parameter->read(reading, given->name, given->value);
}

/* By which number rank=true tells where an entry stands. */
static int
read_rank_key(const struct reading *reading)
{
    struct query *query = reading->query;

    query->rank_key = (struct sort_key){ query_column(reading->board, "average"), true };
    for (size_t i = query->sorts; i > 0; i--)
        if (query->sort[i - 1].column == NULL || query->sort[i - 1].column->kind == BOARD_NUMBER)
            query->rank_key = query->sort[i - 1];
    if (!query->rank || (query->rank_key.column == NULL && query->weights != 0) ||
        (query->rank_key.column != NULL && query->rank_key.column->kind == BOARD_NUMBER))
        return 0;
    return response_detail(reading->response, 400,
                           "rank: expected a number's key in sort=: this leaderboard has no "
                           "average_score");
}

/* The parameters by name: those of one name stay in their order, which may matter. */
static void
tag_make(const struct reading *reading)
{
    const struct request *request = reading->request;
    struct variable given[sizeof request->query / sizeof request->query[0]];
    char hex[SHA256_HEX];
    struct buf text;

    for (size_t i = 0; i < request->queries; i++) {
        size_t at = i;
        for (; at > 0 && strcmp(given[at - 1].name, request->query[i].name) > 0; at--)
            given[at] = given[at - 1];
        given[at] = request->query[i];
    }
    buf_init(&text, 1 << 20);
    for (size_t i = 0; i < request->queries; i++)
        buf_format(&text, "%zu %s %zu %s ", strlen(given[i].name), given[i].name,
                   strlen(given[i].value), given[i].value);
    digest_sha256(buf_string(&text), text.length, hex);
    buf_free(&text);
    memcpy(reading->query->tag, hex, sizeof reading->query->tag - 1);
}

int
query_read(const struct query **query, const struct board *board, struct request *request,
           struct response *response, const char *const *others)
{
    struct query *made = arena_zero(&request->arena, 1, sizeof *made);
    const struct reading reading = { made, board, request, response };
    int status;

    if ((status = request_integer(request, response, "limit", 1, INT_MAX, &made->limit)) != 0 ||
        (status = request_integer(request, response, "offset", 0, INT_MAX, &made->offset)) != 0)
        return status;
    for (size_t i = 0; i < request->queries; i++) {
        const char *const *other = others;
        while (*other != NULL && strcmp(*other, request->query[i].name) != 0)
            other++;
        if (*other == NULL && (status = read_parameter(&reading, i)) != 0)
            return status;
    }
    if (made->weights != 0 && made->sorts == 0)
        made->sort[made->sorts++] = (struct sort_key){ .descending = true };
    tag_make(&reading);
    *query = made;
    return read_rank_key(&reading);
}

bool
query_selects(const struct query *query)
{
    return query->terms + query->filters + query->sorts + query->fields != 0 || query->rank;
}

long
query_limit(const struct query *query)
{
    return query->limit;
}

long
query_offset(const struct query *query)
{
    return query->offset;
}

const char *const *
query_fields(const struct query *query)
{
    return query->fields == 0 ? NULL : query->field;
}

const char *
query_tag(const struct query *query)
{
    return query->tag;
}
