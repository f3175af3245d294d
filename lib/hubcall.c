#include "hubcall.h"

#include "hublfs.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- answers ---- */

int
hubcall_json(struct hubcall *call, int status, json_t *value)
{
    call->response->type = "application/json; charset=utf-8";
    buf_reset(&call->response->body);
    json_put_value(&call->response->body, value);
    json_decref(value);
    return status;
}

int
hubcall_error(struct hubcall *call, int status, const char *code, const char *format, ...)
{
    struct error message;
    char text[sizeof message.text];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    error_set(&message, "%s", text);
    if (code != NULL)
        response_header(call->response, "X-Error-Code", code);
    response_header(call->response, "X-Error-Message", message.text);
    return hubcall_json(call, status, json_pack("{s:s}", "error", message.text));
}

int
hubcall_failed(struct hubcall *call, enum hubstore_result result, const struct error *why)
{
    switch (result) {
    case HUBSTORE_REFUSED:
        return hubcall_error(call, 400, NULL, "%s", why->text);
    case HUBSTORE_MISSING:
        return hubcall_error(call, 404, "EntryNotFound", "%s", why->text);
    case HUBSTORE_EXISTS:
        return hubcall_error(call, 409, NULL, "%s", why->text);
    case HUBSTORE_CONFLICT:
        return hubcall_error(call, 412, NULL, "%s", why->text);
    default:
        return hubcall_error(call, 500, NULL, "Internal Error - %s", why->text);
    }
}

json_t *
hubcall_body(struct hubcall *call)
{
    struct error why;
    json_t *body = json_read(call->request->body, call->request->body_length, &why);

    if (body == NULL)
        hubcall_error(call, 400, NULL, "The body is %s", why.text);
    return body;
}

/* ---- who calls, and what for ---- */

int
hubcall_begin(struct hubcall *call, enum hubquota_bucket bucket)
{
    const char *header = request_header(call->request, "Authorization");
    const char *who = request_parameter(call->request, "REMOTE_ADDR");
    struct arena *arena = &call->request->arena;
    long left, reset_s;
    struct error why;

    response_header(call->response, "X-Local-Hub", "development only");
    if (header != NULL && strncasecmp(header, "Bearer ", 7) == 0) {
        enum hubstore_result result = hubstore_user(call->store, header + 7, &call->user, &why);
        if (result == HUBSTORE_FAILED)
            return hubcall_failed(call, result, &why);
        call->known = result == HUBSTORE_OK;
    }
    if (call->known)
        who = call->user.name;
    bool granted =
        hubquota_take(call->quota, bucket, who == NULL ? "" : who, time(NULL), &left, &reset_s);
    const char *name = hubquota_name(bucket);
    response_header(call->response, "RateLimit",
                    arena_format(arena, "\"%s\";r=%ld;t=%ld", name, left, reset_s));
    response_header(call->response, "RateLimit-Policy",
                    arena_format(arena, "\"fixed window\";\"%s\";q=%ld;w=%d", name,
                                 hubquota_limit(call->quota, bucket), HUBQUOTA_WINDOW_S));
    if (!granted)
        return hubcall_error(call, 429, NULL,
                             "We had to rate limit you: you have no %s calls left for %ld seconds",
                             name, reset_s);
    if (header != NULL && !call->known)
        return hubcall_error(call, 401, NULL, "Invalid credentials in Authorization header");
    return 0;
}

int
hubcall_login(struct hubcall *call)
{
    if (call->known)
        return 0;
    return hubcall_error(call, 401, NULL, "Invalid username or password.");
}

bool
hubcall_owns(const struct hubcall *call, const char *repo)
{
    size_t length = strlen(call->user.name);

    return call->known && (call->user.everywhere ||
                           (strncmp(repo, call->user.name, length) == 0 && repo[length] == '/'));
}

int
hubcall_repo(struct hubcall *call, enum hubstore_kind kind, const char *namespace, const char *name)
{
    struct arena *arena = &call->request->arena;
    struct error why;
    const char *id = arena_format(arena, "%s/%s", namespace, name);
    enum hubstore_result result = hubstore_repo(call->store, kind, id, arena, &call->repo, &why);

    if (result == HUBSTORE_FAILED)
        return hubcall_failed(call, result, &why);
    if (result == HUBSTORE_OK && (!call->repo.private || hubcall_owns(call, id)))
        return 0;
    /* Whether a private repo exists is told to its owner alone. */
    if (call->known)
        return hubcall_error(call, 404, "RepoNotFound", "Repository not found");
    return hubcall_error(call, 401, "RepoNotFound", "Invalid username or password.");
}

int
hubcall_gate(struct hubcall *call)
{
    const char *id = call->repo.name;
    const char *kind = hubstore_kind_name(call->repo.kind);

    if (!call->repo.gated || hubcall_owns(call, id))
        return 0;
    if (!call->known)
        return hubcall_error(call, 401, "GatedRepo",
                             "Access to %s %s is restricted. You must have access to it and be "
                             "authenticated to access it. Please log in.",
                             kind, id);
    return hubcall_error(call, 403, "GatedRepo",
                         "Access to %s %s is restricted and you are not in the authorized list.",
                         kind, id);
}

int
hubcall_write(struct hubcall *call)
{
    int status = hubcall_login(call);

    if (status != 0)
        return status;
    if (hubcall_owns(call, call->repo.name))
        return 0;
    return hubcall_error(call, 403, NULL,
                         "You don't have the rights to write to %s with this token",
                         call->repo.name);
}

int
hubcall_revision(struct hubcall *call)
{
    const char *revision = request_variable(call->request, "rev");
    struct error why;
    enum hubstore_result result = hubstore_revision(call->store, &call->repo, revision,
                                                    &call->request->arena, &call->commit, &why);

    if (result == HUBSTORE_MISSING)
        return hubcall_error(call, 404, "RevisionNotFound", "Invalid rev id: %s", revision);
    return result == HUBSTORE_OK ? 0 : hubcall_failed(call, result, &why);
}

int
hubcall_entry(struct hubcall *call, const char *path, struct hubstore_entry *entry)
{
    struct error why;
    enum hubstore_result result = hubstore_entry(call->store, call->repo.id, call->commit.number,
                                                 path, &call->request->arena, entry, &why);

    if (result == HUBSTORE_MISSING)
        return hubcall_error(call, 404, "EntryNotFound", "Entry not found");
    return result == HUBSTORE_OK ? 0 : hubcall_failed(call, result, &why);
}

/* ---- contents ---- */

enum range { RANGE_NONE, RANGE_PART, RANGE_BEYOND };

/* Reads a Range header with one range (RFC 9110, 14.1.2). Other headers count as none; *first and
 * *last are set for RANGE_PART alone. */
static enum range
range_parse(const char *header, int64_t size, int64_t *first, int64_t *last)
{
    char *end;

    *first = 0;
    *last = size - 1;
    if (header == NULL || strncasecmp(header, "bytes=", 6) != 0 || strchr(header, ',') != NULL)
        return RANGE_NONE;
    header += 6;
    if (header[0] == '-') {
        int64_t tail = strtoll(header + 1, &end, 10);
        if (end == header + 1 || *end != '\0' || tail < 0)
            return RANGE_NONE;
        *first = tail < size ? size - tail : 0;
        return tail == 0 ? RANGE_BEYOND : RANGE_PART;
    }
    *first = strtoll(header, &end, 10);
    if (end == header || *end != '-' || *first < 0)
        return RANGE_NONE;
    if (*++end != '\0') {
        const char *number = end;
        int64_t given = strtoll(number, &end, 10);
        if (*end != '\0' || given < *first)
            return RANGE_NONE;
        *last = given < *last ? given : *last;
    }
    return *first < size ? RANGE_PART : RANGE_BEYOND;
}

int
hubcall_content(struct hubcall *call, const struct hubstore_entry *entry, bool raw,
                const char *etag)
{
    const char *header = request_header(call->request, "Range");
    const char *condition = request_header(call->request, "If-Range");
    struct arena *arena = &call->request->arena;
    struct response *response = call->response;
    int64_t size = raw ? hubstore_git_size(entry) : entry->size, first, last;
    struct error why;

    if (condition != NULL && !etag_matches(condition, etag))
        header = NULL;
    enum range range = range_parse(header, size, &first, &last);
    if (range == RANGE_NONE) {
        first = 0;
        last = size - 1;
    }
    response_header(response, "ETag", arena_format(arena, "\"%s\"", etag));
    response_header(response, "Accept-Ranges", "bytes");
    response->type =
        entry->sha256[0] != '\0' && !raw ? "application/octet-stream" : "text/plain; charset=utf-8";
    /* As the Hub does: clients that probe with a range learn the size 0 from a 200. */
    if (range != RANGE_NONE && size == 0) {
        response_header(response, "Content-Range", "bytes */0");
        return 200;
    }
    if (range == RANGE_BEYOND) {
        response_header(response, "Content-Range", arena_format(arena, "bytes */%" PRId64, size));
        return hubcall_error(call, 416, NULL, "The range lies beyond the end");
    }
    enum hubstore_result result =
        hubstore_read(call->store, entry, raw, first, last - first + 1, &response->body, &why);
    if (result != HUBSTORE_OK)
        return hubcall_failed(call, HUBSTORE_FAILED, &why);
    if (range == RANGE_NONE)
        return 200;
    response_header(
        response, "Content-Range",
        arena_format(arena, "bytes %" PRId64 "-%" PRId64 "/%" PRId64, first, last, size));
    return 206;
}

/* ---- addresses ---- */

const char *
hubcall_origin(const struct hubcall *call, bool other)
{
    struct arena *arena = &call->request->arena;
    const char *host = request_header(call->request, "Host");
    const char *scheme = request_parameter(call->request, "REQUEST_SCHEME");

    if (host == NULL || !utf8_valid(host, strlen(host))) /* JSON could not tell it */
        host = "localhost";
    const char *port = strrchr(host, ':');
    if (other)
        host = arena_format(arena, "%s%s",
                            strncmp(host, "localhost", 9) == 0 ? "127.0.0.1" : "localhost",
                            port == NULL ? "" : port);
    return arena_format(arena, "%s://%s", scheme == NULL ? "http" : scheme, host);
}

const char *
hubcall_signed(const struct hubcall *call, const char *path, const char *query, const char *what)
{
    int64_t expires = time(NULL) + call->address_s;
    char signature[SHA256_HEX];

    if (!hublfs_sign(call->store, what, expires, signature))
        return NULL;
    return arena_format(&call->request->arena, "%s%s?%sexpires=%" PRId64 "&signature=%s",
                        hubcall_origin(call, true), path, query, expires, signature);
}

int
hubcall_signature(struct hubcall *call, const char *what)
{
    const char *expires = request_query(call->request, "expires");
    const char *signature = request_query(call->request, "signature");
    int64_t until = expires == NULL ? 0 : strtoll(expires, NULL, 10);
    char right[SHA256_HEX];

    response_header(call->response, "X-Local-Hub", "development only");
    if (request_header(call->request, "Authorization") != NULL)
        return hubcall_error(call, 400, NULL,
                             "Only one auth mechanism allowed: this address is signed, and a token "
                             "must not be sent to another host than the Hub");
    if (signature == NULL || strlen(signature) != sizeof right - 1 ||
        !hublfs_sign(call->store, what, until, right) ||
        CRYPTO_memcmp(signature, right, sizeof right - 1) != 0)
        return hubcall_error(call, 403, NULL, "The signature is not valid");
    if (until <= time(NULL))
        return hubcall_error(call, 403, NULL, "The address has expired");
    return 0;
}
