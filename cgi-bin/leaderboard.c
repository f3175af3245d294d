/* GET /api/leaderboard and GET /api/leaderboard/formatted, whole or queried, and the rows of the
 * dataset as files: /api/leaderboard.csv, .jsonl and .parquet.
 *
 * Without parameters both answer with a body that the fetcher published: this program only chooses
 * a profile and a content coding, and lighttpd sends the file. Where the choice is plain, lighttpd
 * makes it by itself: `leaderboard.fcgi --lighttpd` tells lighttpd.conf when and with which
 * headers. What a query asks for is put together from the published board, which is mapped. */
#include "answers.h"
#include "boards.h"
#include "export.h"
#include "fragment.h"
#include "json.h"
#include "query.h"
#include "snapshot.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    RETRY_AFTER_S = 10,
    LINK_MAX = 4096, /* bytes that proxies take in a header; a longer one is left out */
};

struct program {
    const struct config *config;
    struct boards *boards;
};

static const char caching[] = "public, max-age=%ld";

static int
no_data(struct response *response)
{
    return response_unavailable(response, RETRY_AFTER_S,
                                "there is no data yet: the first sync has not ended");
}

/* The whole body: a published file in the coding that suits the client best. The file's ETag and
 * date are lighttpd's to add, and a 304 to answer, so that they are the same when it answers alone.
 */
static int
answer_whole(const struct program *program, struct request *request, struct response *response,
             enum body body, enum profile profile)
{
    enum encoding encoding = encoding_choose(request_header(request, "Accept-Encoding"));
    const struct variant *variant =
        &boards_snapshots(program->boards)->variant[body][profile][encoding];

    response->file =
        arena_format(&request->arena, "%s/public/%s", program->config->state_dir, variant->file);
    if (variant->file[0] == '\0' || access(response->file, R_OK) != 0)
        return no_data(response);
    if (encoding != ENCODING_IDENTITY)
        response_header(response, "Content-Encoding", encoding_name(encoding));
    response->cache_control = arena_format(&request->arena, caching, program->config->cache_ttl);
    response->type = "application/json";
    response->file_length = variant->length;
    metrics_count(request->metrics, METRIC_BODY_KEPT);
    return 200;
}

/* ---- queries ---- */

/* True when the client has the answer already, in whatever coding it takes: then nothing is to be
 * put together. */
static bool
client_has(struct request *request, struct response *response)
{
    enum encoding encoding = encoding_choose(request_header(request, "Accept-Encoding"));
    const char *known = request_header(request, "If-None-Match");
    const char *coded =
        arena_format(&request->arena, "%s-%s", response->etag, encoding_name(encoding));
    bool plain = etag_matches(known, response->etag);

    if (!plain && !etag_matches(known, coded))
        return false;
    response_header(response, "ETag",
                    arena_format(&request->arena, "\"%s\"", plain ? response->etag : coded));
    response_date(response, "Last-Modified", response->modified);
    metrics_count(request->metrics, METRIC_NOT_MODIFIED);
    return true;
}

/* Adds a relation to the header: the same query at another offset. */
static void
put_link(struct buf *out, const struct request *request, const char *relation, size_t offset)
{
    const char *query = strchr(request->target, '?');

    buf_text(out, out->length == 0 ? "<" : ", <");
    buf_put(out, request->target, (size_t)(query - request->target));
    buf_byte(out, '?');
    for (size_t i = 0; i < request->queries; i++) {
        const struct variable *given = &request->query[i];
        if (strcmp(given->name, "offset") == 0)
            continue;
        buf_percent(out, given->name, strlen(given->name));
        buf_byte(out, '=');
        buf_percent(out, given->value, strlen(given->value));
        buf_byte(out, '&');
    }
    buf_format(out, "offset=%zu>; rel=\"%s\"", offset, relation);
}

static void
put_links(const struct request *request, struct response *response, const struct query *query,
          size_t total)
{
    size_t limit = (size_t)query_limit(query), offset = (size_t)query_offset(query);
    size_t first = offset % limit; /* pages begin where this one's do */
    struct buf link;

    buf_init(&link, 32 * 1024);
    put_link(&link, request, "first", 0);
    if (offset > 0)
        put_link(&link, request, "prev", offset > limit ? offset - limit : 0);
    if (total > offset && total - offset > limit)
        put_link(&link, request, "next", offset + limit);
    put_link(&link, request, "last", total > first ? total - 1 - (total - 1 - first) % limit : 0);
    if (buf_ok(&link) && link.length <= LINK_MAX)
        response_header(response, "Link", buf_string(&link));
    buf_free(&link);
}

static void
put_rank(struct buf *out, const struct query_rank *rank)
{
    if (rank->overall == 0) {
        buf_text(out, "null");
        return;
    }
    buf_format(out, "{\"result\":%zu,\"overall\":%zu,\"tied\":%zu,\"percentile\":", rank->result,
               rank->overall, rank->tied);
    json_put_real(out, round(rank->percentile * 100) / 100);
    buf_byte(out, '}');
}

/* Which of the board's texts an answer shows. */
struct shown {
    const struct board *board;
    enum body body;
    enum profile profile;
    enum export_format format; /* EXPORT_FORMATS: an answer in JSON */
    const char *const *fields; /* NULL: all */
};

/* Appends the i-th entry of a result. */
static void
put_entry(struct buf *out, const struct shown *shown, const struct query_rows *rows, size_t i)
{
    size_t length;
    const char *text =
        board_fragment(shown->board, shown->body, shown->profile, rows->row[i], &length);

    if (shown->fields == NULL)
        buf_put(out, text, length);
    else
        fragment_pick(out, text, length, shown->fields);
    if ((rows->average == NULL && rows->rank == NULL) || !buf_ok(out))
        return;
    out->length--; /* its brace */
    const char *comma = out->data[out->length - 1] == '{' ? "" : ",";
    if (rows->average != NULL) {
        buf_format(out, "%s\"weighted_average\":", comma);
        json_put_real(out, rows->average[i]);
        comma = ",";
    }
    if (rows->rank != NULL) {
        buf_format(out, "%s\"rank\":", comma);
        put_rank(out, &rows->rank[i]);
    }
    buf_byte(out, '}');
}

/* The first of the fields that an entry does not have, or NULL. All entries have the same. */
static const char *
field_unknown(const struct shown *shown)
{
    size_t length, picked = 1;
    struct buf text;

    if (shown->fields == NULL || shown->board->rows == 0)
        return NULL;
    const char *const *field = shown->fields;
    const char *entry = board_fragment(shown->board, shown->body, shown->profile, 0, &length);
    buf_init(&text, length + 1);
    for (; *field != NULL; field++) {
        const char *const one[] = { *field, NULL };
        buf_reset(&text);
        picked = fragment_pick(&text, entry, length, one);
        if (picked == 0)
            break;
    }
    buf_free(&text);
    return *field;
}

static void
put_answer(struct buf *out, const struct shown *shown, const struct query *query,
           const struct query_rows *rows)
{
    buf_text(out, shown->profile == PROFILE_SPACE ? "[" : "{\"models\":[");
    if (query_selects(query)) {
        for (size_t i = 0; i < rows->count; i++) {
            if (i != 0)
                buf_byte(out, ',');
            put_entry(out, shown, rows, i);
        }
    } else if (rows->count != 0) {
        size_t length;
        const char *text = board_fragments(shown->board, shown->body, shown->profile, rows->row[0],
                                           rows->count, &length);
        buf_put(out, text, length);
    }
    buf_byte(out, ']');
    if (shown->profile == PROFILE_SPACE)
        return;
    buf_format(out, ",\"total\":%zu,\"limit\":", rows->total);
    if (query_limit(query) == 0)
        buf_text(out, "null");
    else
        json_put_integer(out, query_limit(query));
    buf_format(out, ",\"offset\":%ld,\"as_of\":", query_offset(query));
    board_put_as_of(out, shown->board);
    buf_byte(out, '}');
}

static void
name_file(struct request *request, struct response *response, const struct board *board,
          enum export_format format)
{
    response_header(response, "Content-Disposition",
                    arena_format(&request->arena, "attachment; filename=\"leaderboard%s%.8s.%s\"",
                                 board->revision[0] == '\0' ? "" : "-", board->revision,
                                 export_suffix(format)));
}

static int
put_file(struct program *program, struct request *request, struct response *response,
         const struct shown *shown, const struct query_rows *rows)
{
    struct error why;

    if (!export_rows(&response->body, shown->format, shown->board, rows, shown->fields, &why)) {
        log_event(&program->config->log, LEVEL_ERROR, LOG_HTTP, "no file",
                  LOG_TEXT("error", why.text));
        return response_detail(response, 500, "%s", why.text);
    }
    response->type = export_type(shown->format);
    name_file(request, response, shown->board, shown->format);
    return 200;
}

/* Answers what the parameters ask of the board. */
static int
answer_query(struct program *program, struct request *request, struct response *response,
             struct shown *shown)
{
    bool file = shown->format != EXPORT_FORMATS;
    const char *const others[] = { "at", file ? NULL : "profile", NULL };
    const struct query *query;
    struct query_rows rows;
    int status = boards_get(program->boards, request, response, &shown->board);

    if (status != 0)
        return status;
    if (answers_give(request, response, boards_state(program->boards)))
        return 200;
    if ((status = query_read(&query, shown->board, request, response, others)) != 0)
        return status;
    if (file && request_query(request, "rank") != NULL)
        return response_detail(response, 400, "rank: a file holds the dataset's columns alone");
    shown->fields = query_fields(query);
    const char *unknown = field_unknown(shown);
    if (unknown != NULL)
        return response_detail(response, 400, "fields: an entry has no \"%s\"", unknown);
    boards_cacheable(program->boards, request, response, "application/json",
                     arena_format(&request->arena, "%s-%s-%s",
                                  file ? export_suffix(shown->format) : body_name(shown->body),
                                  profile_name(shown->profile), query_tag(query)));
    if (client_has(request, response))
        return 304;
    query_run(query, shown->board, &request->arena, &rows);
    response_header(response, "X-Total-Count", arena_format(&request->arena, "%zu", rows.total));
    if (query_limit(query) != 0)
        put_links(request, response, query, rows.total);
    if (!file)
        put_answer(&response->body, shown, query, &rows);
    else if ((status = put_file(program, request, response, shown, &rows)) != 200)
        return status;
    return answers_keep(request, response, boards_state(program->boards));
}

static int
answer(struct program *program, struct request *request, struct response *response, enum body body)
{
    const char *name = request_query(request, "profile");
    struct shown shown = { .body = body,
                           .profile = program->config->profile,
                           .format = EXPORT_FORMATS };
    bool whole = true;
    int status;

    if (name != NULL && !profile_parse(name, &shown.profile))
        return response_detail(response, 400, "profile: expected documented or space");
    for (size_t i = 0; i < request->queries; i++)
        whole = whole && strcmp(request->query[i].name, "profile") == 0;
    if (!whole)
        return answer_query(program, request, response, &shown);
    status = boards_refresh(program->boards, response);
    return status != 0 ? status : answer_whole(program, request, response, body, shown.profile);
}

/* The dataset's own parquet file. */
static int
answer_own(const struct program *program, struct request *request, struct response *response,
           const struct board *board)
{
    const struct variant *own = &boards_snapshots(program->boards)->parquet;

    response->file =
        arena_format(&request->arena, "%s/public/%s", program->config->state_dir, own->file);
    response->file_length = own->length;
    boards_cacheable(program->boards, request, response, export_type(EXPORT_PARQUET), own->etag);
    name_file(request, response, board, EXPORT_PARQUET);
    metrics_count(request->metrics, METRIC_BODY_KEPT);
    return 200;
}

static int
answer_file(struct program *program, struct request *request, struct response *response,
            enum export_format format)
{
    struct shown shown = { .body = BODY_LEADERBOARD,
                           .profile = PROFILE_DOCUMENTED,
                           .format = format };

    if (format == EXPORT_PARQUET && request->queries == 0) {
        int status = boards_get(program->boards, request, response, &shown.board);
        if (status != 0)
            return status;
        if (boards_snapshots(program->boards)->parquet.file[0] != '\0')
            return answer_own(program, request, response, shown.board);
    }
    return answer_query(program, request, response, &shown);
}

static int
get_leaderboard(void *context, struct request *request, struct response *response)
{
    return answer(context, request, response, BODY_LEADERBOARD);
}

static int
get_formatted(void *context, struct request *request, struct response *response)
{
    return answer(context, request, response, BODY_FORMATTED);
}

static int
get_csv(void *context, struct request *request, struct response *response)
{
    return answer_file(context, request, response, EXPORT_CSV);
}

static int
get_jsonl(void *context, struct request *request, struct response *response)
{
    return answer_file(context, request, response, EXPORT_JSONL);
}

static int
get_parquet(void *context, struct request *request, struct response *response)
{
    return answer_file(context, request, response, EXPORT_PARQUET);
}

static const struct route routes[] = {
    { METHOD_GET, "/api/leaderboard", get_leaderboard, 0 },
    { METHOD_GET, "/api/leaderboard/formatted", get_formatted, 0 },
    { METHOD_GET, "/api/leaderboard.csv", get_csv, 0 },
    { METHOD_GET, "/api/leaderboard.jsonl", get_jsonl, 0 },
    { METHOD_GET, "/api/leaderboard.parquet", get_parquet, 0 },
};

/* ---- what lighttpd answers alone ---- */

/* Prints the variables of lighttpd.conf: which paths and origins are answered without asking, the
 * headers, and the files without their ending. Where not all origins are admitted, those that a
 * browser names are this program's to judge. */
static int
print_direct(void)
{
    struct config config;
    struct error why;
    struct buf out;

    if (!config_load(&config, 0, &why)) {
        fprintf(stderr, "leaderboard.fcgi: %s\n", why.text);
        return EXIT_USAGE;
    }
    char **origin = config.cors_origins;
    while (*origin != NULL && strcmp(*origin, "*") != 0)
        origin++;
    buf_init(&out, 16 * 1024);
    buf_format(&out, "var.direct_paths = \"%s\"\n",
               config.direct ? "^/api/leaderboard(/formatted)?$" : "^$");
    buf_format(&out, "var.direct_origins = \"%s\"\n", *origin != NULL ? "" : "^$");
    buf_text(&out, "var.direct_headers = (\"Cache-Control\" => \"");
    buf_format(&out, caching, config.cache_ttl);
    buf_format(&out, "\", \"Vary\" => \"%s\"", CORS_VARY);
    if (*origin != NULL)
        buf_format(&out,
                   ", \"Access-Control-Allow-Origin\" => \"*\", "
                   "\"Access-Control-Expose-Headers\" => \"%s\"",
                   CORS_EXPOSED);
    buf_text(&out, ")\n");
    for (int body = 0; body < BODY_COUNT; body++)
        buf_format(&out, "var.direct_%s = env.STATE_DIR + \"/public/direct.%s.%s.json\"\n",
                   body_name((enum body)body), body_name((enum body)body),
                   profile_name(config.profile));
    bool good = buf_ok(&out) && fputs(buf_string(&out), stdout) >= 0 && fflush(stdout) == 0;
    buf_free(&out);
    config_free(&config);
    return good ? 0 : EXIT_SYSTEM;
}

int
main(int argc, char **argv)
{
    struct program program = { 0 };
    struct config config;
    int code;

    if (argc == 2 && strcmp(argv[1], "--lighttpd") == 0)
        return print_direct();
    if (!app_start(&config, "leaderboard",
                   "answers GET /api/leaderboard, /api/leaderboard/formatted and "
                   "/api/leaderboard.csv, .jsonl and .parquet",
                   0, argc, argv, &code))
        return code;
    program.config = &config;
    program.boards = boards_new(&config);
    struct app app = { .name = "leaderboard",
                       .routes = routes,
                       .routes_count = sizeof routes / sizeof routes[0],
                       .context = &program,
                       .config = &config,
                       .role = CONFINE_BOARDS,
                       .cors = true,
                       .api = true,
                       .limited = true };
    code = app_run(&app);
    boards_close(program.boards);
    config_free(&config);
    return code;
}
