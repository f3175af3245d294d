#include "hub.h"

#include "hub_private.h"
#include "timestamp.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    JSON_VALUES_MAX = 200000,
    TREE_PAGE_MAX = 64 << 20,
    TREE_PAGES_MAX = 1000,
    TREE_FILES_MAX = 1000000,
    TREE_PATHS_MAX = 128 << 20, /* bytes */
    PARALLEL = 8
};

static void *
curl_resize(void *memory, size_t size)
{
    return mem_resize(memory, size, 1);
}

struct hub *
hub_open(const struct config *config, struct error *why)
{
    /* Without memory an answer would look like one that did not come, or came without a header:
     * libcurl has memory, or the program ends. */
    if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, mem_alloc, free, curl_resize, mem_string,
                             mem_zero) != CURLE_OK) {
        error_set(why, "libcurl cannot start");
        return NULL;
    }
    struct hub *hub = mem_zero(1, sizeof *hub);
    hub->config = config;
    hub->multi = curl_multi_init();
    if (hub->multi != NULL)
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
    while (hub->idles > 0)
        curl_easy_cleanup(hub->idle[--hub->idles]);
    curl_multi_cleanup(hub->multi);
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

const struct hub_file *
hub_tree_find(const struct hub_tree *tree, const char *path)
{
    for (size_t i = 0; i < tree->count; i++)
        if (strcmp(tree->files[i].path, path) == 0)
            return &tree->files[i];
    return NULL;
}

enum hub_result
hub_get_json(struct hub *hub, struct transfer *transfer, size_t max, bool lenient, json_t **value,
             char **link, struct error *why)
{
    struct buf body;

    buf_init(&body, max);
    transfer->out = &body;
    enum hub_result result = transfer_one(hub, transfer);
    if (result == HUB_OK) {
        const char *text = buf_string(&body);
        if (json_values(text, body.length) > JSON_VALUES_MAX)
            error_set(&transfer->why, "more than %d values", JSON_VALUES_MAX);
        else
            *value = (lenient ? json_read_lenient : json_read)(text, body.length, &transfer->why);
        if (*value == NULL) {
            error_prefix(&transfer->why, "%s: the answer of %s", transfer->what,
                         hub->config->hf_endpoint);
            result = HUB_BROKEN;
        }
    }
    if (result != HUB_OK && why != NULL)
        *why = transfer->why;
    if (link != NULL) {
        *link = transfer->link;
        transfer->link = NULL;
    }
    transfer_free(transfer);
    transfer->out = NULL;
    buf_free(&body);
    return result;
}

void
hub_deadline(struct hub *hub, long ms)
{
    hub->deadline_ms = ms == 0 ? 0 : monotonic_ms() + ms;
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
    struct transfer transfer = { .url = buf_string(&url), .what = buf_string(&what) };
    enum hub_result result = hub_get_json(hub, &transfer, TREE_PAGE_MAX, false, &info, NULL, why);
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

/* What a file list takes so far. */
struct tree_room {
    size_t capacity, path_bytes;
};

static bool
tree_add(struct hub_tree *tree, struct tree_room *room, const json_t *entry, struct error *why)
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
    room->path_bytes += strlen(path);
    if (tree->count == TREE_FILES_MAX || room->path_bytes > TREE_PATHS_MAX) {
        error_set(why, "more than %d files, or %d MiB of their paths", TREE_FILES_MAX,
                  TREE_PATHS_MAX >> 20);
        return false;
    }
    file.size = (uint64_t)json_integer_value(size);
    file.path = arena_copy(&tree->arena, path, strlen(path));
    if (tree->count == room->capacity) {
        size_t larger = room->capacity == 0 ? 256 : room->capacity * 2;
        struct hub_file *files = arena_zero(&tree->arena, larger, sizeof *files);
        if (tree->count != 0)
            memcpy(files, tree->files, tree->count * sizeof *files);
        tree->files = files;
        room->capacity = larger;
    }
    tree->files[tree->count++] = file;
    return true;
}

enum hub_result
hub_list(struct hub *hub, const char *repo, const char *sha, struct hub_tree *tree,
         struct error *why)
{
    struct buf url, what;
    struct tree_room room = { 0 };
    size_t index;
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
        struct transfer transfer = { .url = link == NULL ? buf_string(&url) : link,
                                     .what = buf_string(&what) };
        result = hub_get_json(hub, &transfer, TREE_PAGE_MAX, false, &entries, &next, why);
        free(link);
        link = next;
        if (result == HUB_OK && !json_is_array(entries)) {
            error_set(why, "%s: %s did not answer with a list", buf_string(&what),
                      hub->config->hf_endpoint);
            result = HUB_BROKEN;
        }
        json_array_foreach(entries, index, entry)
        {
            if (result == HUB_OK && !tree_add(tree, &room, entry, why)) {
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

void
hub_file_url(struct buf *url, const struct hub *hub, const char *kind, const char *repo,
             const char *sha, const char *path)
{
    buf_format(url, "%s/%s%s/resolve/%s", hub->config->hf_endpoint, kind, repo, sha);
    for (const char *segment = path; *segment != '\0';) {
        size_t length = strcspn(segment, "/");
        buf_byte(url, '/');
        buf_percent(url, segment, length);
        segment += length + (segment[length] == '/');
    }
}

/* ---- downloads ---- */

static void
download_names(struct buf *url, struct buf *what, const struct hub *hub, const char *repo,
               const char *sha, const struct hub_file *file)
{
    hub_file_url(url, hub, "datasets/", repo, sha, file->path);
    buf_format(what, "%s of dataset %s", file->path, repo);
}

/* Checks what came, by its length and its hash, against what the Hub lists. */
static void
download_verify(struct transfer *transfer, const struct hub_file *file, uint64_t length,
                const char *hex)
{
    if (length == file->size &&
        strcmp(hex, file->sha256[0] != '\0' ? file->sha256 : file->oid) == 0)
        return;
    error_set(&transfer->why,
              "%s: what %s sent (%ju bytes) is not the file that it lists (%ju bytes, by its "
              "hash): run again",
              transfer->what, transfer->hub->config->hf_endpoint, (uintmax_t)length,
              (uintmax_t)file->size);
    transfer->result = HUB_BROKEN;
}

/* One of several downloads under way. */
struct download {
    struct transfer transfer;
    const struct hub_file *file;
    struct buf url, what, content;
    struct download *next;
};

struct downloads {
    struct hub *hub;
    const char *repo, *sha;
    const struct hub_file *const *files;
    size_t count, started;
    hub_sink *sink;
    void *context;
    struct download *free;
};

static struct transfer *
downloads_source(void *context)
{
    struct downloads *downloads = context;

    if (downloads->started == downloads->count)
        return NULL;
    struct download *download = downloads->free;
    downloads->free = download->next;
    download->file = downloads->files[downloads->started++];
    buf_reset(&download->url);
    buf_reset(&download->what);
    buf_reset(&download->content);
    download_names(&download->url, &download->what, downloads->hub, downloads->repo, downloads->sha,
                   download->file);
    download->transfer = (struct transfer){ .url = buf_string(&download->url),
                                            .what = buf_string(&download->what),
                                            .out = &download->content,
                                            .resumable = true,
                                            .context = download };
    return &download->transfer;
}

static bool
downloads_sink(void *context, struct transfer *transfer)
{
    struct downloads *downloads = context;
    struct download *download = transfer->context;
    const struct hub_file *file = download->file;
    const struct buf *content = &download->content;
    char hex[SHA256_HEX];

    if (transfer->result == HUB_OK) {
        if (file->sha256[0] != '\0')
            digest_sha256(buf_string(content), content->length, hex);
        else
            digest_git("blob", buf_string(content), content->length, hex);
        download_verify(transfer, file, content->length, hex);
    }
    bool more = downloads->sink(downloads->context, file, transfer->result, &download->content,
                                &transfer->why);
    transfer_free(transfer);
    download->next = downloads->free;
    downloads->free = download;
    return more;
}

void
hub_download_all(struct hub *hub, const char *repo, const char *sha,
                 const struct hub_file *const *files, size_t count, hub_sink *sink, void *context)
{
    size_t slots = count < PARALLEL ? count : PARALLEL;
    struct download *download = mem_zero(slots, sizeof *download);
    struct downloads downloads = { .hub = hub,
                                   .repo = repo,
                                   .sha = sha,
                                   .files = files,
                                   .count = count,
                                   .sink = sink,
                                   .context = context };

    for (size_t i = 0; i < slots; i++) {
        buf_init(&download[i].url, 8192);
        buf_init(&download[i].what, 4096);
        buf_init(&download[i].content, (size_t)hub->config->hub_max_mb << 20);
        download[i].next = downloads.free;
        downloads.free = &download[i];
    }
    transfer_run(hub, downloads_source, downloads_sink, &downloads, slots);
    for (size_t i = 0; i < slots; i++) {
        buf_free(&download[i].url);
        buf_free(&download[i].what);
        buf_free(&download[i].content);
    }
    free(download);
}

struct single {
    enum hub_result result;
    struct buf *out;
    struct error *why;
};

static bool
single_sink(void *context, const struct hub_file *file, enum hub_result result, struct buf *content,
            const struct error *why)
{
    struct single *single = context;

    (void)file;
    single->result = result;
    if (result != HUB_OK && single->why != NULL)
        *single->why = *why;
    /* The content changes hands: the caller's empty buffer goes back into its place. */
    struct buf taken = *content;
    *content = *single->out;
    *single->out = taken;
    return true;
}

enum hub_result
hub_download(struct hub *hub, const char *repo, const char *sha, const struct hub_file *file,
             struct buf *out, struct error *why)
{
    struct single single = { .result = HUB_UNAVAILABLE, .out = out, .why = why };

    hub_download_all(hub, repo, sha, &file, 1, single_sink, &single);
    return single.result;
}

enum hub_result
hub_download_spool(struct hub *hub, const char *repo, const char *sha, const struct hub_file *file,
                   struct spool *out, struct error *why)
{
    char hex[SHA256_HEX];
    struct buf url, what;

    if (!spool_open(out, hub->config->state_dir, why))
        return HUB_DISK;
    if (file == NULL)
        return HUB_OK;
    buf_init(&url, 8192);
    buf_init(&what, 4096);
    download_names(&url, &what, hub, repo, sha, file);
    struct transfer transfer = { .url = buf_string(&url),
                                 .what = buf_string(&what),
                                 .spool = out,
                                 .spool_max = file->size,
                                 .resumable = true };
    if (transfer_one(hub, &transfer) == HUB_OK) {
        if (file->sha256[0] != '\0' ? spool_sha256(out, hex, &transfer.why)
                                    : spool_git(out, hex, &transfer.why))
            download_verify(&transfer, file, out->length, hex);
        else
            transfer.result = HUB_DISK;
    }
    enum hub_result result = transfer.result;
    if (result != HUB_OK) {
        spool_close(out);
        if (why != NULL)
            *why = transfer.why;
    }
    transfer_free(&transfer);
    buf_free(&url);
    buf_free(&what);
    return result;
}
