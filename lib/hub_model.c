/* What the Hub knows of users and models. */
#include "hub_private.h"

#include <string.h>

enum { ANSWER_MAX = 4 << 20 };

enum hub_result
hub_whoami(struct hub *hub, const char *token, struct hub_user *user, struct error *why)
{
    struct buf url;
    json_t *answer = NULL;

    buf_init(&url, 4096);
    buf_format(&url, "%s/api/whoami-v2", hub->config->hf_endpoint);
    struct transfer transfer = { .url = buf_string(&url),
                                 .what = "the owner of a token",
                                 .token = token };
    enum hub_result result = hub_get_json(hub, &transfer, ANSWER_MAX, false, &answer, NULL, why);
    if (result == HUB_DENIED && transfer.status != 401)
        result = HUB_UNAVAILABLE; /* it says nothing of the token */
    const char *name = json_member_text(answer, "name"), *type = json_member_text(answer, "type");
    if (result == HUB_OK &&
        (name == NULL || type == NULL || name[0] == '\0' || strlen(name) >= sizeof user->name)) {
        error_set(why, "whoami-v2: %s names no owner: check HF_ENDPOINT", hub->config->hf_endpoint);
        result = HUB_BROKEN;
    }
    if (result == HUB_OK) {
        memcpy(user->name, name, strlen(name) + 1);
        user->person = strcmp(type, "user") == 0;
    }
    json_decref(answer);
    buf_free(&url);
    return result;
}

enum hub_result
hub_model(struct hub *hub, const char *id, const char *revision, json_t **info, struct error *why)
{
    struct buf url, what;

    buf_init(&url, 4096);
    buf_init(&what, 1024);
    buf_format(&url, "%s/api/models/%s/revision/", hub->config->hf_endpoint, id);
    buf_percent(&url, revision, strlen(revision));
    buf_format(&what, "model %s at %s", id, revision);
    struct transfer transfer = { .url = buf_string(&url),
                                 .what = buf_string(&what),
                                 .token = hub->config->read_token };
    enum hub_result result = hub_get_json(hub, &transfer, ANSWER_MAX, true, info, NULL, why);
    buf_free(&url);
    buf_free(&what);
    return result;
}

enum hub_result
hub_model_file(struct hub *hub, const char *id, const char *sha, const char *path,
               const char *range, struct buf *out, struct error *why)
{
    struct buf url, what;

    buf_init(&url, 8192);
    buf_init(&what, 4096);
    hub_file_url(&url, hub, "", id, sha, path);
    buf_format(&what, "%s of model %s", path, id);
    struct transfer transfer = { .url = buf_string(&url),
                                 .what = buf_string(&what),
                                 .token = hub->config->read_token,
                                 .range = range,
                                 .out = out };
    enum hub_result result = transfer_one(hub, &transfer);
    if (result != HUB_OK && why != NULL)
        *why = transfer.why;
    transfer_free(&transfer);
    buf_free(&url);
    buf_free(&what);
    return result;
}
