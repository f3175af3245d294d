#include "auth.h"

#include "hub.h"

#include <string.h>
#include <strings.h>
#include <time.h>

enum {
    TOKEN_MAX = 4096,
    UNKNOWN_TTL_S = 60, /* for which nobody's token is remembered as such */
    UNKNOWN_MAX = 30,   /* of these an address may show in a window of */
    UNKNOWN_WINDOW_S = 60,
    BUSY_RETRY_S = 2,
    DOWN_RETRY_S = 10,
};

/* Who a token turned out to be. */
struct owner {
    char name[sizeof((struct hub_user *)0)->name]; /* "": nobody */
    bool person;
};

static int
refuse(struct response *response, int status, const char *detail)
{
    if (status == 401)
        response_header(response, "WWW-Authenticate", "Bearer realm=\"Hugging Face\"");
    return response_detail(response, status, "%s", detail);
}

int
auth_token(struct request *request, struct response *response, const char **token)
{
    const char *header = request_header(request, "Authorization");
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                "-._~+/=";

    if (header == NULL || header[0] == '\0')
        return refuse(response, 401,
                      "this needs your Hub token: send Authorization: Bearer hf_… (make one at "
                      "huggingface.co/settings/tokens; a read token will do)");
    if (strncasecmp(header, "Bearer ", 7) == 0) {
        const char *start = header + 7 + strspn(header + 7, " ");
        size_t length = strspn(start, plain);
        if (length > 0 && length <= TOKEN_MAX &&
            start[length + strspn(start + length, " ")] == '\0') {
            *token = arena_copy(&request->arena, start, length);
            return 0;
        }
    }
    return refuse(response, 401, "Authorization is not of the form: Bearer hf_…");
}

/* Whether it is known; false with an empty `why` when it is not. */
static bool
owner_known(struct db *db, const char *hash, struct owner *owner, struct error *why)
{
    sqlite3_stmt *row = db_query(db, SQL_TOKEN_FIND, DB_TEXT(hash), DB_INTEGER(time(NULL)));

    if (!db_next(db, row, why))
        return false;
    snprintf(owner->name, sizeof owner->name, "%s", db_column_text(row, 0));
    owner->person = sqlite3_column_int(row, 1) != 0;
    db_done(row);
    return true;
}

/* Keeps what the Hub said. Where that fails, the next request asks again. */
static void
owner_keep(const struct store *store, const char *hash, const struct owner *owner)
{
    long ttl = store->config->auth_ttl;
    int64_t now = time(NULL);
    struct db *db = store->db;
    struct error why;

    if (owner->name[0] == '\0' && ttl > UNKNOWN_TTL_S)
        ttl = UNKNOWN_TTL_S;
    bool good = db_begin(db, &why) == DB_OK;
    if (good) {
        good = db_run(db, SQL_TOKEN_EXPIRE, &why, DB_INTEGER(now)) &&
               db_run(db, SQL_TOKEN_PUT, &why, DB_TEXT(hash), DB_TEXT(owner->name),
                      DB_INTEGER(owner->person), DB_INTEGER(now + ttl));
        if (good)
            good = db_commit(db, &why) == DB_OK;
        else
            db_rollback(db);
    }
    if (!good)
        log_event(&store->config->log, LEVEL_ERROR, LOG_AUTH, "cannot keep whose a token is",
                  LOG_TEXT("error", why.text));
}

/* Asks the Hub. Returns 0 with the owner, or the status of an answer. */
static int
owner_ask(struct gate *gate, const struct request *request, struct response *response,
          const char *token, struct owner *owner)
{
    const struct log *log = &request->config->log;
    struct hub_user user;
    struct error why;

    *owner = (struct owner){ 0 };
    if (!gate_enter(gate, &why)) {
        log_event(log, LEVEL_WARNING, LOG_AUTH, "not asked whose a token is",
                  LOG_TEXT("id", request->id), LOG_TEXT("error", why.text));
        metrics_count(request->metrics, METRIC_AUTH_UNAVAILABLE);
        return response_unavailable(response, BUSY_RETRY_S,
                                    "the Hub is slow to say whose tokens are; try again in a few "
                                    "seconds");
    }
    enum hub_result result = hub_whoami(gate->hub, token, &user, &why);
    if (result == HUB_OK) {
        memcpy(owner->name, user.name, sizeof owner->name);
        owner->person = user.person;
        metrics_count(request->metrics, METRIC_AUTH_ASKED);
        return 0;
    }
    if (result == HUB_DENIED)
        return 0;
    if (result == HUB_UNAVAILABLE || result == HUB_LIMITED)
        gate_failed(gate);
    log_event(log, LEVEL_ERROR, LOG_AUTH, "the Hub does not say whose a token is",
              LOG_TEXT("id", request->id), LOG_TEXT("error", why.text));
    metrics_count(request->metrics, METRIC_AUTH_UNAVAILABLE);
    return response_unavailable(
        response, DOWN_RETRY_S,
        "the Hub cannot be asked whose your token is; nothing was done, try "
        "again in a minute");
}

/* Tokens that are nobody's cost the Hub a question each: an address has few of them. */
static int
unknown_limit(struct request *request, struct response *response, unsigned cost)
{
    const struct rate rate = { UNKNOWN_MAX, UNKNOWN_WINDOW_S };
    long retry_s;

    if (request_admitted(request, response, "auth", NULL, rate, cost, &retry_s))
        return 0;
    return response_detail(response, 429,
                           "too many tokens from your address that the Hub does not know: go on in "
                           "%ld s",
                           retry_s);
}

int
auth_user(struct store *store, struct gate *gate, struct request *request,
          struct response *response, const char *token, const char *user_id)
{
    char hash[SHA256_HEX];
    struct owner owner;
    struct error why;
    int status;

    digest_sha256(token, strlen(token), hash);
    if (owner_known(store->db, hash, &owner, &why)) {
        metrics_count(request->metrics, METRIC_AUTH_CACHED);
    } else {
        if (why.text[0] != '\0')
            return store_failed(store, response, &why);
        request_waits(request);
        if ((status = unknown_limit(request, response, 0)) != 0 ||
            (status = owner_ask(gate, request, response, token, &owner)) != 0)
            return status;
        owner_keep(store, hash, &owner);
        if (owner.name[0] == '\0' && (status = unknown_limit(request, response, 1)) != 0)
            return status;
    }
    if (owner.name[0] == '\0' || !owner.person) {
        metrics_count(request->metrics, METRIC_AUTH_REFUSED);
        return owner.name[0] == '\0'
                   ? refuse(response, 401,
                            "the Hub does not know this token, or it has expired: make a new one "
                            "at huggingface.co/settings/tokens")
                   : refuse(response, 403,
                            "this token is an organisation's: only people vote and submit; use a "
                            "token of your own");
    }
    request->user = arena_copy(&request->arena, owner.name, strlen(owner.name));
    if (strcasecmp(owner.name, user_id) == 0)
        return 0;
    metrics_count(request->metrics, METRIC_AUTH_OTHER);
    return response_detail(response, 403,
                           "this token is %s's, and user_id is '%s': nobody acts for somebody else",
                           owner.name, user_id);
}
