#include "hub.h"

#include "json.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum {
    HOPS_MAX = 5,
    CONNECT_TIMEOUT_S = 10,
    WAIT_MAX_S = 300, /* a rate limit's window */
    TREE_PAGE_MAX = 64 << 20,
    TREE_PAGES_MAX = 1000,
    MESSAGE_MAX = 64 * 1024,
};

struct hub {
    const struct config *config;
    CURL *curl;
    hub_progress *progress;
    void *progress_context;
    unsigned requests;
};

/* One exchange: what comes back. */
struct answer {
    struct buf *body;   /* where a body of status 200 or 206 goes */
    struct buf message; /* where any other goes, for its error text */
    CURL *curl;
    size_t resumed; /* bytes that `body` had when the request was sent */
    uint64_t total; /* of the whole content, 0 when unknown */
    bool resumable; /* a broken body may go on where it ended */
    bool too_large;
    char *link; /* rel="next" */
    char error_code[64], error_message[200];
    long retry_after, limit_reset; /* seconds, -1 when not given */
    long limit_left;
    const struct hub *hub;
};

struct hub *
hub_open(const struct config *config, struct error *why)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        error_set(why, "libcurl cannot start");
        return NULL;
    }
    struct hub *hub = mem_zero(1, sizeof *hub);
    hub->config = config;
    hub->curl = curl_easy_init();
    if (hub->curl != NULL)
        return hub;
    error_set(why, "libcurl cannot start");
    hub_close(hub);
    return NULL;
}

void
hub_close(struct hub *hub)
{
    if (hub == NULL)
        return;
    curl_easy_cleanup(hub->curl);
    curl_global_cleanup();
    free(hub);
}

void
hub_watch(struct hub *hub, hub_progress *progress, void *context)
{
    hub->progress = progress;
    hub->progress_context = context;
}

unsigned
hub_requests(const struct hub *hub)
{
    return hub->requests;
}

void
hub_tree_free(struct hub_tree *tree)
{
    arena_free(&tree->arena);
    tree->files = NULL;
    tree->count = 0;
}

/* ---- one exchange ---- */

/* The scheme, host and port of an address are what must be the same for the token to go along. */
static bool
same_origin(const char *url, const char *endpoint)
{
    const char *path = strstr(endpoint, "://");
    size_t length = path == NULL ? 0 : (size_t)(path - endpoint) + 3;

    length += strcspn(endpoint + length, "/?#");
    return strncasecmp(url, endpoint, length) == 0 && strchr("/?#", url[length]) != NULL;
}

static size_t
on_body(char *bytes, size_t one, size_t length, void *context)
{
    struct answer *answer = context;
    long status = 0;

    (void)one;
    curl_easy_getinfo(answer->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200 && status != 206) {
        size_t room = answer->message.max_bytes - answer->message.length;
        buf_put(&answer->message, bytes, length < room ? length : room);
        return length;
    }
    if (status == 200 && answer->resumed != 0) {
        /* The Range was ignored: this is the whole body from its start. */
        buf_reset(answer->body);
        answer->resumed = 0;
    }
    buf_put(answer->body, bytes, length);
    answer->too_large = !buf_ok(answer->body);
    if (answer->hub->progress != NULL)
        answer->hub->progress(answer->hub->progress_context, answer->body->length, answer->total);
    return answer->too_large ? 0 : length;
}

/* A parameter of a structured header like `"api";r=12;t=55`, or -1. */
static long
header_parameter(const char *value, const char *name)
{
    size_t length = strlen(name);

    for (const char *in = strchr(value, ';'); in != NULL; in = strchr(in + 1, ';')) {
        const char *key = in + 1 + strspn(in + 1, " ");
        if (strncmp(key, name, length) == 0 && key[length] == '=')
            return strtol(key + length + 1, NULL, 10);
    }
    return -1;
}

static char *
link_next(const char *value)
{
    /* <https://…>; rel="next", <…>; rel="last" */
    for (const char *open = strchr(value, '<'); open != NULL; open = strchr(open + 1, '<')) {
        const char *close = strchr(open, '>');
        if (close == NULL)
            return NULL;
        size_t length = strcspn(close, ",");
        const char *rel = strstr(close, "rel=\"next\"");
        if (rel != NULL && (size_t)(rel - close) < length)
            return strndup(open + 1, (size_t)(close - open) - 1);
    }
    return NULL;
}

static void
header_copy(char *out, size_t size, const char *value)
{
    size_t length = 0;

    for (; value[length] != '\0' && length + 1 < size; length++)
        out[length] = (char)(iscntrl((unsigned char)value[length]) ? '?' : value[length]);
    out[length] = '\0';
}

static size_t
on_header(char *bytes, size_t one, size_t length, void *context)
{
    struct answer *answer = context;
    char line[4096];
    size_t size = length < sizeof line - 1 ? length : sizeof line - 1;

    (void)one;
    memcpy(line, bytes, size);
    while (size > 0 && strchr("\r\n", line[size - 1]) != NULL)
        size--;
    line[size] = '\0';
    char *value = strchr(line, ':');
    if (value == NULL)
        return length;
    *value++ = '\0';
    value += strspn(value, " \t");
    if (strcasecmp(line, "link") == 0 && answer->link == NULL)
        answer->link = link_next(value);
    else if (strcasecmp(line, "x-error-code") == 0)
        header_copy(answer->error_code, sizeof answer->error_code, value);
    else if (strcasecmp(line, "x-error-message") == 0)
        header_copy(answer->error_message, sizeof answer->error_message, value);
    else if (strcasecmp(line, "retry-after") == 0 && isdigit((unsigned char)value[0]))
        answer->retry_after = strtol(value, NULL, 10);
    else if (strcasecmp(line, "ratelimit") == 0) {
        answer->limit_left = header_parameter(value, "r");
        answer->limit_reset = header_parameter(value, "t");
    } else if (strcasecmp(line, "content-length") == 0)
        answer->total = strtoull(value, NULL, 10) + answer->resumed;
    return length;
}

static void
answer_reset(struct answer *answer)
{
    free(answer->link);
    answer->link = NULL;
    buf_reset(&answer->message);
    answer->error_code[0] = answer->error_message[0] = '\0';
    answer->retry_after = answer->limit_reset = answer->limit_left = -1;
    answer->total = 0;
    answer->too_large = false;
}

/* Sends one GET to one address, with the token if it is the Hub's own. */
static CURLcode
exchange(struct hub *hub, const char *url, struct answer *answer)
{
    CURL *curl = hub->curl;
    struct curl_slist *headers = NULL;
    bool trusted = same_origin(url, hub->config->hf_endpoint);

    answer_reset(answer);
    if (!answer->resumable)
        buf_reset(answer->body);
    answer->curl = curl;
    answer->hub = hub;
    answer->resumed = answer->body->length;
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR,
                     strncmp(hub->config->hf_endpoint, "https:", 6) == 0 ? "https" : "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_TIMEOUT_S);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, hub->config->hub_timeout);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "leaderboard-backend/1.0");
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, answer);
    if (answer->resumed != 0)
        curl_easy_setopt(curl, CURLOPT_RESUME_FROM_LARGE, (curl_off_t)answer->resumed);
    if (trusted && hub->config->hf_token != NULL) {
        struct buf line;
        buf_init(&line, 4096);
        buf_format(&line, "Authorization: Bearer %s", hub->config->hf_token);
        headers = curl_slist_append(headers, buf_string(&line));
        buf_free(&line);
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    }
    hub->requests++;
    CURLcode code = curl_easy_perform(curl);
    curl_slist_free_all(headers);
    return code;
}

/* Sends a GET and follows redirects. *status is 0 when there was no complete answer. */
static CURLcode
exchange_followed(struct hub *hub, const char *url, struct answer *answer, long *status)
{
    char *next = mem_string(url), *target = NULL;
    CURLcode code = CURLE_OK;

    *status = 0;
    for (int hop = 0; hop <= HOPS_MAX; hop++) {
        code = exchange(hub, next, answer);
        if (code == CURLE_OK)
            curl_easy_getinfo(hub->curl, CURLINFO_RESPONSE_CODE, status);
        if (code != CURLE_OK || *status < 301 || *status > 308 || *status == 304)
            break;
        curl_easy_getinfo(hub->curl, CURLINFO_REDIRECT_URL, &target);
        code = CURLE_TOO_MANY_REDIRECTS;
        if (target == NULL)
            break;
        char *copy = mem_string(target);
        free(next);
        next = copy;
    }
    free(next);
    return code;
}

/* ---- what an answer means ---- */

/* The Hub's own words about an error: its header, else the body's "error". */
static void
answer_explain(struct answer *answer, char text[220])
{
    json_t *body = json_read(buf_string(&answer->message), answer->message.length, NULL);
    const char *words =
        answer->error_message[0] != '\0' ? answer->error_message : json_member_text(body, "error");

    text[0] = '\0';
    if (words != NULL && words[0] != '\0')
        snprintf(text, 220, " (\"%.200s\")", words);
    json_decref(body);
}

static enum hub_result
answer_judge(const struct hub *hub, struct answer *answer, CURLcode code, long status,
             const char *what, struct error *why)
{
    const char *endpoint = hub->config->hf_endpoint;
    bool token = hub->config->hf_token != NULL;
    char words[220];

    if (answer->too_large) {
        error_set(why, "%s is larger than %ld MiB: raise HUB_MAX_MB if that is right", what,
                  hub->config->hub_max_mb);
        return HUB_TOO_LARGE;
    }
    if (code == CURLE_TOO_MANY_REDIRECTS || code == CURLE_UNSUPPORTED_PROTOCOL) {
        error_set(why, "%s: %s redirects to where we do not follow (more than %d times, or not %s)",
                  what, endpoint, HOPS_MAX,
                  strncmp(endpoint, "https:", 6) == 0 ? "to https" : "to http");
        return HUB_BROKEN;
    }
    if (code != CURLE_OK) {
        error_set(why,
                  "%s: no complete answer from %s: %s; check HF_ENDPOINT and the network, or "
                  "run again later",
                  what, endpoint, curl_easy_strerror(code));
        return HUB_UNAVAILABLE;
    }
    if (status == 200 || status == 206)
        return HUB_OK;
    answer_explain(answer, words);
    switch (status) {
    case 401:
        error_set(why, "%s: %s answered 401%s: %s", what, endpoint, words,
                  token ? "HF_TOKEN is not valid, or may not read this; set another one"
                        : "it needs a token, or is not there; set HF_TOKEN, or check the name");
        return HUB_DENIED;
    case 403:
        error_set(why, "%s: %s answered 403%s: %s", what, endpoint, words,
                  token ? "the owner of HF_TOKEN may not read this; ask for access"
                        : "set HF_TOKEN to a token that may read this");
        return HUB_DENIED;
    case 404:
        error_set(why, "%s: not on %s (404)%s: check the name in the settings%s", what, endpoint,
                  words, token ? "" : ", or set HF_TOKEN if it is private");
        return HUB_MISSING;
    case 429:
        error_set(why, "%s: the rate limit of %s is used up (429); %s%ld s%s", what, endpoint,
                  answer->limit_reset >= 0 || answer->retry_after >= 0 ? "run again in "
                                                                       : "run again after ",
                  answer->limit_reset >= 0   ? answer->limit_reset
                  : answer->retry_after >= 0 ? answer->retry_after
                                             : (long)WAIT_MAX_S,
                  token ? "" : ", or set HF_TOKEN for a higher limit");
        return HUB_LIMITED;
    default:
        break;
    }
    if (status >= 500 || status == 408) {
        error_set(why, "%s: %s answered %ld%s: a failure on its side; run again later", what,
                  endpoint, status, words);
        return HUB_UNAVAILABLE;
    }
    error_set(why, "%s: %s answered %ld%s, which is not expected: check HF_ENDPOINT", what,
              endpoint, status, words);
    return HUB_BROKEN;
}

/* How long to wait before try number `attempt` (0, 1, …), in seconds. */
static long
answer_wait(const struct answer *answer, enum hub_result result, int attempt)
{
    long wait = 1L << (attempt < 8 ? attempt : 8);

    if (result == HUB_LIMITED && answer->limit_left == 0 && answer->limit_reset >= 0)
        wait = answer->limit_reset + 1;
    else if (answer->retry_after >= 0)
        wait = answer->retry_after + 1;
    return wait < WAIT_MAX_S ? wait : WAIT_MAX_S;
}

static void
wait_seconds(long seconds)
{
    struct timespec rest = { .tv_sec = seconds };

    while (nanosleep(&rest, &rest) != 0 && errno == EINTR)
        continue;
}

/* A GET with redirects and retries. `what` names it in messages. On HUB_OK the body is in `out`.
 * With `link`, *link becomes the next page's address (owned by the caller) or NULL; without, this
 * is a file whose download goes on where it broke off. */
static enum hub_result
hub_get(struct hub *hub, const char *url, const char *what, struct buf *out, char **link,
        struct error *why)
{
    struct answer answer = { .body = out, .resumable = link == NULL };
    enum hub_result result;
    long status;

    buf_init(&answer.message, MESSAGE_MAX);
    for (int attempt = 0;; attempt++) {
        CURLcode code = exchange_followed(hub, url, &answer, &status);
        result = answer_judge(hub, &answer, code, status, what, why);
        if ((result != HUB_UNAVAILABLE && result != HUB_LIMITED) ||
            attempt >= hub->config->hub_retries)
            break;
        long wait = answer_wait(&answer, result, attempt);
        log_event(&hub->config->log, LEVEL_WARNING, LOG_HUB, "trying again",
                  LOG_INTEGER("wait_s", wait), LOG_TEXT("error", why->text));
        wait_seconds(wait);
    }
    log_event(&hub->config->log, LEVEL_DEBUG, LOG_HUB, "GET", LOG_TEXT("what", what),
              LOG_INTEGER("status", status), LOG_INTEGER("bytes", out->length));
    if (result == HUB_OK && link != NULL) {
        *link = answer.link;
        answer.link = NULL;
    }
    free(answer.link);
    buf_free(&answer.message);
    return result;
}

/* The same, of JSON. *value is a new reference on HUB_OK. */
static enum hub_result
hub_get_json(struct hub *hub, const char *url, const char *what, json_t **value, char **link,
             struct error *why)
{
    struct buf body;
    char *next = NULL;

    buf_init(&body, TREE_PAGE_MAX);
    enum hub_result result = hub_get(hub, url, what, &body, &next, why);
    if (result == HUB_OK) {
        *value = json_read(buf_string(&body), body.length, why);
        if (*value == NULL) {
            error_prefix(why, "%s: the answer of %s", what, hub->config->hf_endpoint);
            result = HUB_BROKEN;
        }
    }
    buf_free(&body);
    if (link != NULL)
        *link = next;
    else
        free(next);
    return result;
}

/* ---- the API ---- */

/* Copies a hash of exactly `size - 1` hexadecimal digits; false when it is none. */
static bool
copy_hex(char *out, const char *hex, size_t size)
{
    if (hex == NULL || strlen(hex) != size - 1 || hex[strspn(hex, "0123456789abcdef")] != '\0')
        return false;
    memcpy(out, hex, size);
    return true;
}

/* A path that we may put into an address and a message: relative, no empty or dotted segments. */
static bool
path_safe(const char *path)
{
    size_t length = strlen(path);

    if (length == 0 || length > 1000 || path[0] == '/' || !utf8_valid(path, length))
        return false;
    for (const char *segment = path; segment != NULL;) {
        size_t size = strcspn(segment, "/");
        if (size == 0 || (size == 1 && segment[0] == '.') ||
            (size == 2 && memcmp(segment, "..", 2) == 0))
            return false;
        for (size_t i = 0; i < size; i++)
            if (iscntrl((unsigned char)segment[i]) || segment[i] == '\\')
                return false;
        segment = segment[size] == '/' ? segment + size + 1 : NULL;
    }
    return true;
}

enum hub_result
hub_revision(struct hub *hub, const char *repo, char sha[SHA1_HEX], struct error *why)
{
    struct buf url, what;
    json_t *info = NULL;

    buf_init(&url, 4096);
    buf_init(&what, 4096);
    buf_format(&url, "%s/api/datasets/%s/revision/main", hub->config->hf_endpoint, repo);
    buf_format(&what, "dataset %s", repo);
    enum hub_result result =
        hub_get_json(hub, buf_string(&url), buf_string(&what), &info, NULL, why);
    if (result == HUB_OK && !copy_hex(sha, json_member_text(info, "sha"), SHA1_HEX)) {
        error_set(why, "dataset %s: %s names no commit (\"sha\"): check HF_ENDPOINT", repo,
                  hub->config->hf_endpoint);
        result = HUB_BROKEN;
    }
    json_decref(info);
    buf_free(&url);
    buf_free(&what);
    return result;
}

static bool
tree_add(struct hub_tree *tree, size_t *capacity, const json_t *entry, struct error *why)
{
    const char *type = json_member_text(entry, "type"), *path = json_member_text(entry, "path");
    const json_t *lfs = json_object_get(entry, "lfs");
    const json_t *size = json_object_get(json_is_object(lfs) ? lfs : entry, "size");
    struct hub_file file = { 0 };

    if (type != NULL && strcmp(type, "file") != 0)
        return true;
    if (type == NULL || path == NULL || !path_safe(path) || !json_is_integer(size) ||
        json_integer_value(size) < 0 ||
        !copy_hex(file.oid, json_member_text(entry, "oid"), SHA1_HEX) ||
        (json_is_object(lfs) && !copy_hex(file.sha256, json_member_text(lfs, "oid"), SHA256_HEX))) {
        error_set(why, "an entry of the file list makes no sense: %.100s",
                  path == NULL ? "it has no path" : path);
        return false;
    }
    file.size = (uint64_t)json_integer_value(size);
    file.path = arena_copy(&tree->arena, path, strlen(path));
    if (tree->count == *capacity) {
        size_t larger = *capacity == 0 ? 256 : *capacity * 2;
        struct hub_file *files = arena_zero(&tree->arena, larger, sizeof *files);
        if (tree->count != 0)
            memcpy(files, tree->files, tree->count * sizeof *files);
        tree->files = files;
        *capacity = larger;
    }
    tree->files[tree->count++] = file;
    return true;
}

enum hub_result
hub_list(struct hub *hub, const char *repo, const char *sha, struct hub_tree *tree,
         struct error *why)
{
    struct buf url, what;
    size_t capacity = 0, index;
    enum hub_result result = HUB_OK;
    char *link = NULL;

    *tree = (struct hub_tree){ 0 };
    arena_init(&tree->arena, 0);
    buf_init(&url, 8192);
    buf_init(&what, 4096);
    buf_format(&url, "%s/api/datasets/%s/tree/%s?recursive=true&expand=false",
               hub->config->hf_endpoint, repo, sha);
    buf_format(&what, "file list of dataset %s", repo);
    for (int page = 0; result == HUB_OK && page < TREE_PAGES_MAX; page++) {
        json_t *entries = NULL, *entry;
        char *next = NULL;
        result = hub_get_json(hub, link == NULL ? buf_string(&url) : link, buf_string(&what),
                              &entries, &next, why);
        free(link);
        link = next;
        if (result == HUB_OK && !json_is_array(entries)) {
            error_set(why, "%s: %s did not answer with a list", buf_string(&what),
                      hub->config->hf_endpoint);
            result = HUB_BROKEN;
        }
        json_array_foreach(entries, index, entry)
        {
            if (result == HUB_OK && !tree_add(tree, &capacity, entry, why)) {
                error_prefix(why, "dataset %s", repo);
                result = HUB_BROKEN;
            }
        }
        json_decref(entries);
        if (link == NULL)
            break;
    }
    if (result == HUB_OK && link != NULL) {
        error_set(why, "%s has more than %d pages", buf_string(&what), TREE_PAGES_MAX);
        result = HUB_BROKEN;
    }
    free(link);
    buf_free(&url);
    buf_free(&what);
    if (result != HUB_OK)
        hub_tree_free(tree);
    return result;
}

static bool
content_verified(const struct hub_file *file, const struct buf *content)
{
    char hex[SHA256_HEX];

    if (content->length != file->size)
        return false;
    if (file->sha256[0] != '\0') {
        digest_sha256(buf_string(content), content->length, hex);
        return strcmp(hex, file->sha256) == 0;
    }
    digest_git_blob(buf_string(content), content->length, hex);
    return strcmp(hex, file->oid) == 0;
}

enum hub_result
hub_download(struct hub *hub, const char *repo, const char *sha, const struct hub_file *file,
             struct buf *out, struct error *why)
{
    struct buf url, what;

    buf_init(&url, 8192);
    buf_init(&what, 4096);
    buf_format(&url, "%s/datasets/%s/resolve/%s", hub->config->hf_endpoint, repo, sha);
    for (const char *segment = file->path; *segment != '\0';) {
        size_t length = strcspn(segment, "/");
        buf_byte(&url, '/');
        buf_percent(&url, segment, length);
        segment += length + (segment[length] == '/');
    }
    buf_format(&what, "%s of dataset %s", file->path, repo);
    enum hub_result result = hub_get(hub, buf_string(&url), buf_string(&what), out, NULL, why);
    if (result == HUB_OK && !content_verified(file, out)) {
        error_set(why,
                  "%s: what %s sent (%zu bytes) is not the file that it lists (%ju bytes, by its "
                  "hash): run again",
                  buf_string(&what), hub->config->hf_endpoint, out->length, (uintmax_t)file->size);
        result = HUB_BROKEN;
    }
    buf_free(&url);
    buf_free(&what);
    return result;
}
