/* POST /api/webhooks/hub: the Hub says that a dataset has changed.
 *
 * It is a hint, not data: the answer only leaves STATE_DIR/sync-requested behind, and what watches
 * that file starts the fetcher, which asks the Hub itself. */
#include "digest.h"
#include "file.h"
#include "http.h"
#include "json.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { BODY_MAX = 64 * 1024 };

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

/* True for application/json, with or without parameters. */
static bool
type_is_json(const char *type)
{
    static const char json[] = "application/json";
    size_t length = type == NULL ? 0 : strcspn(type, "; \t");

    return length == sizeof json - 1 && strncasecmp(type, json, length) == 0;
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

/* Leaves STATE_DIR/sync-requested behind, with the time in it. */
static bool
sync_request(const struct config *config, struct error *why)
{
    char path[PATH_MAX], text[32];
    time_t now = time(NULL);
    struct tm utc;

    gmtime_r(&now, &utc);
    size_t length = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ\n", &utc);
    snprintf(path, sizeof path, "%s/sync-requested", config->state_dir);
    return file_publish(path, text, length, why);
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
    const struct config *config = context;
    struct event event;
    struct error why;
    int status;

    if (config->webhook_secret == NULL)
        return response_detail(response, 404, "there is nothing at this path");
    if (!secret_matches(request_header(request, "X-Webhook-Secret"), config->webhook_secret))
        return response_detail(response, 401,
                               "X-Webhook-Secret is missing or is not the secret of this server");
    if (!type_is_json(request_parameter(request, "CONTENT_TYPE")))
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

static const struct route routes[] = {
    { METHOD_POST, "/api/webhooks/hub", post_hub, BODY_MAX },
};

int
main(int argc, char **argv)
{
    struct config config;
    int code;

    if (!app_start(&config, "system", "answers POST /api/webhooks/hub", SECRET_HUB_WEBHOOK, argc,
                   argv, &code))
        return code;
    struct app app = { .name = "system",
                       .routes = routes,
                       .routes_count = sizeof routes / sizeof routes[0],
                       .context = &config,
                       .config = &config };
    code = app_run(&app);
    config_free(&config);
    return code;
}
