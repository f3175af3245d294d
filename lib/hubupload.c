#include "hubupload.h"

#include "hubgit.h"
#include "hublfs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { OBJECT_BYTES_MAX = 256 << 20, PARTS_MAX = 10000 };

static const char lfs_type[] = "application/vnd.git-lfs+json";

/* ---- the batch ---- */

static void
action_set(json_t *actions, const char *name, const char *href, json_t *header)
{
    json_object_set_new(
        actions, name,
        json_pack("{s:s?, s:o}", "href", href, "header", header == NULL ? json_object() : header));
}

/* The address for `length` bytes of the object, or of a part of it. */
static const char *
put_address(const struct hubcall *call, const char *path, const char *what, int64_t length)
{
    struct arena *arena = &call->request->arena;

    return hubcall_signed(call, path, arena_format(arena, "size=%" PRId64 "&", length),
                          arena_format(arena, "%s %" PRId64, what, length));
}

static void
upload_whole(const struct hubcall *call, const char *oid, int64_t size, json_t *actions)
{
    struct arena *arena = &call->request->arena;

    action_set(actions, "upload",
               put_address(call, arena_format(arena, "/lfs/%s", oid),
                           arena_format(arena, "put %s", oid), size),
               NULL);
}

static void
upload_parts(const struct hubcall *call, const char *oid, int64_t size, int64_t part_bytes,
             json_t *actions)
{
    struct arena *arena = &call->request->arena;
    int64_t parts = (size + part_bytes - 1) / part_bytes;
    json_t *header = json_object();

    json_object_set_new(header, "chunk_size", json_sprintf("%" PRId64, part_bytes));
    for (int64_t i = 1; i <= parts; i++) {
        const char *href = put_address(call, arena_format(arena, "/lfs/%s/%" PRId64, oid, i),
                                       arena_format(arena, "part %s %" PRId64, oid, i),
                                       i < parts ? part_bytes : size - part_bytes * (parts - 1));
        if (href != NULL)
            json_object_set_new(header, arena_format(arena, "%05" PRId64, i), json_string(href));
    }
    action_set(actions, "upload",
               hubcall_signed(call, arena_format(arena, "/lfs/%s/complete", oid),
                              arena_format(arena, "parts=%" PRId64 "&", parts),
                              arena_format(arena, "complete %s %" PRId64, oid, parts)),
               header);
}

static const char *
verify_address(const struct hubcall *call)
{
    return arena_format(&call->request->arena, "%s/%s%s.git/info/lfs/objects/verify",
                        hubcall_origin(call, false),
                        call->repo.kind == HUBSTORE_DATASET ? "datasets/" : "", call->repo.name);
}

static json_t *
object_error(json_t *object, int code, const char *message)
{
    json_object_set_new(object, "error", json_pack("{s:i, s:s}", "code", code, "message", message));
    return object;
}

/* What the answer says of one object of the request. */
static json_t *
batch_object(const struct hubcall *call, const json_t *wanted, bool upload, int64_t part_bytes)
{
    struct arena *arena = &call->request->arena;
    const char *oid = json_member_text(wanted, "oid");
    int64_t size = json_integer_value(json_object_get(wanted, "size"));
    json_t *object = json_pack("{s:s?, s:I}", "oid", oid, "size", (json_int_t)size);

    if (oid == NULL || !hubgit_hex_valid(oid, SHA256_HEX - 1))
        return object_error(object, 422, "the oid is no SHA-256");
    int64_t stored = hublfs_size(call->store, oid);
    if (upload ? stored == size : stored < 0)
        return upload ? object : object_error(object, 404, "there is no such object");
    if (upload && (size < 1 || size > OBJECT_BYTES_MAX || stored >= 0))
        return object_error(object, 422, "the size must be the object's, from 1 byte to 256 MiB");
    json_t *actions = json_object();
    if (!upload) {
        action_set(actions, "download",
                   hubcall_signed(call, arena_format(arena, "/cdn/%s", oid), "",
                                  arena_format(arena, "get %s", oid)),
                   NULL);
    } else {
        if (part_bytes > 0 && size > part_bytes && size / part_bytes < PARTS_MAX)
            upload_parts(call, oid, size, part_bytes, actions);
        else
            upload_whole(call, oid, size, actions);
        action_set(actions, "verify", verify_address(call), NULL);
    }
    json_object_set_new(object, "actions", actions);
    return object;
}

int
hubupload_batch(struct hubcall *call, const json_t *body, int64_t part_bytes)
{
    const char *operation = json_member_text(body, "operation");
    bool upload = operation != NULL && strcmp(operation, "upload") == 0;
    bool parts = false, in_parts = false;
    json_t *item, *objects = json_array();
    size_t index;

    json_array_foreach(json_object_get(body, "transfers"), index, item)
    {
        const char *transfer = json_string_value(item);
        parts |= transfer != NULL && strcmp(transfer, "multipart") == 0;
    }
    json_array_foreach(json_object_get(body, "objects"), index, item)
    {
        int64_t size = json_integer_value(json_object_get(item, "size"));
        in_parts |= upload && parts && size > part_bytes;
        json_array_append_new(objects, batch_object(call, item, upload, parts ? part_bytes : 0));
    }
    hubcall_json(call, 200,
                 json_pack("{s:s, s:o, s:s}", "transfer", in_parts ? "multipart" : "basic",
                           "objects", objects, "hash_algo", "sha256"));
    call->response->type = lfs_type;
    return 200;
}

int
hubupload_verify(struct hubcall *call, const json_t *body)
{
    const char *oid = json_member_text(body, "oid");
    int64_t size = json_integer_value(json_object_get(body, "size"));

    if (oid == NULL || hublfs_size(call->store, oid) != size)
        return hubcall_error(call, 404, NULL, "There is no object of this oid and size");
    hubcall_json(call, 200, json_object());
    call->response->type = lfs_type;
    return 200;
}

/* ---- the bytes ---- */

/* Checks the signature for "WHAT SIZE" and that the body has that size. */
static int
put_begin(struct hubcall *call, const char *what)
{
    const char *text = request_query(call->request, "size");
    int64_t size = text == NULL ? -1 : strtoll(text, NULL, 10);
    int status =
        hubcall_signature(call, arena_format(&call->request->arena, "%s %" PRId64, what, size));

    if (status != 0)
        return status;
    if ((uint64_t)size != call->request->body_length)
        return hubcall_error(call, 400, NULL, "The body has %zu bytes, not %" PRId64,
                             call->request->body_length, size);
    return 0;
}

/* Answers 200 with the ETag of what was stored, or what went wrong. */
static int
put_end(struct hubcall *call, enum hubstore_result result, const char *etag,
        const struct error *why)
{
    if (result != HUBSTORE_OK)
        return hubcall_failed(call, result, why);
    response_header(call->response, "ETag", arena_format(&call->request->arena, "\"%s\"", etag));
    return 200;
}

int
hubupload_put(struct hubcall *call)
{
    const struct request *request = call->request;
    const char *sha256 = request_variable(request, "sha256");
    struct error why;
    int status = put_begin(call, arena_format(&call->request->arena, "put %s", sha256));

    if (status != 0)
        return status;
    return put_end(call, hublfs_put(call->store, sha256, request->body, request->body_length, &why),
                   sha256, &why);
}

int
hubupload_put_part(struct hubcall *call)
{
    const struct request *request = call->request;
    const char *sha256 = request_variable(request, "sha256");
    int64_t number = strtoll(request_variable(request, "number"), NULL, 10);
    char etag[SHA256_HEX];
    struct error why;
    int status =
        put_begin(call, arena_format(&call->request->arena, "part %s %" PRId64, sha256, number));

    if (status != 0)
        return status;
    enum hubstore_result result = hublfs_put_part(call->store, sha256, number, request->body,
                                                  request->body_length, etag, &why);
    return put_end(call, result, etag, &why);
}

/* Reads {"parts": [{"partNumber": 1, "etag": "\"…\""}…]} into etags without quotes, in the arena.
 * NULL when these are not parts 1 to `count`. */
static const char **
parts_parse(struct arena *arena, const json_t *body, size_t count)
{
    const json_t *parts = json_object_get(body, "parts"), *part;
    const char **etags = arena_zero(arena, count + 1, sizeof *etags);
    size_t index;

    if (json_array_size(parts) != count)
        return NULL;
    json_array_foreach(parts, index, part)
    {
        const char *etag = json_member_text(part, "etag");
        json_int_t number = json_integer_value(json_object_get(part, "partNumber"));
        if (etag == NULL || number < 1 || (size_t)number > count || etags[number - 1] != NULL)
            return NULL;
        etag += strspn(etag, "\"");
        etags[number - 1] = arena_copy(arena, etag, strcspn(etag, "\""));
    }
    return etags;
}

int
hubupload_complete(struct hubcall *call)
{
    struct arena *arena = &call->request->arena;
    const char *sha256 = request_variable(call->request, "sha256");
    const char *text = request_query(call->request, "parts");
    int64_t count = text == NULL ? 0 : strtoll(text, NULL, 10);
    struct error why;
    int status =
        hubcall_signature(call, arena_format(arena, "complete %s %" PRId64, sha256, count));

    if (status != 0)
        return status;
    json_t *body = hubcall_body(call);
    if (body == NULL)
        return 400;
    const char **etags = parts_parse(arena, body, (size_t)count);
    json_decref(body);
    if (etags == NULL)
        return hubcall_error(call, 400, NULL, "Expected parts 1 to %" PRId64 " with their ETags",
                             count);
    enum hubstore_result result =
        hublfs_join_parts(call->store, sha256, (size_t)count, etags, &why);
    status = put_end(call, result, sha256, &why);
    return status == 200 ? hubcall_json(call, 200, json_object()) : status;
}
