/* GET /api/leaderboard and GET /api/leaderboard/formatted.
 *
 * Both answer with a body that the fetcher published: this program only chooses a profile and a
 * content coding, and lighttpd sends the file. */
#include "http.h"
#include "snapshot.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { RETRY_AFTER_S = 10 };

struct board {
    const struct config *config;
    struct db *db;
    time_t opened_at;
    dev_t device; /* which file is open */
    ino_t inode;
    int64_t version; /* of the database when `snapshots` was read */
    struct snapshots snapshots;
};

static int
unavailable(struct response *response, const char *detail)
{
    char seconds[16];

    snprintf(seconds, sizeof seconds, "%d", RETRY_AFTER_S);
    response_header(response, "Retry-After", seconds);
    return response_detail(response, 503, "%s", detail);
}

/* Opens the database where it is not open, and anew every CACHE_TTL seconds and when another file
 * has taken its place. Returns 0 or the status of an answer. */
static int
board_open(struct board *board, struct response *response)
{
    char path[PATH_MAX];
    struct error why;
    time_t now = time(NULL);

    struct stat file = { 0 };

    snprintf(path, sizeof path, "%s/cache.db", board->config->state_dir);
    bool there = stat(path, &file) == 0;
    if (board->db != NULL && now - board->opened_at <= board->config->cache_ttl && there &&
        file.st_ino == board->inode && file.st_dev == board->device)
        return 0;
    db_close(board->db);
    board->db = NULL;
    board->version = -1;
    board->inode = file.st_ino;
    board->device = file.st_dev;
    enum db_result result = db_open(&board->db, path, SQL_DATABASE_CACHE, DB_READER, &why);
    board->opened_at = now;
    if (result == DB_OK)
        return 0;
    if (result != DB_ABSENT)
        log_event(&board->config->log, LEVEL_ERROR, LOG_DB, "cannot open the cache",
                  LOG_TEXT("error", why.text));
    return unavailable(response, result == DB_ABSENT
                                     ? "there is no data yet: the first sync has not ended"
                                     : "the server's database cannot be read; try again later");
}

/* Reads what is published when another process has committed since. */
static int
board_refresh(struct board *board, struct response *response)
{
    struct error why;
    int status = board_open(board, response);

    if (status != 0)
        return status;
    int64_t version = db_version(board->db);
    if (version >= 0 && version == board->version)
        return 0;
    if (!snapshot_load(&board->snapshots, board->db, &why)) {
        log_event(&board->config->log, LEVEL_ERROR, LOG_DB, "cannot read the snapshots",
                  LOG_TEXT("error", why.text));
        return unavailable(response, "the server's database cannot be read; try again later");
    }
    board->version = version;
    return 0;
}

/* ETag, dates and caching of an answer; true when the client has it already (304). */
static bool
validators(const struct board *board, const struct request *request, struct response *response,
           const char *etag, int64_t published_at)
{
    const char *known = request_header(request, "If-None-Match");
    const char *since = request_header(request, "If-Modified-Since");
    struct tm date = { 0 };

    buf_format(&response->headers, "ETag: \"%s\"\r\nCache-Control: public, max-age=%ld\r\n", etag,
               board->config->cache_ttl);
    response_date(response, "Last-Modified", published_at);
    response->cacheable = true;
    if (known != NULL)
        return etag_matches(known, etag);
    return since != NULL && strptime(since, "%a, %d %b %Y %H:%M:%S GMT", &date) != NULL &&
           timegm(&date) >= published_at;
}

/* A part of the rows, put together from the rows' own texts. */
static int
answer_slice(const struct board *board, const struct request *request, struct response *response,
             enum body body, enum profile profile, long offset, long limit)
{
    static const enum sql_id queries[BODY_COUNT][PROFILE_COUNT] = {
        [BODY_LEADERBOARD] = { SQL_MODEL_RAW_DOCUMENTED, SQL_MODEL_RAW_SPACE },
        [BODY_FORMATTED] = { SQL_MODEL_DOCUMENTED, SQL_MODEL_SPACE },
    };
    struct snapshots snapshots;
    struct error why;
    char etag[96];

    if (!db_snapshot_begin(board->db, &why))
        return unavailable(response, "the server's database cannot be read; try again later");
    bool good = snapshot_load(&snapshots, board->db, &why);
    buf_text(&response->body, profile == PROFILE_SPACE ? "[" : "{\"models\":[");
    sqlite3_stmt *row = db_query(board->db, queries[body][profile], DB_INTEGER(offset),
                                 DB_INTEGER((int64_t)offset + limit));
    for (bool first = true; good && db_next(board->db, row, &why); first = false) {
        if (!first)
            buf_byte(&response->body, ',');
        buf_text(&response->body, db_column_text(row, 0));
    }
    db_done(row);
    db_snapshot_end(board->db);
    buf_text(&response->body, profile == PROFILE_SPACE ? "]" : "]}");
    if (!good || why.text[0] != '\0') {
        log_event(&board->config->log, LEVEL_ERROR, LOG_DB, "cannot read the rows",
                  LOG_TEXT("error", why.text));
        return unavailable(response, "the server's database cannot be read; try again later");
    }
    const struct variant *whole = &snapshots.variant[body][profile][ENCODING_IDENTITY];
    snprintf(etag, sizeof etag, "%s-%ld-%ld", whole->etag, offset, limit);
    if (validators(board, request, response, etag, whole->published_at))
        return 304;
    response->type = "application/json";
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
        return unavailable(response, "there is no data yet: the first sync has not ended");
    if (encoding != ENCODING_IDENTITY)
        response_header(response, "Content-Encoding", encoding_name(encoding));
    if (validators(board, request, response, variant->etag, variant->published_at)) {
        response->file = NULL;
        return 304;
    }
    response->type = "application/json";
    response->file_length = variant->length;
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
        return unavailable(response, "there is no data yet: the first sync has not ended");
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
    struct board board = { .version = -1 };
    struct config config;
    int code;

    if (!app_start(&config, "leaderboard",
                   "answers GET /api/leaderboard and /api/leaderboard/formatted", 0, argc, argv,
                   &code))
        return code;
    board.config = &config;
    struct app app = { .name = "leaderboard",
                       .routes = routes,
                       .routes_count = sizeof routes / sizeof routes[0],
                       .context = &board,
                       .config = &config,
                       .cors = true };
    code = app_run(&app);
    db_close(board.db);
    config_free(&config);
    return code;
}
