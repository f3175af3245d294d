#include "hub.h"

#include "json.h"
#include "transfer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ANSWER_MAX = 16 << 20,
    REGULAR_MAX = 16 << 20, /* of a file in git; the Hub's own limit is 10 MiB */
    BODY_MAX = 64 << 20,
    SAMPLE_MAX = 512,
    PIECE_BYTES = 3 << 14, /* thirds, so that pieces of base64 join on without padding */
    PARTS_MAX = 10000
};

static const char lfs_type[] = "application/vnd.git-lfs+json";

/* One write under way. */
struct writing {
    struct hub *hub;
    const char *repo;
    char what[200];
    const struct hub_upload *uploads;
    size_t count;
    bool *lfs; /* which of them go through LFS */
    char (*sha256)[SHA256_HEX];
    struct error *why;
};

/* Appends the first `length` bytes of a file in base64. */
static bool
put_base64(struct buf *out, const struct hub_upload *upload, size_t length, struct error *why)
{
    char piece[PIECE_BYTES];

    if (upload->spool == NULL)
        buf_base64(out, upload->bytes, length);
    for (size_t done = 0; upload->spool != NULL && done < length;) {
        size_t size = length - done < sizeof piece ? length - done : sizeof piece;
        if (!spool_read(upload->spool, done, piece, size, why))
            return false;
        buf_base64(out, piece, size);
        done += size;
    }
    return true;
}

/* Sends a body and reads a JSON answer (*answer may be NULL for none). */
static enum hub_result
post(const struct writing *writing, struct transfer *transfer, json_t **answer)
{
    struct buf out;

    buf_init(&out, ANSWER_MAX);
    transfer->what = writing->what;
    transfer->out = &out;
    enum hub_result result = transfer_one(writing->hub, transfer);
    if (result == HUB_OK && answer != NULL) {
        *answer = json_read(buf_string(&out), out.length, &transfer->why);
        if (*answer == NULL) {
            error_prefix(&transfer->why, "%s: the Hub's answer", writing->what);
            result = HUB_BROKEN;
        }
    }
    if (result != HUB_OK && writing->why != NULL)
        *writing->why = transfer->why;
    transfer->out = NULL;
    buf_free(&out);
    return result;
}

/* Asks which files go through LFS. */
static enum hub_result
preupload(struct writing *writing)
{
    struct buf url, body;
    json_t *answer = NULL, *file;
    enum hub_result result = HUB_DISK;
    bool good = true;
    size_t index;

    buf_init(&url, 4096);
    buf_init(&body, 1 << 20);
    buf_format(&url, "%s/api/datasets/%s/preupload/main", writing->hub->config->hf_endpoint,
               writing->repo);
    for (size_t i = 0; good && i < writing->count; i++) {
        const struct hub_upload *upload = &writing->uploads[i];
        buf_text(&body, i == 0 ? "{\"files\":[{\"path\":" : ",{\"path\":");
        json_put_text(&body, upload->path, strlen(upload->path));
        buf_format(&body, ",\"size\":%zu,\"sample\":\"", upload->length);
        good = put_base64(&body, upload, upload->length < SAMPLE_MAX ? upload->length : SAMPLE_MAX,
                          writing->why);
        buf_text(&body, "\"}");
    }
    buf_text(&body, "]}");
    struct transfer transfer = { .verb = VERB_POST,
                                 .url = buf_string(&url),
                                 .content_type = "application/json",
                                 .body = body.data,
                                 .body_length = body.length };
    if (good)
        result = post(writing, &transfer, &answer);
    transfer_free(&transfer);
    json_array_foreach(json_object_get(answer, "files"), index, file)
    {
        const char *path = json_member_text(file, "path"),
                   *mode = json_member_text(file, "uploadMode");
        for (size_t i = 0; path != NULL && mode != NULL && i < writing->count; i++) {
            if (strcmp(writing->uploads[i].path, path) != 0)
                continue;
            writing->lfs[i] = strcmp(mode, "lfs") == 0 && writing->uploads[i].length > 0;
            if (json_is_true(json_object_get(file, "shouldIgnore"))) {
                error_set(writing->why, "%s: the dataset's .gitignore leaves %.200s out",
                          writing->what, path);
                result = HUB_REFUSED;
            }
        }
    }
    json_decref(answer);
    buf_free(&url);
    buf_free(&body);
    return result;
}

/* ---- LFS ---- */

/* PUTs a part of a file. */
static enum hub_result
put(const struct writing *writing, const char *url, const char *const *headers,
    const struct hub_upload *upload, size_t start, size_t length, char **etag)
{
    struct transfer transfer = { .verb = VERB_PUT,
                                 .url = url,
                                 .content_type = "application/octet-stream",
                                 .body_spool = upload->spool,
                                 .body_start = start,
                                 .body_length = length,
                                 .anonymous = true,
                                 .extra = headers };
    if (upload->spool == NULL)
        transfer.body = (const char *)upload->bytes + start;
    enum hub_result result = post(writing, &transfer, NULL);

    if (result == HUB_OK && etag != NULL) {
        *etag = transfer.etag;
        transfer.etag = NULL;
    }
    transfer_free(&transfer);
    return result;
}

/* PUTs a file in one piece, with the headers that the Hub asks for. */
static enum hub_result
upload_basic(const struct writing *writing, const struct hub_upload *upload, const char *href,
             const json_t *header)
{
    const char *lines[32] = { NULL }, *name;
    struct arena arena;
    json_t *value;
    size_t count = 0;

    arena_init(&arena, 0);
    json_object_foreach((json_t *)(uintptr_t)header, name, value)
    {
        if (json_is_string(value) && count + 1 < sizeof lines / sizeof lines[0] &&
            strpbrk(name, "\r\n") == NULL && strpbrk(json_string_value(value), "\r\n") == NULL)
            lines[count++] = arena_format(&arena, "%s: %s", name, json_string_value(value));
    }
    enum hub_result result = put(writing, href, lines, upload, 0, upload->length, NULL);
    arena_free(&arena);
    return result;
}

/* PUTs a file in parts and closes it at `href`. The parts' addresses stand in the header under
 * their numbers, "00001" and so on. */
static enum hub_result
upload_parts(const struct writing *writing, size_t index, const char *href, const json_t *header)
{
    const struct hub_upload *upload = &writing->uploads[index];
    size_t chunk = strtoul(json_member_text(header, "chunk_size"), NULL, 10);
    size_t parts = chunk == 0 ? 0 : (upload->length + chunk - 1) / chunk;
    enum hub_result result = HUB_OK;
    struct buf body;

    if (parts == 0 || parts > PARTS_MAX) {
        error_set(writing->why, "%s: the Hub asks for an upload in %zu parts", writing->what,
                  parts);
        return HUB_BROKEN;
    }
    buf_init(&body, 1 << 24);
    buf_format(&body, "{\"oid\":\"%s\",\"parts\":[", writing->sha256[index]);
    for (size_t i = 0; result == HUB_OK && i < parts; i++) {
        char number[24], *etag = NULL;
        size_t start = i * chunk,
               length = upload->length - start < chunk ? upload->length - start : chunk;
        snprintf(number, sizeof number, "%05zu", i + 1);
        const char *url = json_member_text(header, number);
        if (url == NULL) {
            error_set(writing->why, "%s: the Hub gives no address for part %s", writing->what,
                      number);
            result = HUB_BROKEN;
            break;
        }
        result = put(writing, url, NULL, upload, start, length, &etag);
        buf_format(&body, "%s{\"partNumber\":%zu,\"etag\":", i == 0 ? "" : ",", i + 1);
        json_put_text(&body, etag == NULL ? "" : etag, etag == NULL ? 0 : strlen(etag));
        buf_byte(&body, '}');
        free(etag);
    }
    buf_text(&body, "]}");
    if (result == HUB_OK) {
        struct transfer transfer = { .verb = VERB_POST,
                                     .url = href,
                                     .content_type = lfs_type,
                                     .accept = lfs_type,
                                     .body = body.data,
                                     .body_length = body.length,
                                     .anonymous = true };
        result = post(writing, &transfer, NULL);
        transfer_free(&transfer);
    }
    buf_free(&body);
    return result;
}

static enum hub_result
upload_verify(const struct writing *writing, size_t index, const char *href)
{
    struct buf body;

    buf_init(&body, 1024);
    buf_format(&body, "{\"oid\":\"%s\",\"size\":%zu}", writing->sha256[index],
               writing->uploads[index].length);
    struct transfer transfer = { .verb = VERB_POST,
                                 .url = href,
                                 .content_type = lfs_type,
                                 .accept = lfs_type,
                                 .body = body.data,
                                 .body_length = body.length };
    enum hub_result result = post(writing, &transfer, NULL);
    transfer_free(&transfer);
    buf_free(&body);
    return result;
}

/* Does what the batch answer says of one object. */
static enum hub_result
upload_object(const struct writing *writing, size_t index, const json_t *object)
{
    const json_t *refusal = json_object_get(object, "error");
    const json_t *actions = json_object_get(object, "actions");
    const json_t *upload = json_object_get(actions, "upload");
    const json_t *header = json_object_get(upload, "header");
    const char *href = json_member_text(upload, "href");
    const char *verify = json_member_text(json_object_get(actions, "verify"), "href");

    if (json_is_object(refusal)) {
        const char *words = json_member_text(refusal, "message");
        error_set(writing->why, "%s: the Hub's large file storage refuses it: %.200s",
                  writing->what, words == NULL ? "no reason given" : words);
        return HUB_REFUSED;
    }
    if (href == NULL)
        return HUB_OK; /* it is stored already */
    enum hub_result result = json_member_text(header, "chunk_size") != NULL
                                 ? upload_parts(writing, index, href, header)
                                 : upload_basic(writing, &writing->uploads[index], href, header);
    return result == HUB_OK && verify != NULL ? upload_verify(writing, index, verify) : result;
}

static bool
upload_hash(const struct hub_upload *upload, char hex[SHA256_HEX], struct error *why)
{
    if (upload->spool != NULL)
        return spool_sha256(upload->spool, hex, why);
    digest_sha256(upload->bytes, upload->length, hex);
    return true;
}

/* Uploads the files that go through LFS. */
static enum hub_result
upload_lfs(struct writing *writing)
{
    struct buf url, body;
    json_t *answer = NULL, *object;
    size_t index, objects = 0;
    bool good = true;

    buf_init(&url, 4096);
    buf_init(&body, 1 << 20);
    buf_format(&url, "%s/datasets/%s.git/info/lfs/objects/batch", writing->hub->config->hf_endpoint,
               writing->repo);
    buf_text(&body, "{\"operation\":\"upload\",\"transfers\":[\"basic\",\"multipart\"],"
                    "\"hash_algo\":\"sha256\",\"ref\":{\"name\":\"main\"},\"objects\":[");
    for (size_t i = 0; good && i < writing->count; i++) {
        if (!writing->lfs[i])
            continue;
        good = upload_hash(&writing->uploads[i], writing->sha256[i], writing->why);
        buf_format(&body, "%s{\"oid\":\"%s\",\"size\":%zu}", objects++ == 0 ? "" : ",",
                   writing->sha256[i], writing->uploads[i].length);
    }
    buf_text(&body, "]}");
    struct transfer transfer = { .verb = VERB_POST,
                                 .url = buf_string(&url),
                                 .content_type = lfs_type,
                                 .accept = lfs_type,
                                 .body = body.data,
                                 .body_length = body.length };
    enum hub_result result = !good          ? HUB_DISK
                             : objects == 0 ? HUB_OK
                                            : post(writing, &transfer, &answer);
    transfer_free(&transfer);
    json_array_foreach(json_object_get(answer, "objects"), index, object)
    {
        const char *oid = json_member_text(object, "oid");
        for (size_t i = 0; oid != NULL && result == HUB_OK && i < writing->count; i++)
            if (writing->lfs[i] && strcmp(writing->sha256[i], oid) == 0)
                result = upload_object(writing, i, object);
    }
    json_decref(answer);
    buf_free(&url);
    buf_free(&body);
    return result;
}

/* ---- the commit ---- */

static enum hub_result
put_operations(struct buf *body, const struct writing *writing, const char *parent,
               const char *summary)
{
    buf_text(body, "{\"key\":\"header\",\"value\":{\"summary\":");
    json_put_text(body, summary, strlen(summary));
    buf_format(body, ",\"parentCommit\":\"%s\"}}\n", parent);
    for (size_t i = 0; i < writing->count; i++) {
        const struct hub_upload *upload = &writing->uploads[i];
        buf_format(body,
                   "{\"key\":\"%s\",\"value\":{\"path\":", writing->lfs[i] ? "lfsFile" : "file");
        json_put_text(body, upload->path, strlen(upload->path));
        if (writing->lfs[i]) {
            buf_format(body, ",\"algo\":\"sha256\",\"oid\":\"%s\",\"size\":%zu}}\n",
                       writing->sha256[i], upload->length);
        } else if (upload->length > REGULAR_MAX) {
            error_set(writing->why,
                      "%s: the Hub wants %.200s (%zu bytes) in git, where it takes 10 MiB at most, "
                      "instead of its large file storage",
                      writing->what, upload->path, upload->length);
            return HUB_BROKEN;
        } else {
            buf_text(body, ",\"encoding\":\"base64\",\"content\":\"");
            if (!put_base64(body, upload, upload->length, writing->why))
                return HUB_DISK;
            buf_text(body, "\"}}\n");
        }
    }
    if (buf_ok(body))
        return HUB_OK;
    error_set(writing->why, "%s: more than %d bytes", writing->what, BODY_MAX);
    return HUB_TOO_LARGE;
}

static enum hub_result
commit_send(struct writing *writing, const char *parent, const char *summary, char commit[SHA1_HEX])
{
    struct buf url, body;
    json_t *answer = NULL;

    buf_init(&url, 4096);
    buf_init(&body, BODY_MAX);
    buf_format(&url, "%s/api/datasets/%s/commit/main", writing->hub->config->hf_endpoint,
               writing->repo);
    enum hub_result result = put_operations(&body, writing, parent, summary);
    struct transfer transfer = { .verb = VERB_POST,
                                 .url = buf_string(&url),
                                 .content_type = "application/x-ndjson",
                                 .body = body.data,
                                 .body_length = body.length,
                                 .once = true };
    if (result == HUB_OK)
        result = post(writing, &transfer, &answer);
    transfer_free(&transfer);
    const char *oid = json_member_text(answer, "commitOid");
    if (result == HUB_OK && (oid == NULL || strlen(oid) != SHA1_HEX - 1 ||
                             oid[strspn(oid, "0123456789abcdef")] != '\0')) {
        error_set(writing->why, "%s: the Hub names no commit (\"commitOid\")", writing->what);
        result = HUB_BROKEN;
    }
    if (result == HUB_OK)
        memcpy(commit, oid, SHA1_HEX);
    json_decref(answer);
    buf_free(&url);
    buf_free(&body);
    return result;
}

enum hub_result
hub_commit(struct hub *hub, const char *repo, const char *parent, const char *summary,
           const struct hub_upload *uploads, size_t count, char commit[SHA1_HEX], struct error *why)
{
    struct writing writing = { .hub = hub,
                               .repo = repo,
                               .uploads = uploads,
                               .count = count,
                               .why = why,
                               .lfs = mem_zero(count, sizeof(bool)),
                               .sha256 = mem_zero(count, SHA256_HEX) };

    snprintf(writing.what, sizeof writing.what, "writing to dataset %s", repo);
    enum hub_result result = preupload(&writing);
    if (result == HUB_OK)
        result = upload_lfs(&writing);
    if (result == HUB_OK)
        result = commit_send(&writing, parent, summary, commit);
    free(writing.lfs);
    free(writing.sha256);
    return result;
}
