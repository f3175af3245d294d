/* /api/leaderboard/models, /compare, /pareto and /stats, and /api/badge: what one entry, or all of
 * them together, amount to.
 *
 * Each answer is put together from the published board, and says as of when it is. */
#include "entries.h"
#include "answers.h"
#include "badge.h"
#include "boards.h"
#include "frontier.h"
#include "json.h"
#include "query.h"
#include "stats.h"

#include <math.h>
#include <string.h>

/* A badge that says "not ranked" is to be asked for again soon. */
enum { UNRANKED_AGE_S = 60 };

/* The board that a request is about. Returns 0, or the status of an answer, which is 200 where it
 * is there already. */
static int
begin(struct boards *boards, struct request *request, struct response *response,
      const struct board **board)
{
    int status = boards_get(boards, request, response, board);

    return status == 0 && answers_give(request, response, boards_state(boards)) ? 200 : status;
}

/* Ends an answer in JSON. */
static int
answer(const struct boards *boards, struct request *request, struct response *response)
{
    boards_cacheable(boards, request, response, "application/json", NULL);
    return answers_keep(request, response, boards_state(boards));
}

/* ---- one model, and several side by side ---- */

/* GET /api/leaderboard/models/{provider}/{model} */
static int
get_model(void *context, struct request *request, struct response *response)
{
    static const char *const names[] = { "at", NULL };
    const char *name = request_variable(request, "name");
    const struct board *board;
    struct entries entries;
    struct error why;
    int status;

    if ((status = request_only(request, response, names)) != 0 ||
        (status = begin(context, request, response, &board)) != 0)
        return status;
    entries_find(&entries, board, name, &request->arena);
    if (entries.count == 0) {
        entries_absent(board, name, &request->arena, &why);
        return response_detail(response, 404, "%s", why.text);
    }
    entries_put_model(&response->body, board, name, &entries);
    return answer(context, request, response);
}

/* Finds the entries that a list names. Returns 0 or the status of an answer. */
static int
choices_find(const struct board *board, struct request *request, struct response *response,
             const char *list, size_t rows[ENTRIES_COMPARED], size_t *count)
{
    struct error why;

    for (*count = 0; list != NULL; ++*count) {
        size_t length = strcspn(list, ",");
        const char *choice = arena_copy(&request->arena, list, length);
        if (*count == ENTRIES_COMPARED)
            return response_detail(response, 400, "models: at most %d are compared",
                                   ENTRIES_COMPARED);
        if (length == 0)
            return response_detail(response, 400, "models: expected names between commas");
        if (!entries_choose(board, choice, &request->arena, &rows[*count], &why))
            return response_detail(response, 404, "models: %s", why.text);
        list = list[length] == ',' ? list + length + 1 : NULL;
    }
    return *count >= 2 ? 0
                       : response_detail(response, 400,
                                         "models: expected 2 to %d names with commas between: "
                                         "a/b,c/d, or a/b:precision, a/b@revision",
                                         ENTRIES_COMPARED);
}

/* GET /api/leaderboard/compare */
static int
get_comparison(void *context, struct request *request, struct response *response)
{
    static const char *const names[] = { "models", "at", NULL };
    size_t rows[ENTRIES_COMPARED], count;
    const struct board *board;
    int status;

    if ((status = request_only(request, response, names)) != 0 ||
        (status = begin(context, request, response, &board)) != 0 ||
        (status = choices_find(board, request, response, request_query(request, "models"), rows,
                               &count)) != 0)
        return status;
    entries_put_comparison(&response->body, board, rows, count);
    return answer(context, request, response);
}

/* ---- all entries ---- */

/* Reads a parameter that names a column of numbers. */
static int
axis(const struct board *board, struct request *request, struct response *response,
     const char *name, const char *key, const struct board_column **column)
{
    const char *given = request_query(request, name), *keys = "";

    if ((*column = entries_numbers(board, given == NULL ? key : given)) != NULL)
        return 0;
    for (size_t i = 0; i < board->columns; i++)
        if (board->column[i].kind == BOARD_NUMBER && board->column[i].group != BOARD_VALUE)
            keys = arena_format(&request->arena, "%s%s%s", keys, keys[0] == '\0' ? "" : ", ",
                                board->column[i].key);
    return response_detail(response, 400, "%s: this leaderboard has no number \"%.96s\"; it has %s",
                           name, given == NULL ? key : given, keys);
}

/* GET /api/leaderboard/pareto */
static int
get_frontier(void *context, struct request *request, struct response *response)
{
    static const char *const own[] = { "x", "y", "all", "at", NULL };
    static const char *const lists[] = { "sort", "limit", "offset", "fields", "rank", "weights" };
    const char *all = request_query(request, "all");
    const struct query *query;
    const struct board *board;
    struct query_rows rows;
    struct frontier frontier;
    int status;

    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        if (request_query(request, lists[i]) != NULL)
            return response_detail(response, 400, "%s: there is no such parameter here", lists[i]);
    if (all != NULL && strcmp(all, "true") != 0 && strcmp(all, "false") != 0)
        return response_detail(response, 400, "all: expected true or false");
    if ((status = begin(context, request, response, &board)) != 0 ||
        (status = axis(board, request, response, "x", "params_billions", &frontier.x)) != 0 ||
        (status = axis(board, request, response, "y", "average_score", &frontier.y)) != 0 ||
        (status = query_read(&query, board, request, response, own)) != 0)
        return status;
    query_run(query, board, &request->arena, &rows);
    frontier_find(&frontier, board, rows.row, rows.count, &request->arena);
    buf_byte(&response->body, '{');
    frontier_put(&response->body, board, &frontier, all != NULL && strcmp(all, "true") == 0);
    entries_put_as_of(&response->body, board);
    buf_byte(&response->body, '}');
    return answer(context, request, response);
}

/* GET /api/leaderboard/stats */
static int
get_stats(void *context, struct request *request, struct response *response)
{
    static const char *const names[] = { "at", NULL };
    const struct board *board;
    int status;

    if ((status = request_only(request, response, names)) != 0 ||
        (status = begin(context, request, response, &board)) != 0)
        return status;
    stats_put(&response->body, board, &request->arena);
    return answer(context, request, response);
}

/* GET /api/leaderboard/about: what the leaderboard is called, and which columns it has. */
static int
get_about(void *context, struct request *request, struct response *response)
{
    static const char *const names[] = { "at", NULL };
    static const char *const groups[] = { "model",    "evaluations", "value",
                                          "features", "metadata",    "derived" };
    static const char *const kinds[] = { "text", "number", "flag" };
    struct buf *out = &response->body;
    const struct board *board;
    struct error why;
    int status;

    if ((status = request_only(request, response, names)) != 0 ||
        (status = begin(context, request, response, &board)) != 0)
        return status;
    const struct leaderboard *leaderboard = boards_leaderboard(context, &why);
    if (leaderboard == NULL) {
        log_event(&request->config->log, LEVEL_ERROR, LOG_HTTP, "no leaderboard",
                  LOG_TEXT("error", why.text));
        return response_detail(response, 500, "the leaderboard's file cannot be read");
    }
    buf_byte(out, '{');
    json_put_text_member(out, "title", leaderboard->title);
    json_put_integer_member(out, "entries", (int64_t)board->rows);
    json_put_key(out, "columns");
    for (size_t i = 0; i < board->columns; i++) {
        const struct board_column *column = &board->column[i];
        buf_text(out, i == 0 ? "[{" : ",{");
        json_put_text_member(out, "key", column->key);
        json_put_text_member(out, "name", column->name);
        json_put_text_member(out, "group", groups[column->group]);
        json_put_text_member(out, "kind", kinds[column->kind]);
        buf_byte(out, '}');
    }
    buf_text(out, board->columns == 0 ? "[]" : "]");
    entries_put_as_of(out, board);
    buf_byte(out, '}');
    return answer(context, request, response);
}

/* ---- badges ---- */

/* Which column a badge is about, and how it is called. */
static int
metric(const struct board *board, struct request *request, struct response *response, bool *rank,
       const struct board_column **column, struct badge *badge)
{
    const char *name = request_query(request, "metric"), *label = request_query(request, "label");

    *rank = name == NULL || strcmp(name, "rank") == 0;
    *column = entries_numbers(board, *rank ? "average" : name);
    if (!*rank && strcmp(name, "average") != 0 &&
        (*column == NULL || (*column)->group != BOARD_EVALUATION))
        return response_detail(response, 400,
                               "metric: expected rank, average or the key of a benchmark; there is "
                               "no \"%.96s\"",
                               name);
    badge->label = *rank                          ? "leaderboard"
                   : strcmp(name, "average") == 0 ? "average score"
                                                  : (*column)->name;
    if (label != NULL && label[0] != '\0')
        badge->label = label;
    return 0;
}

/* Says where an entry stands; false when it stands nowhere. */
static bool
badge_fill(struct badge *badge, const struct board *board, const struct board_column *column,
           bool rank, size_t row, struct arena *arena)
{
    struct standing standing;

    if (!standing_find(&standing, board, column, row))
        return false;
    double number = column->numbers[row];
    badge->value =
        rank ? arena_format(arena, "#%zu of %zu", standing.rank, standing.of)
             : arena_format(arena, fabs(number) >= 1000 && fabs(number) < 1e9 ? "%.0f" : "%.4g",
                            number);
    badge->colour = badge_colour(standing.percentile);
    return true;
}

/* GET /api/badge/{provider}/{model}.svg: of the model's best entry, or its best in a precision.
 *
 * A model that is not there, or has no such number, gets a grey badge with status 200: in a README
 * an error shows as a broken image, and a model that has just been submitted will be there soon. */
static int
get_badge(void *context, struct request *request, struct response *response)
{
    static const char *const names[] = { "metric", "label", "precision", "at", NULL };
    static const char suffix[] = ".svg";
    const char *file = request_variable(request, "name");
    struct badge badge = { .value = "not ranked", .colour = badge_colour((double)NAN) };
    const struct board_column *column;
    const struct board *board;
    struct entries entries;
    size_t row, length = strlen(file);
    bool rank;
    int status;

    if (length < sizeof suffix || strcmp(file + length - strlen(suffix), suffix) != 0)
        return response_detail(response, 404, "badges are called {provider}/{model}%s", suffix);
    if ((status = request_only(request, response, names)) != 0 ||
        (status = begin(context, request, response, &board)) != 0 ||
        (status = metric(board, request, response, &rank, &column, &badge)) != 0)
        return status;
    const char *name = arena_copy(&request->arena, file, length - strlen(suffix));
    entries_find(&entries, board, name, &request->arena);
    bool ranked = entries_best(&entries, board, request_query(request, "precision"), NULL, &row) &&
                  badge_fill(&badge, board, column, rank, row, &request->arena);
    badge.title = arena_format(&request->arena, "%s: %s %s", name, badge.label, badge.value);
    badge_put(&response->body, &badge);
    boards_cacheable(context, request, response, "image/svg+xml", NULL);
    if (!ranked && request->config->cache_ttl > UNRANKED_AGE_S)
        response->cache_control =
            arena_format(&request->arena, "public, max-age=%d", UNRANKED_AGE_S);
    return answers_keep(request, response, boards_state(context));
}

static const struct route routes[] = {
    { METHOD_GET, "/api/leaderboard/models/{name*}", get_model, 0 },
    { METHOD_GET, "/api/leaderboard/compare", get_comparison, 0 },
    { METHOD_GET, "/api/leaderboard/pareto", get_frontier, 0 },
    { METHOD_GET, "/api/leaderboard/stats", get_stats, 0 },
    { METHOD_GET, "/api/leaderboard/about", get_about, 0 },
    { METHOD_GET, "/api/badge/{name*}", get_badge, 0 },
};

int
main(int argc, char **argv)
{
    struct config config;
    int code;

    if (!app_start(&config, "entries",
                   "answers /api/leaderboard/models, /compare, /pareto and /stats, and /api/badge",
                   0, argc, argv, &code))
        return code;
    struct boards *boards = boards_new(&config);
    struct app app = { .name = "entries",
                       .routes = routes,
                       .routes_count = sizeof routes / sizeof routes[0],
                       .context = boards,
                       .config = &config,
                       .role = CONFINE_BOARDS,
                       .cors = true,
                       .api = true,
                       .limited = true };
    code = app_run(&app);
    boards_close(boards);
    config_free(&config);
    return code;
}
