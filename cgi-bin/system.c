/* What operators and their machines ask: GET /api/health, GET /metrics, and the Hub's webhook. */
#include "digest.h"
#include "form.h"
#include "http.h"
#include "json.h"
#include "outbox.h"
#include "store.h"
#include "timestamp.h"

#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { BODY_MAX = 64 * 1024 };

struct system {
    const struct config *config;
    struct store store;
};

/* ---- the webhook: the Hub says that a dataset has changed ----
 *
 * It is a hint, not data: the answer only leaves STATE_DIR/sync-requested behind, and what watches
 * that file starts the fetcher, which asks the Hub itself. */

/* What the Hub reports. The texts belong to the JSON. */
struct event {
    const char *scope, *repo_type, *repo;
    bool main_moved; /* also when the event names no refs */
};

/* Digests have one length and tell nothing of the secret, wherever a comparison would stop. */
static bool
secret_matches(const char *given, const char *secret)
{
    char digest[2][SHA256_HEX];

    if (given == NULL)
        return false;
    digest_sha256(given, strlen(given), digest[0]);
    digest_sha256(secret, strlen(secret), digest[1]);
    return CRYPTO_memcmp(digest[0], digest[1], SHA256_HEX) == 0;
}

/* Takes an event apart; false when it has not the shape of one. */
static bool
event_read(struct event *event, const json_t *body)
{
    const json_t *repo = json_object_get(body, "repo");
    const json_t *refs = json_object_get(body, "updatedRefs");
    const json_t *ref;
    size_t index;

    event->scope = json_member_text(json_object_get(body, "event"), "scope");
    event->repo_type = json_member_text(repo, "type");
    event->repo = json_member_text(repo, "name");
    event->main_moved = refs == NULL || json_is_null(refs);
    if (event->scope == NULL || event->repo_type == NULL || event->repo == NULL)
        return false;
    if (!event->main_moved && !json_is_array(refs))
        return false;
    json_array_foreach(refs, index, ref)
    {
        const char *name = json_member_text(ref, "ref");
        if (name == NULL)
            return false;
        event->main_moved |= strcmp(name, "refs/heads/main") == 0;
    }
    return true;
}

/* Why an event is none of this server's business, or NULL when a sync is due. Scopes nest, and the
 * Hub may add narrower ones: "repo.content" is one of "repo". */
static const char *
event_idle(const struct event *event, const struct config *config)
{
    const char *const repos[] = { config->contents_repo, config->providers_repo,
                                  config->requests_repo, config->votes_repo };
    bool ours = false;

    for (size_t i = 0; i < sizeof repos / sizeof repos[0]; i++)
        ours |= strcmp(event->repo, repos[i]) == 0;
    if (!ours || strcmp(event->repo_type, "dataset") != 0)
        return "the repo is none of this leaderboard's datasets";
    if (strncmp(event->scope, "repo", 4) != 0 ||
        (event->scope[4] != '\0' && event->scope[4] != '.'))
        return "the event is not about the repo itself";
    return event->main_moved ? NULL : "refs/heads/main has not moved";
}

/* Leaves STATE_DIR/sync-requested behind, an empty file. This program may make files in the state
 * folder but not open any for writing, which is why it does not. */
static bool
sync_request(const struct config *config, struct error *why)
{
    char path[PATH_MAX];
    struct stat file;

    snprintf(path, sizeof path, "%s/sync-requested", config->state_dir);
    if (mknod(path, S_IFREG | 0640, 0) == 0 ||
        (errno == EEXIST && lstat(path, &file) == 0 && S_ISREG(file.st_mode)))
        return true;
    error_set(why, "cannot make %s: %s", path, strerror(errno));
    return false;
}

static int
answer(struct response *response, int status, const char *word, const char *key, const char *value)
{
    response->type = "application/json";
    buf_format(&response->body, "{\"status\":\"%s\",\"%s\":", word, key);
    json_put_text(&response->body, value, strlen(value));
    buf_byte(&response->body, '}');
    return status;
}

static int
answer_event(const struct config *config, struct response *response, const struct event *event)
{
    const char *reason = event_idle(event, config);
    struct error why;

    if (reason != NULL)
        return answer(response, 200, "ignored", "reason", reason);
    if (!sync_request(config, &why)) {
        log_event(&config->log, LEVEL_ERROR, LOG_SYNC, "cannot request a sync",
                  LOG_TEXT("error", why.text));
        response_header(response, "Retry-After", "60");
        return response_detail(response, 503, "the sync could not be requested; try again later");
    }
    log_event(&config->log, LEVEL_INFO, LOG_SYNC, "sync requested",
              LOG_TEXT("dataset", event->repo));
    return answer(response, 202, "accepted", "dataset", event->repo);
}

static int
post_hub(void *context, struct request *request, struct response *response)
{
    const struct config *config = ((struct system *)context)->config;
    struct event event;
    struct error why;
    int status;

    if (config->webhook_secret == NULL)
        return response_detail(response, 404, "there is nothing at this path");
    if (!secret_matches(request_header(request, "X-Webhook-Secret"), config->webhook_secret))
        return response_detail(response, 401,
                               "X-Webhook-Secret is missing or is not the secret of this server");
    if (!form_is_json(request))
        return response_detail(response, 415, "send the event as application/json");
    json_t *body = json_read(request->body, request->body_length, &why);
    if (body == NULL)
        return response_detail(response, 400, "the body is not JSON: %s", why.text);
    if (event_read(&event, body))
        status = answer_event(config, response, &event);
    else
        status = response_detail(response, 400,
                                 "expected the texts event.scope, repo.type and repo.name, and "
                                 "updatedRefs, where given, as a list of {\"ref\": text}");
    json_decref(body);
    return status;
}

/* ---- health ---- */

/* What the datasets' rows say. */
struct datasets {
    bool data;          /* the leaderboard's rows are there */
    int64_t reached_at; /* when the fetcher last reached the Hub, 0: never */
    int64_t failed_at;  /* when it last failed, 0: not since */
};

/* "key":time, or null for 0. */
static void
put_time(struct buf *out, const char *key, int64_t when)
{
    char text[TIMESTAMP_TEXT];

    if (when == 0)
        buf_format(out, "\"%s\":null", key);
    else
        buf_format(out, "\"%s\":\"%s\"", key, timestamp_format(when, text));
}

/* Each dataset with its age, which counts from the last time that the Hub said it is the newest. */
static bool
put_datasets(struct db *db, struct datasets *datasets, struct buf *out, struct error *why)
{
    sqlite3_stmt *row = db_query(db, SQL_DATASET_LIST, DB_NULL);
    int64_t now = time(NULL);

    *datasets = (struct datasets){ 0 };
    buf_text(out, "\"datasets\":{");
    for (bool first = true; db_next(db, row, why); first = false) {
        const char *name = db_column_text(row, 0);
        int64_t pulled_at = sqlite3_column_int64(row, 4), checked_at = sqlite3_column_int64(row, 5);
        int64_t failed_at = sqlite3_column_int64(row, 6);
        buf_text(out, first ? "" : ",");
        json_put_text(out, name, strlen(name));
        buf_format(out, ":{\"revision\":\"%s\",\"rows\":%lld,", db_column_text(row, 2),
                   (long long)sqlite3_column_int64(row, 3));
        put_time(out, "pulled_at", pulled_at);
        buf_byte(out, ',');
        put_time(out, "checked_at", checked_at);
        if (checked_at == 0)
            buf_text(out, ",\"age_s\":null");
        else
            buf_format(out, ",\"age_s\":%lld", (long long)(now - checked_at));
        buf_format(out, ",\"failing\":%s}", failed_at != 0 ? "true" : "false");
        datasets->data |= strcmp(name, "contents") == 0 && pulled_at != 0;
        if (checked_at > datasets->reached_at)
            datasets->reached_at = checked_at;
        if (failed_at > datasets->failed_at)
            datasets->failed_at = failed_at;
    }
    buf_byte(out, '}');
    return why->text[0] == '\0';
}

static const char *const written[] = { "votes", "requests" };

static bool
put_outbox(struct db *db, struct buf *out, struct error *why)
{
    struct outbox_depth depth;

    buf_text(out, ",\"outbox\":{");
    for (size_t i = 0; i < sizeof written / sizeof written[0]; i++) {
        if (!outbox_depth(db, written[i], &depth, why))
            return false;
        buf_format(out, "%s\"%s\":{\"waiting\":%lld,\"parked\":%lld,", i == 0 ? "" : ",",
                   written[i], (long long)depth.waiting, (long long)depth.parked);
        put_time(out, "oldest_at", depth.oldest_at);
        buf_byte(out, '}');
    }
    buf_byte(out, '}');
    return true;
}

/* GET /api/health: is the program alive? With ready=1: is there something to serve? */
static int
get_health(void *context, struct request *request, struct response *response)
{
    struct system *system = context;
    struct buf *out = &response->body;
    struct datasets datasets;
    struct error why;
    long ready = 0;
    int status;

    if ((status = request_integer(request, response, "ready", 0, 1, &ready)) != 0)
        return status;
    response->type = "application/json";
    if (ready == 0) {
        buf_text(out, "{\"status\":\"ok\"}");
        return 200;
    }
    if ((status = store_open(&system->store, response)) != 0)
        return status;
    struct db *db = system->store.db;
    if (!db_snapshot_begin(db, &why))
        return store_failed(&system->store, response, &why);
    buf_byte(out, '{');
    bool good = put_datasets(db, &datasets, out, &why) && put_outbox(db, out, &why);
    db_snapshot_end(db);
    if (!good)
        return store_failed(&system->store, response, &why);
    buf_format(out, ",\"hub\":{\"reachable\":%s,",
               datasets.reached_at != 0 && datasets.failed_at < datasets.reached_at ? "true"
                                                                                    : "false");
    put_time(out, "reached_at", datasets.reached_at);
    buf_byte(out, ',');
    put_time(out, "failed_at", datasets.failed_at);
    buf_text(out, "},\"status\":");
    buf_text(out, datasets.data
                      ? "\"ready\"}"
                      : "\"not ready\",\"detail\":\"there is no data yet: the first sync has not "
                        "ended\"}");
    if (datasets.data)
        return 200;
    response_header(response, "Retry-After", "10");
    return 503;
}

/* ---- metrics ---- */

static void
put_family(struct buf *out, const char *name, const char *help)
{
    buf_format(out, "# HELP leaderboard_%s %s\n# TYPE leaderboard_%s gauge\n", name, help, name);
}

/* A column of the datasets' rows as a gauge; with `age` its distance from now. */
static bool
put_gauge(struct db *db, struct buf *out, const char *name, const char *help, int column, bool age,
          struct error *why)
{
    sqlite3_stmt *row = db_query(db, SQL_DATASET_LIST, DB_NULL);
    int64_t now = time(NULL);

    put_family(out, name, help);
    while (db_next(db, row, why)) {
        int64_t value = sqlite3_column_int64(row, column);
        if (!age || value != 0)
            buf_format(out, "leaderboard_%s{dataset=\"%s\"} %lld\n", name, db_column_text(row, 0),
                       (long long)(age ? now - value : value));
    }
    return why->text[0] == '\0';
}

static bool
put_outbox_gauges(struct db *db, struct buf *out, struct error *why)
{
    struct outbox_depth depth[2];
    int64_t now = time(NULL);

    for (size_t i = 0; i < 2; i++)
        if (!outbox_depth(db, written[i], &depth[i], why))
            return false;
    put_family(out, "outbox_entries",
               "Votes and submissions that are still to be written to the Hub.");
    for (size_t i = 0; i < 2; i++)
        buf_format(out,
                   "leaderboard_outbox_entries{dataset=\"%s\",state=\"waiting\"} %lld\n"
                   "leaderboard_outbox_entries{dataset=\"%s\",state=\"parked\"} %lld\n",
                   written[i], (long long)depth[i].waiting, written[i], (long long)depth[i].parked);
    put_family(out, "outbox_oldest_seconds", "Age of the oldest of them that waits.");
    for (size_t i = 0; i < 2; i++)
        buf_format(out, "leaderboard_outbox_oldest_seconds{dataset=\"%s\"} %lld\n", written[i],
                   (long long)(depth[i].oldest_at == 0 ? 0 : now - depth[i].oldest_at));
    return true;
}

static bool
put_database(struct db *db, struct buf *out, struct error *why)
{
    return put_gauge(db, out, "dataset_rows", "Rows of a dataset in the database.", 3, false,
                     why) &&
           put_gauge(db, out, "dataset_pulled_timestamp_seconds",
                     "When a dataset was last taken from the Hub.", 4, false, why) &&
           put_gauge(db, out, "dataset_synced_timestamp_seconds",
                     "When the Hub last said that a dataset is the newest.", 5, false, why) &&
           put_gauge(db, out, "data_age_seconds", "Time since then.", 5, true, why) &&
           put_gauge(db, out, "dataset_failed_timestamp_seconds",
                     "When a sync of a dataset last failed, 0 if the last one did not.", 6, false,
                     why) &&
           put_outbox_gauges(db, out, why);
}

/* Sizes of the database's files. */
static void
put_sizes(const struct config *config, struct buf *out)
{
    static const char *const files[] = { "cache.db", "cache.db-wal" };
    char path[PATH_MAX];
    struct stat file;

    put_family(out, "database_bytes", "Size of the database and of its write-ahead log.");
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", config->state_dir, files[i]);
        if (stat(path, &file) == 0)
            buf_format(out, "leaderboard_database_bytes{file=\"%s\"} %lld\n", files[i],
                       (long long)file.st_size);
    }
}

/* GET /metrics, for Prometheus. What cannot be read from the database is left out, and
 * leaderboard_database_up says so. */
static int
get_metrics(void *context, struct request *request, struct response *response)
{
    struct system *system = context;
    struct buf database;
    struct error why = { 0 };

    buf_init(&database, 1 << 20);
    size_t headers = response->headers.length;
    bool up = store_open(&system->store, response) == 0;
    response->headers.length = headers; /* without its Retry-After: this answer is there */
    if (up && !(up = put_database(system->store.db, &database, &why)))
        log_event(&system->config->log, LEVEL_ERROR, LOG_DB, "the database failed",
                  LOG_TEXT("error", why.text));
    struct buf *out = &response->body;
    buf_reset(out);
    metrics_put(request->metrics, out);
    put_family(out, "database_up", "Whether the database can be read.");
    buf_format(out, "leaderboard_database_up %d\n", up);
    if (up)
        buf_text(out, buf_string(&database));
    put_sizes(system->config, out);
    buf_free(&database);
    response->type = "text/plain; version=0.0.4; charset=utf-8";
    return 200;
}

static const struct route routes[] = {
    { METHOD_GET, "/api/health", get_health, 0 },
    { METHOD_GET, "/metrics", get_metrics, 0 },
    { METHOD_POST, "/api/webhooks/hub", post_hub, BODY_MAX },
};

int
main(int argc, char **argv)
{
    struct system system;
    struct config config;
    int code;

    if (!app_start(&config, "system", "answers /api/health, /metrics and /api/webhooks/hub",
                   SECRET_HUB_WEBHOOK, argc, argv, &code))
        return code;
    system.config = &config;
    store_init(&system.store, &config, DB_READER);
    struct app app = { .name = "system",
                       .routes = routes,
                       .routes_count = sizeof routes / sizeof routes[0],
                       .context = &system,
                       .config = &config,
                       .role = CONFINE_SYSTEM,
                       .cors = true,
                       .api = true };
    code = app_run(&app);
    store_close(&system.store);
    config_free(&config);
    return code;
}
