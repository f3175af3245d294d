/* The leaderboard's past: GET /api/leaderboard/snapshots, /api/leaderboard/changes and
 * /api/leaderboard/changes.atom.
 *
 * Snapshots never change, so what was compared once is kept and answers the next who asks. */
#include "changes.h"
#include "answers.h"
#include "feed.h"
#include "past.h"
#include "store.h"

#include <limits.h>

enum {
    SNAPSHOTS_DEFAULT = 50,
    SNAPSHOTS_MAX = 1000,
    CHANGES_DEFAULT = 100,
    CHANGES_MAX = 10000,
    COMPARED = 8, /* comparisons that are kept */
    COMPARISONS_A_WINDOW = 50,
};

/* An answer to a comparison. */
struct compared {
    int64_t from, to, limit; /* 0: none */
    unsigned long used;      /* when last, in requests */
    struct kept body;
};

struct program {
    const struct config *config;
    struct leaderboard leaderboard;
    struct columns_known columns;
    struct store store;
    uint64_t opened; /* which of the store's files the comparisons and the feed are of */
    struct compared compared[COMPARED];
    unsigned long requests;
    struct kept feed;
    int64_t feed_newest, feed_oldest; /* the snapshots that it was made of */
    time_t feed_modified;
};

/* Opens the database and begins to read. Returns 0, or the status of an answer. */
static int
begin(struct program *program, struct response *response)
{
    struct error why;
    int status = store_open(&program->store, response);

    if (status != 0)
        return status;
    if (program->opened != program->store.opened) {
        /* It may be another file, whose snapshots have the same numbers. */
        for (size_t i = 0; i < COMPARED; i++)
            program->compared[i].from = 0;
        program->feed_newest = -1;
        program->opened = program->store.opened;
    }
    return db_snapshot_begin(program->store.db, &why)
               ? 0
               : store_failed(&program->store, response, &why);
}

/* What makes an answer one to be kept and asked for again. */
static void
cacheable(const struct program *program, struct request *request, struct response *response,
          const char *type, const char *etag)
{
    response->type = type;
    response->etag = etag;
    response->cache_control =
        arena_format(&request->arena, "public, max-age=%ld", program->config->cache_ttl);
}

/* ---- snapshots ---- */

static int
get_snapshots(void *context, struct request *request, struct response *response)
{
    static const char *const names[] = { "limit", "before", NULL };
    struct program *program = context;
    struct buf *out = &response->body;
    long limit = SNAPSHOTS_DEFAULT, before = LONG_MAX;
    struct error why;
    size_t count;
    int status;

    if ((status = request_only(request, response, names)) != 0 ||
        (status = request_integer(request, response, "limit", 1, SNAPSHOTS_MAX, &limit)) != 0 ||
        (status = request_integer(request, response, "before", 1, LONG_MAX, &before)) != 0 ||
        (status = store_open(&program->store, response)) != 0)
        return status;
    uint64_t state = store_state(&program->store);
    if (answers_give(request, response, state))
        return 200;
    struct history_snapshot *snapshots =
        arena_zero(&request->arena, (size_t)limit + 1, sizeof *snapshots);
    if (!history_list(program->store.db, before, snapshots, (size_t)limit + 1, &count, &why))
        return store_failed(&program->store, response, &why);
    bool more = count > (size_t)limit;
    buf_text(out, "{\"snapshots\":[");
    for (size_t i = 0; i < count - more; i++) {
        if (i != 0)
            buf_byte(out, ',');
        past_put_snapshot(out, &snapshots[i]);
    }
    buf_text(out, "]}");
    if (more)
        response_header(response, "Link",
                        arena_format(&request->arena,
                                     "</api/leaderboard/snapshots?limit=%ld&before=%lld>; "
                                     "rel=\"next\"",
                                     limit, (long long)snapshots[limit - 1].id));
    cacheable(program, request, response, "application/json", NULL);
    return answers_keep(request, response, state);
}

/* ---- changes ---- */

/* Finds the snapshot that a parameter names. Returns 0, or the status of an answer. */
static int
find(struct program *program, struct response *response, const char *name, const char *text,
     struct history_snapshot *snapshot)
{
    struct error why = { 0 };

    switch (past_find(program->store.db, text, snapshot, &why)) {
    case PAST_FOUND:
        return 0;
    case PAST_ABSENT:
        return response_detail(response, 404, "%s: %s", name, why.text);
    case PAST_NONSENSE:
        return response_detail(response, 400, "%s: %s", name, why.text);
    case PAST_UNFIT: /* of boards only */
    case PAST_UNREADABLE:
        break;
    }
    return store_failed(&program->store, response, &why);
}

static int
find_newest(struct program *program, struct response *response, struct history_snapshot *newest)
{
    struct error why;
    size_t count;

    if (!history_list(program->store.db, INT64_MAX, newest, 1, &count, &why))
        return store_failed(&program->store, response, &why);
    return count != 0
               ? 0
               : response_detail(response, 404, "no snapshot of the leaderboard is kept yet");
}

/* A place for a comparison: its own, or that of the one that was longest not asked for. */
static struct compared *
compared_find(struct program *program, int64_t from, int64_t to, int64_t limit)
{
    struct compared *oldest = &program->compared[0];

    for (size_t i = 0; i < COMPARED; i++) {
        struct compared *one = &program->compared[i];
        if (one->from == from && one->to == to && one->limit == limit)
            return one;
        if (one->used < oldest->used)
            oldest = one;
    }
    return oldest;
}

/* A comparison reads two whole snapshots: an address may ask for so many in a window that it does
 * not take the machine for itself. Returns 0, or the status of an answer. */
static int
admit(const struct program *program, struct request *request, struct response *response)
{
    const struct rate rate = { program->config->rate_requests, program->config->rate_window };
    unsigned cost = (unsigned)(rate.requests / COMPARISONS_A_WINDOW);
    long retry_s;

    if (request_admitted(request, response, "changes", NULL, rate, cost, &retry_s))
        return 0;
    return response_detail(response, 429, "too many comparisons from your address: go on in %ld s",
                           retry_s);
}

/* Compares two snapshots into `compared`. Returns 0, or the status of an answer. */
static int
compare(struct program *program, struct response *response, struct compared *compared,
        const struct history_snapshot *from, const struct history_snapshot *to, long limit)
{
    struct past before, after;
    struct error why;

    if (!past_read(&before, program->store.db, from, &why))
        return store_failed(&program->store, response, &why);
    bool good = past_read(&after, program->store.db, to, &why);
    if (good) {
        buf_byte(&response->body, '{');
        changes_put(&response->body, &program->columns, &before, &after, (size_t)limit);
        buf_byte(&response->body, '}');
        past_free(&after);
    }
    past_free(&before);
    if (!good)
        return store_failed(&program->store, response, &why);
    if (!buf_ok(&response->body))
        return response_detail(response, 500, "the answer does not fit");
    kept_take(&compared->body, &response->body);
    compared->from = from->id;
    compared->to = to->id;
    compared->limit = limit;
    return 0;
}

/* Answers within the read transaction. */
static int
answer_changes(struct program *program, struct request *request, struct response *response,
               long limit)
{
    const char *since = request_query(request, "since"), *until = request_query(request, "until");
    struct history_snapshot from, to;
    int status;

    if ((status = find(program, response, "since", since, &from)) != 0 ||
        (status = until == NULL ? find_newest(program, response, &to)
                                : find(program, response, "until", until, &to)) != 0)
        return status;
    if (from.id > to.id)
        return response_detail(response, 400, "since (snapshot %lld) is later than until (%lld)",
                               (long long)from.id, (long long)to.id);
    struct compared *compared = compared_find(program, from.id, to.id, limit);
    bool kept = compared->from == from.id && compared->to == to.id && compared->limit == limit;
    if (!kept && ((status = admit(program, request, response)) != 0 ||
                  (status = compare(program, response, compared, &from, &to, limit)) != 0))
        return status;
    compared->used = ++program->requests;
    response->kept = &compared->body;
    cacheable(program, request, response, "application/json", compared->body.etag);
    metrics_count(request->metrics, kept ? METRIC_BODY_KEPT : METRIC_BODY_MADE);
    return 200;
}

static int
get_changes(void *context, struct request *request, struct response *response)
{
    static const char *const names[] = { "since", "until", "limit", NULL };
    struct program *program = context;
    long limit = CHANGES_DEFAULT;
    int status = request_only(request, response, names);

    if (status != 0)
        return status;
    if (request_query(request, "since") == NULL)
        return response_detail(response, 400,
                               "since: missing; say since when, as in ?since=2024-06-12");
    if ((status = request_integer(request, response, "limit", 1, CHANGES_MAX, &limit)) != 0 ||
        (status = begin(program, response)) != 0)
        return status;
    status = answer_changes(program, request, response, limit);
    db_snapshot_end(program->store.db);
    return status;
}

/* ---- the feed ---- */

/* Makes the feed anew when it shows other snapshots than there are. */
static int
refresh_feed(struct program *program, struct response *response)
{
    struct history_snapshot snapshots[FEED_ENTRIES + 1];
    struct error why;
    size_t count;

    if (!history_list(program->store.db, INT64_MAX, snapshots, FEED_ENTRIES + 1, &count, &why))
        return store_failed(&program->store, response, &why);
    int64_t newest = count == 0 ? 0 : snapshots[0].id;
    int64_t oldest = count == 0 ? 0 : snapshots[count - 1].id;
    if (program->feed_newest == newest && program->feed_oldest == oldest &&
        program->feed.coded[ENCODING_IDENTITY].length != 0)
        return 0;
    const struct feed feed = { program->leaderboard.title, program->config->contents_repo,
                               &program->columns, snapshots, count };
    if (!feed_put(&response->body, program->store.db, &feed, &why))
        return store_failed(&program->store, response, &why);
    if (!buf_ok(&response->body))
        return response_detail(response, 500, "the answer does not fit");
    kept_take(&program->feed, &response->body);
    program->feed_newest = newest;
    program->feed_oldest = oldest;
    program->feed_modified = count == 0 ? 0 : (time_t)snapshots[0].pulled_at;
    return 0;
}

static int
get_feed(void *context, struct request *request, struct response *response)
{
    struct program *program = context;
    int status = begin(program, response);

    if (status != 0)
        return status;
    status = refresh_feed(program, response);
    db_snapshot_end(program->store.db);
    if (status != 0)
        return status;
    response->kept = &program->feed;
    response->modified = program->feed_modified;
    cacheable(program, request, response, "application/atom+xml; charset=utf-8",
              program->feed.etag);
    metrics_count(request->metrics, METRIC_BODY_KEPT);
    return 200;
}

static const struct route routes[] = {
    { METHOD_GET, "/api/leaderboard/snapshots", get_snapshots, 0 },
    { METHOD_GET, "/api/leaderboard/changes", get_changes, 0 },
    { METHOD_GET, "/api/leaderboard/changes.atom", get_feed, 0 },
};

int
main(int argc, char **argv)
{
    struct program program = { 0 };
    struct config config;
    struct error why;
    int code;

    if (!app_start(&config, "changes", "answers /api/leaderboard/snapshots and …/changes", 0, argc,
                   argv, &code))
        return code;
    if (!leaderboard_load(&program.leaderboard, config.leaderboard, &why)) {
        fprintf(stderr, "changes.fcgi: %s\n", why.text);
        config_free(&config);
        return EXIT_USAGE;
    }
    program.config = &config;
    columns_init(&program.columns, &program.leaderboard);
    store_init(&program.store, &config, DB_READER);
    struct app app = { .name = "changes",
                       .routes = routes,
                       .routes_count = sizeof routes / sizeof routes[0],
                       .context = &program,
                       .config = &config,
                       .role = CONFINE_READER,
                       .cors = true,
                       .api = true,
                       .limited = true };
    code = app_run(&app);
    for (size_t i = 0; i < COMPARED; i++)
        kept_free(&program.compared[i].body);
    kept_free(&program.feed);
    store_close(&program.store);
    columns_free(&program.columns);
    leaderboard_free(&program.leaderboard);
    config_free(&config);
    return code;
}
