/* /api/models: what is submitted, what waits, and new submissions.
 *
 * The lists are kept in memory until a request changes. Their waiting times are those of the last
 * full minute, so that for its length every process gives the same bytes under the same entity tag.
 */
#include "answers.h"
#include "auth.h"
#include "form.h"
#include "json.h"
#include "model.h"
#include "submission.h"
#include "submission_view.h"
#include "timestamp.h"
#include "vote.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum {
    BODY_MAX = 64 * 1024,
    TEXT_MAX = 128,
    NAME_MAX_BYTES = 96,
    ID_MAX_BYTES = 193, /* provider/name */
    MINUTE_S = 60,
    RETRY_AFTER_S = 10,
    DAY_S = 86400,
    LOGIN_PLACES = 1, /* of the four processes that lighttpd.conf has take submissions */
    MODEL_PLACES = 2,
    CHECKS_MAX = 30, /* of submissions by one user, taken or not, in */
    CHECKS_WINDOW_S = 600,
};

enum page { PAGE_STATUS, PAGE_PENDING, PAGE_PENDING_BY_VOTES, PAGES };

struct models_program {
    const struct config *config;
    struct store reader, writer;
    struct gate login, gate; /* for tokens, for models */
    uint64_t state;          /* requests_state() */
    char fingerprint[128];   /* of the requests then */
    uint64_t seen, opened;   /* the reader's state and file then */
    struct page_kept {
        struct kept kept;
        uint64_t state; /* of what it shows; 0: never made */
        time_t as_of;   /* its waiting times */
    } pages[PAGES];
};

/* ---- the lists ---- */

/* A number that is a higher one once a request has changed: not by votes, which most commits are.
 * 0, with `why`, when the database cannot say. */
static uint64_t
requests_state(struct models_program *models, struct error *why)
{
    uint64_t seen = store_state(&models->reader);

    if (models->state != 0 && seen == models->seen)
        return models->state;
    sqlite3_stmt *row = db_query(models->reader.db, SQL_REQUEST_FINGERPRINT, DB_NULL);
    if (!db_next(models->reader.db, row, why))
        return 0;
    const char *fingerprint = db_column_text(row, 0);
    if (models->state == 0 || models->opened != models->reader.opened ||
        strcmp(models->fingerprint, fingerprint) != 0)
        models->state++;
    snprintf(models->fingerprint, sizeof models->fingerprint, "%s", fingerprint);
    db_done(row);
    models->seen = seen;
    models->opened = models->reader.opened;
    return models->state;
}

/* Makes the page anew where it shows what is not so any more. */
static bool
page_refresh(struct models_program *models, enum page page, struct buf *out,
             struct metrics *metrics, struct error *why)
{
    struct page_kept *kept = &models->pages[page];
    struct db *db = models->reader.db;
    time_t as_of = time(NULL) / MINUTE_S * MINUTE_S;
    uint64_t state =
        page == PAGE_STATUS ? requests_state(models, why) : store_state(&models->reader);

    if (state == 0)
        return false;
    if (state == kept->state && as_of == kept->as_of) {
        metrics_count(metrics, METRIC_BODY_KEPT);
        return true;
    }
    if (!db_snapshot_begin(db, why))
        return false;
    bool good = page == PAGE_STATUS
                    ? submission_put_lists(db, as_of, out, why)
                    : submission_put_pending(db, page == PAGE_PENDING_BY_VOTES, as_of, out, why);
    db_snapshot_end(db);
    if (good && !buf_ok(out)) {
        error_set(why, "the list does not fit into memory");
        good = false;
    }
    if (!good)
        return false;
    metrics_count(metrics, METRIC_BODY_MADE);
    kept_take(&kept->kept, out);
    kept->state = state;
    kept->as_of = as_of;
    return true;
}

static int
answer_page(struct models_program *models, struct request *request, struct response *response,
            enum page page)
{
    struct kept *kept = &models->pages[page].kept;
    struct error why = { 0 };
    int status = store_open(&models->reader, response);

    if (status != 0)
        return status;
    if (!page_refresh(models, page, &response->body, request->metrics, &why))
        return store_failed(&models->reader, response, &why);
    response->kept = kept;
    response->etag = kept->etag;
    response->cache_control = "no-cache";
    response->type = "application/json";
    return 200;
}

/* GET /api/models/status */
static int
get_status(void *context, struct request *request, struct response *response)
{
    return answer_page(context, request, response, PAGE_STATUS);
}

/* GET /api/models/pending?sort=votes */
static int
get_pending(void *context, struct request *request, struct response *response)
{
    const char *sort = request_query(request, "sort");

    if (sort != NULL && strcmp(sort, "votes") != 0)
        return response_detail(response, 400,
                               "sort: expected votes, or nothing for the oldest first");
    return answer_page(context, request, response,
                       sort == NULL ? PAGE_PENDING : PAGE_PENDING_BY_VOTES);
}

/* ---- one submission ---- */

/* {provider}/{name}, or {model_id} where the slash is encoded. */
static const char *
model_id(struct request *request)
{
    const char *provider = request_variable(request, "provider");
    const char *name = request_variable(request, "name");

    return provider == NULL ? name : arena_format(&request->arena, "%s/%s", provider, name);
}

/* GET /api/models/{model_id}/status?precision=…&revision=… */
static int
get_one(void *context, struct request *request, struct response *response)
{
    struct models_program *models = context;
    struct buf *out = &response->body;
    struct error why = { 0 };
    bool found = false;
    int status;

    if ((status = store_open(&models->reader, response)) != 0)
        return status;
    uint64_t state = requests_state(models, &why);
    if (answers_give(request, response, state))
        return 200;
    const char *id = model_id(request);
    if (!model_id_valid(id))
        return response_detail(response, 422,
                               "model_id: '%s' is no id of a model: expected provider/name", id);
    struct db *db = models->reader.db;
    if (state == 0 || !db_snapshot_begin(db, &why))
        return store_failed(&models->reader, response, &why);
    bool good = submission_put_one(db,
                                   db_query(db, SQL_REQUEST_LATEST, DB_TEXT(id),
                                            DB_TEXT(request_query(request, "precision")),
                                            DB_TEXT(request_query(request, "revision"))),
                                   out, &found, &why);
    db_snapshot_end(db);
    if (!good)
        return store_failed(&models->reader, response, &why);
    response->type = "application/json";
    if (!found) {
        buf_byte(out, '{');
        json_put_text_member(out, "status", "not_found");
        json_put_text_member(
            out, "detail",
            arena_format(&request->arena, "%s was not submitted%s", id,
                         request->queries == 0 ? "" : " in that precision and revision"));
        buf_byte(out, '}');
        return 404;
    }
    response->cache_control = "no-cache";
    return answers_keep(request, response, state);
}

/* ---- submitting ---- */

/* What a submitter asks for. */
struct wish {
    const char *user_id, *model_id, *base_model, *revision, *precision, *weight_type, *model_type;
    bool chat_template;
};

static const char *const precisions[] = { "float16", "bfloat16", "float32", "8bit",
                                          "4bit",    "GPTQ",     NULL };
static const char *const weight_types[] = { "Original", "Delta", "Adapter", NULL };

static const struct field user_field = { .name = "user_id",
                                         .max = NAME_MAX_BYTES,
                                         .valid = model_id_valid,
                                         .hint = "your user name on the Hub" };

static const struct {
    struct field field;
    size_t offset; /* in struct wish */
} fields[] = {
    { { .name = "model_id",
        .max = ID_MAX_BYTES,
        .valid = model_id_valid,
        .hint = "the model's id on the Hub, like provider/name" },
      offsetof(struct wish, model_id) },
    { { .name = "base_model",
        .initial = "",
        .max = ID_MAX_BYTES,
        .valid = model_id_valid,
        .hint = "the base model's id on the Hub, like provider/name" },
      offsetof(struct wish, base_model) },
    { { .name = "revision",
        .initial = "main",
        .max = TEXT_MAX,
        .valid = revision_valid,
        .hint = "a branch, tag or commit" },
      offsetof(struct wish, revision) },
    { { .name = "precision",
        .initial = "float16",
        .max = TEXT_MAX,
        .choices = precisions,
        .hint = "float16, bfloat16, float32, 8bit, 4bit or GPTQ" },
      offsetof(struct wish, precision) },
    { { .name = "weight_type",
        .initial = "Original",
        .max = TEXT_MAX,
        .choices = weight_types,
        .hint = "Original, Delta or Adapter" },
      offsetof(struct wish, weight_type) },
    { { .name = "model_type",
        .max = TEXT_MAX,
        .hint = "what kind of model it is, like pretrained, fine-tuned, chat or merge" },
      offsetof(struct wish, model_type) },
};

/* A submission on its way through the checks. */
struct attempt {
    struct models_program *models;
    struct request *request;
    struct response *response;
    struct wish wish;
    struct submission_quota quota;
    struct model model;
    struct model_profile profile;
    struct submission submission;
    const char *path;
};

static struct submission_quota
quota_of(const struct config *config, const char *user)
{
    struct submission_quota quota = { config->quota, (int64_t)config->quota_days * DAY_S };

    for (char *const *higher = config->higher_quota_users; *higher != NULL; higher++)
        if (strcasecmp(*higher, user) == 0)
            return (struct submission_quota){ config->quota * 2, quota.period_s };
    return quota;
}

static int
over_quota(const struct attempt *attempt, int64_t retry_s)
{
    const struct config *config = attempt->models->config;
    struct response *response = attempt->response;
    char when[TIMESTAMP_TEXT];

    buf_format(&response->headers,
               "Retry-After: %lld\r\nRateLimit-Policy: \"submissions\";q=%ld;w=%lld\r\n"
               "RateLimit: \"submissions\";r=0;t=%lld\r\n",
               (long long)retry_s, attempt->quota.count, (long long)attempt->quota.period_s,
               (long long)retry_s);
    metrics_count(attempt->request->metrics, METRIC_RATE_LIMITED);
    return response_detail(response, 429,
                           "%s has made %ld submissions within %ld days, which is as many as are "
                           "taken: submit again after %s",
                           attempt->request->user, attempt->quota.count, config->quota_days,
                           timestamp_format(time(NULL) + retry_s, when));
}

/* 409 with the submission that stands in the way. */
static int
conflict(const struct attempt *attempt, const char *existing, const char *detail)
{
    struct store *store = &attempt->models->writer;
    struct buf *out = &attempt->response->body;
    struct error why = { 0 };
    bool found;

    buf_byte(out, '{');
    json_put_text_member(out, "detail", detail);
    buf_text(out, ",\"submission\":");
    if (!submission_put_one(store->db, db_query(store->db, SQL_REQUEST_AT, DB_TEXT(existing)), out,
                            &found, &why))
        return store_failed(store, attempt->response, &why);
    buf_text(out, found ? "}" : "null}");
    attempt->response->type = "application/json";
    return 409;
}

/* Turns a verdict into an answer; 0 for SUBMISSION_FREE. */
static int
answer_verdict(const struct attempt *attempt, enum submission_verdict verdict, const char *existing,
               const struct error *why)
{
    const struct submission *submission = &attempt->submission;
    struct arena *arena = &attempt->request->arena;
    int64_t retry_s = 0;
    struct error failure;

    switch (verdict) {
    case SUBMISSION_FREE:
        return 0;
    case SUBMISSION_TWICE:
        return conflict(attempt, existing,
                        arena_format(arena,
                                     "%s is submitted already at revision %s in %s: see its "
                                     "submission below",
                                     submission->model, submission->revision,
                                     submission->precision));
    case SUBMISSION_OCCUPIED:
        return conflict(attempt, existing,
                        arena_format(arena,
                                     "another revision of %s is not through its evaluation in %s "
                                     "yet: submit this one after it",
                                     submission->model, submission->precision));
    case SUBMISSION_OFFICIAL:
        return conflict(attempt, existing,
                        arena_format(arena,
                                     "%s is an official provider's model and finished in %s: it is "
                                     "not evaluated again",
                                     submission->model, submission->precision));
    case SUBMISSION_OVER_QUOTA:
        if (submission_quota(attempt->models->writer.db, attempt->request->user, attempt->quota,
                             &retry_s, &failure) == SUBMISSION_FAILED)
            return store_failed(&attempt->models->writer, attempt->response, &failure);
        return over_quota(attempt, retry_s);
    case SUBMISSION_FAILED:
        break;
    }
    return store_failed(&attempt->models->writer, attempt->response, why);
}

/* What the Hub's word on a model means for the submission; 0 for MODEL_OK. */
static int
answer_model(const struct attempt *attempt, enum model_result result, const struct error *why)
{
    if (result == MODEL_OK)
        return 0;
    if (result != MODEL_UNAVAILABLE)
        return response_detail(attempt->response, result == MODEL_MISSING ? 404 : 422, "%s",
                               why->text);
    log_event(&attempt->models->config->log, LEVEL_ERROR, LOG_HUB,
              "the Hub does not say what a model is", LOG_TEXT("id", attempt->request->id),
              LOG_TEXT("model", attempt->wish.model_id), LOG_TEXT("error", why->text));
    return response_unavailable(attempt->response, RETRY_AFTER_S,
                                "the Hub cannot be asked about this model; nothing was submitted, "
                                "try again in a minute");
}

/* The fields, in their order. */
static int
read_wish(struct attempt *attempt, const struct form *form)
{
    struct wish *wish = &attempt->wish;
    int status;

    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        const char **place = (const char **)(void *)((char *)wish + fields[i].offset);
        if ((status = form_text(form, &fields[i].field, place)) != 0)
            return status;
    }
    if ((status = form_boolean(form, "use_chat_template", &wish->chat_template)) != 0)
        return status;
    if (strcmp(wish->weight_type, "Original") != 0 && wish->base_model[0] == '\0')
        return response_detail(attempt->response, 422,
                               "base_model is missing: %s weights need the id of the model that "
                               "they belong to",
                               wish->weight_type);
    return 0;
}

/* A check may keep the Hub and one of our places busy for long, and costs its user no quota. */
static int
limit_checks(const struct attempt *attempt)
{
    const struct rate rate = { CHECKS_MAX, CHECKS_WINDOW_S };
    long retry_s;

    if (request_admitted(attempt->request, attempt->response, "checks", attempt->request->user,
                         rate, 1, &retry_s))
        return 0;
    return response_detail(attempt->response, 429,
                           "%s has tried to submit %d times within %d minutes: go on in %ld s",
                           attempt->request->user, CHECKS_MAX, CHECKS_WINDOW_S / 60, retry_s);
}

/* Finds the model, and what stands against it in the database. */
static int
check_known(struct attempt *attempt, struct models *models)
{
    const struct wish *wish = &attempt->wish;
    struct arena *arena = &attempt->request->arena;
    const char *existing = NULL;
    struct error why = { 0 };
    int status;

    enum model_result result =
        model_find(models, wish->model_id, wish->revision, arena, &attempt->model, &why);
    if ((status = answer_model(attempt, result, &why)) != 0)
        return status;
    if (strcmp(attempt->model.id, wish->model_id) != 0)
        return response_detail(attempt->response, 422,
                               "model_id: %s is called %s on the Hub: submit it under that name",
                               wish->model_id, attempt->model.id);
    attempt->submission = (struct submission){ .model = wish->model_id,
                                               .revision = attempt->model.sha,
                                               .precision = wish->precision,
                                               .weight_type = wish->weight_type,
                                               .status = "PENDING",
                                               .sender = attempt->request->user,
                                               .model_type = wish->model_type };
    attempt->path = arena_format(arena, "%s_eval_request_False_%s_%s.json", wish->model_id,
                                 wish->precision, wish->weight_type);
    enum submission_verdict verdict =
        submission_judge(models->db, &attempt->submission, attempt->path, arena, &existing, &why);
    return answer_verdict(attempt, verdict, existing, &why);
}

/* The request file, in the form that such files have. */
static const char *
request_file(const struct attempt *attempt)
{
    const struct wish *wish = &attempt->wish;
    const struct submission *submission = &attempt->submission;
    json_t *file = json_pack(
        "{s:s, s:s, s:s, s:s, s:f, s:s, s:s, s:s, s:s, s:s, s:i, s:n, s:b, s:s}", "model",
        submission->model, "base_model", wish->base_model, "revision", submission->revision,
        "precision", submission->precision, "params", attempt->profile.params, "architectures",
        attempt->profile.architectures, "weight_type", submission->weight_type, "status",
        submission->status, "submitted_time", submission->submitted_time, "model_type",
        wish->model_type, "job_id", -1, "job_start_time", "use_chat_template",
        (int)wish->chat_template, "sender", submission->sender);
    const char *text = NULL;
    struct buf out;

    buf_init(&out, BODY_MAX);
    if (file != NULL)
        json_put_value(&out, file);
    if (buf_ok(&out) && out.length != 0)
        text = arena_copy(&attempt->request->arena, out.data, out.length);
    buf_free(&out);
    json_decref(file);
    return text;
}

static int
take(struct attempt *attempt)
{
    struct submission *submission = &attempt->submission;
    struct store *store = &attempt->models->writer;
    struct buf *out = &attempt->response->body;
    time_t now = time(NULL);
    const char *existing;
    struct error why = { 0 };
    char when[TIMESTAMP_TEXT];

    submission->submitted_time = timestamp_format(now, when);
    submission->submitted_at = now;
    const struct vote vote = { submission->model, submission->revision, submission->sender, when,
                               "up" };
    const char *content = request_file(attempt);
    if (content == NULL)
        return response_detail(attempt->response, 500, "the request file cannot be put together");
    enum submission_verdict verdict =
        submission_add(store->db, submission, attempt->path, content, &vote, attempt->quota, &why);
    if (verdict == SUBMISSION_TWICE || verdict == SUBMISSION_OCCUPIED ||
        verdict == SUBMISSION_OFFICIAL) {
        /* Somebody was quicker: whose submission it is now. */
        struct error second = { 0 };
        verdict = submission_judge(store->db, submission, attempt->path, &attempt->request->arena,
                                   &existing, &second);
        return verdict == SUBMISSION_FREE
                   ? response_detail(attempt->response, 409, "somebody submitted it meanwhile")
                   : answer_verdict(attempt, verdict, existing, &second);
    }
    if (verdict != SUBMISSION_FREE)
        return answer_verdict(attempt, verdict, NULL, &why);
    metrics_count(attempt->request->metrics, METRIC_SUBMISSIONS);
    log_event(&attempt->models->config->log, LEVEL_INFO, LOG_SYNC, "submission taken",
              LOG_TEXT("id", attempt->request->id), LOG_TEXT("path", attempt->path),
              LOG_TEXT("user", submission->sender));
    buf_byte(out, '{');
    json_put_text_member(out, "status", "success");
    json_put_text_member(out, "message",
                         "The model was submitted successfully, and the vote has been recorded");
    json_put_text_member(out, "model", submission->model);
    json_put_text_member(out, "revision", submission->revision);
    json_put_text_member(out, "precision", submission->precision);
    json_put_integer_member(
        out, "queue_position",
        db_number(db_query(store->db, SQL_REQUEST_PLACE, DB_INTEGER(now), DB_TEXT(attempt->path)),
                  0));
    buf_byte(out, '}');
    attempt->response->type = "application/json";
    return 200;
}

/* The checks, in the order in which they are documented. */
static int
attempt_run(struct attempt *attempt, const struct form *form, const char *token)
{
    struct models_program *program = attempt->models;
    struct request *request = attempt->request;
    struct response *response = attempt->response;
    struct models models = { .config = program->config,
                             .gate = &program->gate,
                             .metrics = request->metrics,
                             .fresh = true };
    struct error why = { 0 };
    int64_t retry_s = 0;
    int status;

    if ((status = form_text(form, &user_field, &attempt->wish.user_id)) != 0 ||
        (status = store_open(&program->writer, response)) != 0 ||
        (status = auth_user(&program->writer, &program->login, request, response, token,
                            attempt->wish.user_id)) != 0)
        return status;
    models.db = program->writer.db;
    attempt->quota = quota_of(program->config, request->user);
    enum submission_verdict verdict =
        submission_quota(models.db, request->user, attempt->quota, &retry_s, &why);
    if (verdict == SUBMISSION_OVER_QUOTA)
        return over_quota(attempt, retry_s);
    if (verdict == SUBMISSION_FAILED)
        return store_failed(&program->writer, response, &why);
    if ((status = read_wish(attempt, form)) != 0 || (status = limit_checks(attempt)) != 0)
        return status;
    if ((status = check_known(attempt, &models)) != 0)
        return status;
    const struct model_wish wish = { attempt->wish.precision, attempt->wish.weight_type,
                                     attempt->wish.base_model, attempt->wish.chat_template };
    enum model_result result =
        model_check(&models, &attempt->model, &wish, &request->arena, &attempt->profile, &why);
    if ((status = answer_model(attempt, result, &why)) != 0)
        return status;
    return take(attempt);
}

/* POST /api/models/submit */
static int
post_submit(void *context, struct request *request, struct response *response)
{
    struct models_program *models = context;
    struct attempt attempt = { .models = models, .request = request, .response = response };
    struct form form = { 0 };
    const char *token;
    int status = auth_token(request, response, &token);

    if (status == 0 && (status = form_read(&form, request, response, false)) == 0)
        status = attempt_run(&attempt, &form, token);
    form_free(&form);
    gate_leave(&models->login);
    gate_leave(&models->gate);
    return status;
}

static const struct route routes[] = {
    { METHOD_GET, "/api/models/status", get_status, 0 },
    { METHOD_GET, "/api/models/pending", get_pending, 0 },
    { METHOD_POST, "/api/models/submit", post_submit, BODY_MAX },
    { METHOD_GET, "/api/models/{provider}/{name}/status", get_one, 0 },
    { METHOD_GET, "/api/models/{name}/status", get_one, 0 },
};

int
main(int argc, char **argv)
{
    struct models_program models = { 0 };
    struct config config;
    int code;

    if (!app_start(&config, "models", "answers /api/models", SECRET_HF_READ, argc, argv, &code))
        return code;
    models.config = &config;
    store_init(&models.reader, &config, DB_READER);
    store_init(&models.writer, &config, DB_WRITER);
    gate_init(&models.login, &config, "models.login", LOGIN_PLACES);
    gate_init(&models.gate, &config, "models", MODEL_PLACES);
    struct app app = { .name = "models",
                       .routes = routes,
                       .routes_count = sizeof routes / sizeof routes[0],
                       .context = &models,
                       .config = &config,
                       .role = CONFINE_WRITER,
                       .cors = true,
                       .api = true,
                       .limited = true };
    code = app_run(&app);
    gate_close(&models.login);
    gate_close(&models.gate);
    store_close(&models.reader);
    store_close(&models.writer);
    for (int i = 0; i < PAGES; i++)
        kept_free(&models.pages[i].kept);
    config_free(&config);
    return code;
}
