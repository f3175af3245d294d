/* GET /api/leaderboard and GET /api/leaderboard/formatted.
 *
 * Both answer with a body that the fetcher published: this program only chooses a profile and a
 * content coding, and lighttpd sends the file. */
#include "snapshot.h"
#include "store.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RETRY_AFTER_S = 10 };

struct board {
    const struct config *config;
    struct store store;
    struct snapshots snapshots; /* what is published, as far as `store` says */
};

static int
no_data(struct response *response)
{
    return response_unavailable(response, RETRY_AFTER_S,
                                "there is no data yet: the first sync has not ended");
}

/* Reads what is published when another process has committed since. */
static int
board_refresh(struct board *board, struct response *response)
{
    struct error why;
    int status = store_open(&board->store, response);

    if (status != 0 || !store_changed(&board->store))
        return status;
    if (snapshot_load(&board->snapshots, board->store.db, &why))
        return 0;
    board->store.version = -1;
    return store_failed(&board->store, response, &why);
}

/* What makes an answer one to be kept and asked for again. */
static void
cacheable(const struct board *board, struct request *request, struct response *response,
          const char *etag, int64_t published_at)
{
    response->etag = etag;
    response->modified = published_at;
    response->cache_control =
        arena_format(&request->arena, "public, max-age=%ld", board->config->cache_ttl);
    response->type = "application/json";
}

/* A part of the rows, put together from the rows' own texts. */
static int
answer_slice(const struct board *board, struct request *request, struct response *response,
             enum body body, enum profile profile, long offset, long limit)
{
    static const enum sql_id queries[BODY_COUNT][PROFILE_COUNT] = {
        [BODY_LEADERBOARD] = { SQL_MODEL_RAW_DOCUMENTED, SQL_MODEL_RAW_SPACE },
        [BODY_FORMATTED] = { SQL_MODEL_DOCUMENTED, SQL_MODEL_SPACE },
    };
    struct db *db = board->store.db;
    struct snapshots snapshots;
    struct error why;

    if (!db_snapshot_begin(db, &why))
        return store_failed(&board->store, response, &why);
    bool good = snapshot_load(&snapshots, db, &why);
    buf_text(&response->body, profile == PROFILE_SPACE ? "[" : "{\"models\":[");
    sqlite3_stmt *row = db_query(db, queries[body][profile], DB_INTEGER(offset),
                                 DB_INTEGER((int64_t)offset + limit));
    for (bool first = true; good && db_next(db, row, &why); first = false) {
        if (!first)
            buf_byte(&response->body, ',');
        buf_text(&response->body, db_column_text(row, 0));
    }
    db_done(row);
    db_snapshot_end(db);
    buf_text(&response->body, profile == PROFILE_SPACE ? "]" : "]}");
    if (!good || why.text[0] != '\0')
        return store_failed(&board->store, response, &why);
    const struct variant *whole = &snapshots.variant[body][profile][ENCODING_IDENTITY];
    cacheable(board, request, response,
              arena_format(&request->arena, "%s-%ld-%ld", whole->etag, offset, limit),
              whole->published_at);
    metrics_count(request->metrics, METRIC_BODY_MADE);
    return 200;
}

/* The whole body: a published file in the coding that suits the client best. */
static int
answer_whole(const struct board *board, struct request *request, struct response *response,
             enum body body, enum profile profile)
{
    enum encoding encoding = encoding_choose(request_header(request, "Accept-Encoding"));
    const struct variant *variant = &board->snapshots.variant[body][profile][encoding];

    response->file =
        arena_format(&request->arena, "%s/public/%s", board->config->state_dir, variant->file);
    if (variant->file[0] == '\0' || access(response->file, R_OK) != 0)
        return no_data(response);
    if (encoding != ENCODING_IDENTITY)
        response_header(response, "Content-Encoding", encoding_name(encoding));
    cacheable(board, request, response, variant->etag, variant->published_at);
    response->file_length = variant->length;
    metrics_count(request->metrics, METRIC_BODY_KEPT);
    return 200;
}

static int
answer_body(struct board *board, struct request *request, struct response *response, enum body body)
{
    const char *name = request_query(request, "profile");
    enum profile profile = board->config->profile;
    long offset = 0, limit = INT_MAX;
    int status;

    if (name != NULL && !profile_parse(name, &profile))
        return response_detail(response, 400, "profile: expected documented or space");
    if ((status = request_integer(request, response, "offset", 0, INT_MAX, &offset)) != 0 ||
        (status = request_integer(request, response, "limit", 1, INT_MAX, &limit)) != 0 ||
        (status = board_refresh(board, response)) != 0)
        return status;
    if (board->snapshots.variant[body][profile][ENCODING_IDENTITY].file[0] == '\0')
        return no_data(response);
    if (offset != 0 || limit != INT_MAX)
        return answer_slice(board, request, response, body, profile, offset, limit);
    return answer_whole(board, request, response, body, profile);
}

static int
get_leaderboard(void *context, struct request *request, struct response *response)
{
    return answer_body(context, request, response, BODY_LEADERBOARD);
}

static int
get_formatted(void *context, struct request *request, struct response *response)
{
    return answer_body(context, request, response, BODY_FORMATTED);
}

static const struct route routes[] = {
    { METHOD_GET, "/api/leaderboard", get_leaderboard, 0 },
    { METHOD_GET, "/api/leaderboard/formatted", get_formatted, 0 },
};

int
main(int argc, char **argv)
{
    struct board board = { 0 };
    struct config config;
    int code;

    if (!app_start(&config, "leaderboard",
                   "answers GET /api/leaderboard and /api/leaderboard/formatted", 0, argc, argv,
                   &code))
        return code;
    board.config = &config;
    store_init(&board.store, &config, DB_READER);
    struct app app = { .name = "leaderboard",
                       .routes = routes,
                       .routes_count = sizeof routes / sizeof routes[0],
                       .context = &board,
                       .config = &config,
                       .cors = true,
                       .api = true,
                       .limited = true };
    code = app_run(&app);
    store_close(&board.store);
    config_free(&config);
    return code;
}
