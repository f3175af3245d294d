/* served: a Hub that has what a fuzzer gives it, in the place of lib/transfer.
 *
 * Everything above the exchange itself is the real client: addresses, listings, hashes, judgement.
 */
#ifndef SERVED_H
#define SERVED_H

#include "fuzz.h"

#include "hub_private.h"
#include "json.h"
#include "pull.h"

enum { SERVED_FILES = 64 };

/* A file, in whatever repo. */
struct served {
    const char *path;
    const void *bytes;
    size_t length;
};

#define SERVED_SHA "1111111111111111111111111111111111111111"

static struct served served[SERVED_FILES];
static size_t served_count;
static struct served served_model; /* what is known of any model; without bytes there is none */

/* Where that is so, answers are taken from a script, one after the other, with ==== between them: a
 * line with the status and, after a space, where the next page is; the rest is the body. */
static bool served_by_script;
static const char *served_script; /* NULL: there is no more */
static size_t served_script_left;

static inline void
served_add(const char *path, const void *bytes, size_t length)
{
    if (served_count < SERVED_FILES)
        served[served_count++] = (struct served){ path, bytes, length };
}

static long
served_list(struct buf *out)
{
    for (size_t i = 0; i < served_count; i++) {
        char oid[SHA1_HEX];
        digest_git("blob", served[i].bytes, served[i].length, oid);
        buf_text(out, i == 0 ? "[{" : ",{");
        json_put_text_member(out, "type", "file");
        json_put_text_member(out, "path", served[i].path);
        json_put_text_member(out, "oid", oid);
        json_put_integer_member(out, "size", (int64_t)served[i].length);
        buf_byte(out, '}');
    }
    buf_text(out, served_count == 0 ? "[]" : "]");
    return 200;
}

static long
served_file(const char *address, const char *range, struct buf *out)
{
    struct buf path;
    long status = 404;

    buf_init(&path, 1 << 20);
    for (size_t i = 0; i < served_count && status == 404; i++) {
        const char *segment = served[i].path;
        size_t start = 0, end = served[i].length, length = end;
        buf_reset(&path);
        for (size_t size = strcspn(segment, "/"); *segment != '\0';
             segment += size + (segment[size] == '/'), size = strcspn(segment, "/")) {
            buf_byte(&path, '/');
            buf_percent(&path, segment, size);
        }
        if (strcmp(buf_string(&path), address) != 0)
            continue;
        if (range != NULL && sscanf(range, "%zu-%zu", &start, &end) == 2)
            end = end < length ? end + 1 : length;
        status = start > end ? 416 : range != NULL ? 206 : 200;
        if (status != 416)
            buf_put(out, (const char *)served[i].bytes + start, end - start);
    }
    buf_free(&path);
    return status;
}

static long
served_owner(const char *token, struct buf *out)
{
    if (token == NULL || strncmp(token, "hf_", 3) != 0 || token[3] == '\0' || strlen(token) > 40 ||
        strspn(token + 3, "abcdefghijklmnopqrstuvwxyz") != strlen(token + 3))
        return 401;
    buf_format(out, "{\"name\":\"%s\",\"type\":\"%s\"}", token + 3,
               strcmp(token, "hf_acme") == 0 ? "org" : "user");
    return 200;
}

static long
served_scripted(struct transfer *transfer, struct buf *out)
{
    const char *part, *end;
    char line[64];
    size_t size;

    if (!fuzz_part(&served_script, &served_script_left, &part, &size))
        return 503;
    end = memchr(part, '\n', size);
    snprintf(line, sizeof line, "%.*s", (int)(end == NULL ? size : (size_t)(end - part)), part);
    if (end != NULL)
        buf_put(out, end + 1, size - (size_t)(end + 1 - part));
    if (strchr(line, ' ') != NULL)
        transfer->link = mem_string(strchr(line, ' ') + 1);
    transfer->etag = mem_string("\"etag\"");
    return strtol(line, NULL, 10);
}

static long
served_answer(struct transfer *transfer, struct buf *out)
{
    if (served_by_script)
        return served_scripted(transfer, out);
    const char *path = strchr(transfer->url + strlen("http://"), '/'), *found;

    if (strcmp(path, "/api/whoami-v2") == 0)
        return served_owner(transfer->token, out);
    if (strncmp(path, "/api/models/", 12) == 0) {
        buf_put(out, served_model.bytes, served_model.length);
        return served_model.bytes == NULL ? 404 : 200;
    }
    if (strstr(path, "/tree/") != NULL)
        return served_list(out);
    if ((found = strstr(path, "/resolve/")) != NULL)
        return served_file(strchr(found + 9, '/'), transfer->range, out);
    buf_text(out, "{\"sha\":\"" SERVED_SHA "\"}");
    return strstr(path, "/revision/main") != NULL ? 200 : 404;
}

/* ---- what lib/transfer has ---- */

void
transfer_free(struct transfer *transfer)
{
    free(transfer->link);
    free(transfer->etag);
    transfer->link = transfer->etag = NULL;
}

enum hub_result
transfer_one(struct hub *hub, struct transfer *transfer)
{
    struct buf body;

    buf_init(&body, 1 << 30);
    for (size_t i = 0; transfer->extra != NULL && transfer->extra[i] != NULL; i++)
        promise(strpbrk(transfer->extra[i], "\r\n") == NULL, "a header has one line");
    transfer->hub = hub;
    transfer->retry_after = transfer->limit_reset = transfer->limit_left = -1;
    transfer->status = served_answer(transfer, &body);
    if (transfer_status_good(transfer->status) && transfer->spool != NULL)
        promise(body.length <= transfer->spool_max &&
                    spool_put(transfer->spool, buf_string(&body), body.length, &transfer->why),
                "a spool takes what is listed");
    else if (transfer_status_good(transfer->status) && transfer->out != NULL)
        buf_put(transfer->out, buf_string(&body), body.length);
    transfer->too_large = transfer->out != NULL && !buf_ok(transfer->out);
    transfer->message = body;
    transfer->result = transfer_judge(transfer, CURLE_OK, &transfer->why);
    transfer->message = (struct buf){ 0 };
    buf_free(&body);
    return transfer->result;
}

void
transfer_run(struct hub *hub, transfer_source *source, transfer_sink *sink, void *context,
             size_t parallel)
{
    struct transfer *transfer;

    (void)parallel;
    while ((transfer = source(context)) != NULL) {
        transfer_one(hub, transfer);
        if (!sink(context, transfer))
            break;
    }
}

/* A pull from it, into a new database; both are the caller's. */
static inline void
served_pull(struct pull *pull)
{
    struct error why = { "" };

    promise(db_open(&pull->db, fuzz_path("cache.db"), SQL_DATABASE_CACHE, DB_WRITER, &why) == DB_OK,
            why.text);
    promise((pull->hub = hub_open(pull->config, &why)) != NULL, why.text);
}

#endif
