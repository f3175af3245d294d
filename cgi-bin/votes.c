/* /api/votes: who wants which model evaluated.
 *
 * POST /api/votes/{model_id} takes a vote of the owner of the token; it is acknowledged when it is
 * on disk, with its outbox entry, and seen by the next read of any process. Votes that come at the
 * same time are written together. */
#include "answers.h"
#include "auth.h"
#include "form.h"
#include "json.h"
#include "model.h"
#include "timestamp.h"
#include "vote.h"

#include <string.h>
#include <time.h>

enum {
    BODY_MAX = 64 * 1024,
    NAME_MAX_BYTES = 96,
    RETRY_AFTER_S = 10,
    LOGIN_PLACES = 1, /* of the three processes that lighttpd.conf has take votes */
    MODEL_PLACES = 1,
};

struct votes {
    const struct config *config;
    struct store reader, writer;
    struct gate login, gate; /* for tokens, for models */
    /* Votes that are to be counted together, and who waits for that. */
    size_t waiting;
    struct vote vote[PUT_OFF_MAX];
    struct voter {
        struct request *request;
        struct response *response;
    } voter[PUT_OFF_MAX];
};

static const char *const vote_types[] = { "up", "down", NULL };

static const struct field vote_type_field = {
    .name = "vote_type", .max = 8, .choices = vote_types, .hint = "up or down"
};
static const struct field user_field = { .name = "user_id",
                                         .max = NAME_MAX_BYTES,
                                         .valid = model_id_valid,
                                         .hint = "your user name on the Hub" };

/* ---- reading ---- */

static int
answer(struct request *request, struct response *response, uint64_t state)
{
    response->cache_control = "no-cache";
    response->type = "application/json";
    return answers_keep(request, response, state);
}

/* The counts of a model's votes. */
static bool
put_tally(struct db *db, const char *model, struct buf *out, struct error *why)
{
    sqlite3_stmt *row = db_query(db, SQL_VOTE_TALLY, DB_TEXT(model));
    int64_t total = 0, up = 0;
    struct buf revisions;

    buf_init(&revisions, 1 << 26);
    while (db_next(db, row, why)) {
        const char *revision = db_column_text(row, 0);
        if (total != 0)
            buf_byte(&revisions, ',');
        json_put_text(&revisions, revision, strlen(revision));
        buf_format(&revisions, ":%lld", (long long)sqlite3_column_int64(row, 1));
        total += sqlite3_column_int64(row, 1);
        up += sqlite3_column_int64(row, 2);
    }
    buf_format(out,
               "\"total_votes\":%lld,\"up_votes\":%lld,\"down_votes\":%lld,"
               "\"votes_by_revision\":{%s}",
               (long long)total, (long long)up, (long long)(total - up), buf_string(&revisions));
    bool good = why->text[0] == '\0' && buf_ok(&revisions);
    buf_free(&revisions);
    return good;
}

static bool
put_model_votes(struct db *db, const char *model, struct buf *out, struct error *why)
{
    sqlite3_stmt *row = db_query(db, SQL_VOTE_OF_MODEL, DB_TEXT(model));

    for (bool first = true; db_next(db, row, why); first = false) {
        buf_text(out, first ? "{" : ",{");
        json_put_text_member(out, "model_id", model);
        json_put_text_member(out, "revision", db_column_text(row, 0));
        json_put_text_member(out, "user_id", db_column_text(row, 1));
        json_put_text_member(out, "vote_type", db_column_text(row, 2));
        json_put_text_member(out, "timestamp", db_column_text(row, 3));
        buf_byte(out, '}');
    }
    return why->text[0] == '\0';
}

/* GET /api/votes/model/{provider}/{model} */
static int
get_model(void *context, struct request *request, struct response *response)
{
    struct votes *votes = context;
    const char *provider = request_variable(request, "provider");
    const char *model = request_variable(request, "model");
    struct error why = { 0 };
    int status;

    if ((status = store_open(&votes->reader, response)) != 0)
        return status;
    uint64_t state = store_state(&votes->reader);
    if (answers_give(request, response, state))
        return 200;
    if (provider != NULL)
        model = arena_format(&request->arena, "%s/%s", provider, model);
    if (!model_id_valid(model))
        return response_detail(response, 422,
                               "model_id: '%s' is no id of a model: expected provider/name", model);
    struct db *db = votes->reader.db;
    if (!db_snapshot_begin(db, &why))
        return store_failed(&votes->reader, response, &why);
    buf_byte(&response->body, '{');
    bool good = put_tally(db, model, &response->body, &why);
    buf_text(&response->body, ",\"votes\":[");
    good = good && put_model_votes(db, model, &response->body, &why);
    buf_text(&response->body, "]}");
    db_snapshot_end(db);
    return good ? answer(request, response, state) : store_failed(&votes->reader, response, &why);
}

/* GET /api/votes/user/{user_id} */
static int
get_user(void *context, struct request *request, struct response *response)
{
    struct votes *votes = context;
    const char *user = request_variable(request, "user_id");
    struct buf *out = &response->body;
    struct error why;
    int status;

    if ((status = store_open(&votes->reader, response)) != 0)
        return status;
    uint64_t state = store_state(&votes->reader);
    if (answers_give(request, response, state))
        return 200;
    if (strlen(user) > NAME_MAX_BYTES || !model_id_valid(user))
        return response_detail(response, 422, "user_id: '%s' is no user name of the Hub", user);
    struct db *db = votes->reader.db;
    sqlite3_stmt *row = db_query(db, SQL_VOTE_OF_USER, DB_TEXT(user));
    buf_byte(out, '[');
    for (bool first = true; db_next(db, row, &why); first = false) {
        buf_text(out, first ? "{" : ",{");
        json_put_text_member(out, "model_id", db_column_text(row, 0));
        json_put_text_member(out, "model", db_column_text(row, 0));
        json_put_text_member(out, "vote_type", db_column_text(row, 2));
        json_put_text_member(out, "timestamp", db_column_text(row, 3));
        json_put_text_member(out, "revision", db_column_text(row, 1));
        buf_byte(out, '}');
    }
    buf_byte(out, ']');
    return why.text[0] == '\0' ? answer(request, response, state)
                               : store_failed(&votes->reader, response, &why);
}

/* ---- voting ---- */

/* What a vote on a model is about: the revision that waits, else the one that the Hub has now.
 * Returns 0 with *revision in the arena, or the status of an answer. */
static int
vote_revision(struct votes *votes, struct request *request, struct response *response,
              const char *model_id, const char **revision)
{
    struct db *db = votes->writer.db;
    struct model model;
    struct error why;

    sqlite3_stmt *row = db_query(db, SQL_REQUEST_PENDING_REVISION, DB_TEXT(model_id));
    if (db_next(db, row, &why)) {
        const char *text = db_column_text(row, 0);
        *revision = arena_copy(&request->arena, text, strlen(text));
        db_done(row);
        return 0;
    }
    if (why.text[0] != '\0')
        return store_failed(&votes->writer, response, &why);
    request_waits(request);
    struct models models = {
        .config = votes->config, .db = db, .gate = &votes->gate, .metrics = request->metrics
    };
    enum model_result result = model_find(&models, model_id, "main", &request->arena, &model, &why);
    if (result == MODEL_MISSING || result == MODEL_REFUSED)
        return response_detail(response, 404, "%s", why.text);
    if (result == MODEL_UNAVAILABLE) {
        log_event(&votes->config->log, LEVEL_ERROR, LOG_HUB, "the Hub does not say what a model is",
                  LOG_TEXT("id", request->id), LOG_TEXT("model", model_id),
                  LOG_TEXT("error", why.text));
        return response_unavailable(response, RETRY_AFTER_S,
                                    "the Hub cannot be asked about this model; the vote was not "
                                    "counted, try again in a minute");
    }
    if (strcmp(model.id, model_id) != 0)
        return response_detail(response, 404,
                               "%s is called %s on the Hub: vote for it under that name", model_id,
                               model.id);
    *revision = model.sha;
    return 0;
}

/* Has a vote wait for vote_settle(). */
static int
vote_take(struct votes *votes, struct request *request, struct response *response,
          const char *model_id, const char *vote_type)
{
    struct vote vote = { .model = model_id, .username = request->user, .vote_type = vote_type };
    char timestamp[TIMESTAMP_TEXT];
    int status;

    if ((status = vote_revision(votes, request, response, model_id, &vote.revision)) != 0)
        return status;
    timestamp_format(time(NULL), timestamp);
    vote.timestamp = arena_copy(&request->arena, timestamp, strlen(timestamp));
    votes->vote[votes->waiting] = vote;
    votes->voter[votes->waiting++] = (struct voter){ request, response };
    return PUT_OFF;
}

static int
vote_answer(const struct vote *vote, enum vote_result result, const struct voter *voter)
{
    struct response *response = voter->response;
    struct buf *out = &response->body;

    if (result == VOTE_TWICE)
        return response_detail(
            response, 409, "%s has voted on %s at revision %s already; a vote cannot be changed",
            vote->username, vote->model, vote->revision);
    metrics_count(voter->request->metrics, METRIC_VOTES);
    buf_text(out,
             "{\"success\":true,\"status\":\"success\",\"message\":\"Vote added successfully\"");
    json_put_text_member(out, "model_id", vote->model);
    json_put_text_member(out, "revision", vote->revision);
    json_put_text_member(out, "vote_type", vote->vote_type);
    buf_byte(out, '}');
    response->type = "application/json";
    return 200;
}

/* Counts the votes that wait. That they share a transaction costs them nothing, as they came while
 * the one before it was being written, and a vote alone is on disk as soon as before. */
static void
vote_settle(void *context)
{
    struct votes *votes = context;
    enum vote_result results[PUT_OFF_MAX];
    struct error why;
    /* A request after them may have found it gone. It is not opened anew: one that is about to wait
     * for the Hub has it in use. */
    bool open = votes->writer.db != NULL;

    if (open)
        vote_add(votes->writer.db, votes->vote, votes->waiting, results, &why);
    else
        error_set(&why, "votes that waited cannot be written: it is not open");
    for (size_t i = 0; i < votes->waiting; i++) {
        const struct voter *voter = &votes->voter[i];
        voter->response->status = !open || results[i] == VOTE_UNSAVED
                                      ? store_failed(&votes->writer, voter->response, &why)
                                      : vote_answer(&votes->vote[i], results[i], voter);
    }
    votes->waiting = 0;
}

static int
vote_checked(struct votes *votes, struct form *form, const char *token, const char *model_id)
{
    struct request *request = form->request;
    struct response *response = form->response;
    const char *user_id, *vote_type;
    int status;

    if (!model_id_valid(model_id))
        return response_detail(
            response, 422, "model_id: '%s' is no id of a model: expected provider/name", model_id);
    if ((status = form_text(form, &user_field, &user_id)) != 0 ||
        (status = form_text(form, &vote_type_field, &vote_type)) != 0 ||
        (status = store_open(&votes->writer, response)) != 0 ||
        (status = auth_user(&votes->writer, &votes->login, request, response, token, user_id)) != 0)
        return status;
    return vote_take(votes, request, response, model_id, vote_type);
}

/* POST /api/votes/{provider}/{model}, POST /api/votes/{model} */
static int
post_vote(void *context, struct request *request, struct response *response)
{
    struct votes *votes = context;
    const char *provider = request_variable(request, "provider");
    const char *model = request_variable(request, "model");
    const char *token;
    struct form form = { 0 };
    int status;

    if (provider != NULL)
        model = arena_format(&request->arena, "%s/%s", provider, model);
    status = auth_token(request, response, &token);
    if (status == 0 && (status = form_read(&form, request, response, true)) == 0)
        status = vote_checked(votes, &form, token, model);
    form_free(&form);
    gate_leave(&votes->login);
    gate_leave(&votes->gate);
    return status;
}

static const struct route routes[] = {
    { METHOD_GET, "/api/votes/user/{user_id}", get_user, 0 },
    { METHOD_GET, "/api/votes/model/{provider}/{model}", get_model, 0 },
    { METHOD_GET, "/api/votes/model/{model}", get_model, 0 },
    { METHOD_POST, "/api/votes/{provider}/{model}", post_vote, BODY_MAX },
    { METHOD_POST, "/api/votes/{model}", post_vote, BODY_MAX },
};

/* Keeps the database open as one who may write it. That gives the programs that may not an index
 * that they can share, which -wal and -shm are there for, and mends it (confine.h). */
static void
keep_open(void *context)
{
    struct votes *votes = context;

    if (store_ready(&votes->reader))
        db_version(votes->reader.db);
}

int
main(int argc, char **argv)
{
    struct votes votes = { 0 };
    struct config config;
    int code;

    if (!app_start(&config, "votes", "answers /api/votes", SECRET_HF_READ, argc, argv, &code))
        return code;
    votes.config = &config;
    store_init(&votes.reader, &config, DB_READER);
    store_init(&votes.writer, &config, DB_WRITER);
    gate_init(&votes.login, &config, "votes.login", LOGIN_PLACES);
    gate_init(&votes.gate, &config, "votes", MODEL_PLACES);
    struct app app = { .name = "votes",
                       .routes = routes,
                       .routes_count = sizeof routes / sizeof routes[0],
                       .context = &votes,
                       .config = &config,
                       .idle = keep_open,
                       .settle = vote_settle,
                       .role = CONFINE_WRITER,
                       .cors = true,
                       .api = true,
                       .limited = true };
    code = app_run(&app);
    gate_close(&votes.login);
    gate_close(&votes.gate);
    store_close(&votes.reader);
    store_close(&votes.writer);
    config_free(&config);
    return code;
}
