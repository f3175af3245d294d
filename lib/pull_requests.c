#include "pull_private.h"

#include "submission.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    FILE_BYTES_MAX = 256 * 1024, /* a request file has less than one */
    STAGE_FILES = 200,           /* downloads that go into one transaction */
    STAGE_BYTES = 16 << 20,
};

/* A path and the blob that is known of it. */
struct known {
    const char *path;
    char oid[SHA1_HEX];
};

struct known_list {
    struct known *items; /* sorted by path */
    size_t count;
    struct arena arena;
};

/* What one pull does. */
struct work {
    const struct pull *pull;
    const char *repo;
    const struct hub_tree *tree;
    struct known_list known;
    const struct hub_file **wanted; /* new or changed request files */
    size_t wanted_count;
    const struct hub_file **missing; /* those of them that are not staged yet */
    size_t missing_count, taken, failed;
    struct error failure; /* the first */
    struct {
        const struct hub_file *file;
        const char *content;
        size_t length;
    } batch[STAGE_FILES];
    size_t batched;
    struct arena batch_arena;
};

static int
known_compare(const void *left, const void *right)
{
    return strcmp(((const struct known *)left)->path, ((const struct known *)right)->path);
}

static const struct known *
known_find(const struct known_list *list, const char *path)
{
    const struct known key = { .path = path };

    return list->count == 0
               ? NULL
               : bsearch(&key, list->items, list->count, sizeof *list->items, known_compare);
}

static bool
known_load(struct db *db, struct known_list *list, struct error *why)
{
    sqlite3_stmt *row = db_query(db, SQL_REQUEST_KNOWN, DB_NULL);
    struct error failure;
    size_t capacity = 0;

    while (db_next(db, row, &failure)) {
        if (list->count == capacity) {
            capacity = capacity == 0 ? 1024 : capacity * 2;
            list->items = mem_resize(list->items, capacity, sizeof *list->items);
        }
        const char *path = db_column_text(row, 0);
        struct known *item = &list->items[list->count++];
        item->path = arena_copy(&list->arena, path, strlen(path));
        snprintf(item->oid, sizeof item->oid, "%s", db_column_text(row, 1));
    }
    if (failure.text[0] != '\0')
        *why = failure;
    return failure.text[0] == '\0';
}

/* Whether a file's content is staged already; with `content`, appends it. */
static bool
staged(struct db *db, const struct hub_file *file, struct buf *content)
{
    sqlite3_stmt *row = db_query(db, SQL_REQUEST_STAGED, DB_TEXT(file->path), DB_TEXT(file->oid));
    bool found = db_next(db, row, NULL);

    if (found && content != NULL)
        buf_put(content, sqlite3_column_blob(row, 0), (size_t)sqlite3_column_bytes(row, 0));
    db_done(row);
    return found;
}

/* Chooses what is new or changed, and what of that is still to be downloaded. */
static void
choose(struct work *work)
{
    const struct hub_tree *tree = work->tree;

    work->wanted = mem_zero(tree->count, sizeof *work->wanted);
    work->missing = mem_zero(tree->count, sizeof *work->missing);
    for (size_t i = 0; i < tree->count; i++) {
        const struct hub_file *file = &tree->files[i];
        const struct known *known = known_find(&work->known, file->path);
        if (!submission_path(file->path) || (known != NULL && strcmp(known->oid, file->oid) == 0))
            continue;
        work->wanted[work->wanted_count++] = file;
        if (file->size <= FILE_BYTES_MAX && !staged(work->pull->db, file, NULL))
            work->missing[work->missing_count++] = file;
    }
}

/* Writes the downloads so far, so that a pull that is killed need not take them again. */
static bool
stage(struct work *work, struct error *why)
{
    struct db *db = work->pull->db;
    bool good = work->batched == 0 || db_begin(db, why) == DB_OK;

    if (good && work->batched != 0) {
        for (size_t i = 0; good && i < work->batched; i++)
            good = db_run(db, SQL_REQUEST_STAGE, why, DB_TEXT(work->batch[i].file->path),
                          DB_TEXT(work->batch[i].file->oid),
                          DB_BLOB(work->batch[i].content, work->batch[i].length));
        if (good)
            good = db_commit(db, why) == DB_OK;
        else
            db_rollback(db);
    }
    work->batched = 0;
    arena_free(&work->batch_arena);
    return good;
}

static bool
on_file(void *context, const struct hub_file *file, enum hub_result result, struct buf *content,
        const struct error *why)
{
    struct work *work = context;
    struct error failure;

    if (result != HUB_OK) {
        if (work->failed++ == 0)
            work->failure = *why;
        /* A Hub that is gone or limits us is not asked for the rest. */
        return result != HUB_UNAVAILABLE && result != HUB_LIMITED && result != HUB_DENIED;
    }
    work->batch[work->batched].file = file;
    work->batch[work->batched].content =
        arena_copy(&work->batch_arena, buf_string(content), content->length);
    work->batch[work->batched++].length = content->length;
    work->taken++;
    if (work->pull->progress != NULL)
        work->pull->progress(work->pull->progress_context, work->taken, work->missing_count);
    if (work->batched < STAGE_FILES && work->batch_arena.used < STAGE_BYTES)
        return true;
    if (stage(work, &failure))
        return true;
    if (work->failed++ == 0)
        work->failure = failure;
    return false;
}

/* ---- from files to rows ---- */

/* Records the state that a request is in, when it is another one than before. */
static bool
state_record(struct db *db, const char *path, const char *status, struct error *why)
{
    sqlite3_stmt *row = db_query(db, SQL_REQUEST_STATUS, DB_TEXT(path));
    bool same = db_next(db, row, NULL) && strcmp(db_column_text(row, 0), status) == 0;

    db_done(row);
    return same || db_run(db, SQL_REQUEST_STATE, why, DB_TEXT(path), DB_INTEGER(time(NULL)),
                          DB_TEXT(status));
}

/* Leaves a file out that is no valid request, and says so. */
static bool
skip(struct work *work, const struct hub_file *file, const char *reason, struct error *why)
{
    struct db *db = work->pull->db;

    log_event(&work->pull->config->log, LEVEL_WARNING, LOG_SYNC,
              "skipped a file that is no request", LOG_TEXT("path", file->path),
              LOG_TEXT("reason", reason));
    return db_run(db, SQL_REQUEST_SKIP, why, DB_TEXT(file->path), DB_TEXT(file->oid),
                  DB_TEXT(reason)) &&
           db_run(db, SQL_REQUEST_DELETE, why, DB_TEXT(file->path));
}

static bool
apply_file(struct work *work, const struct hub_file *file, struct buf *content, struct error *why)
{
    struct db *db = work->pull->db;
    struct submission submission;
    struct arena arena;
    struct error reason;

    if (file->size > FILE_BYTES_MAX) {
        error_set(&reason, "it has %ju bytes, a request file at most %d", (uintmax_t)file->size,
                  FILE_BYTES_MAX);
        return skip(work, file, reason.text, why);
    }
    buf_reset(content);
    if (!staged(db, file, content)) {
        error_set(why, "%s is not staged", file->path);
        return false;
    }
    arena_init(&arena, 0);
    bool good;
    if (!submission_parse(&submission, buf_string(content), content->length, &arena, &reason))
        good = skip(work, file, reason.text, why);
    else
        good = state_record(db, file->path, submission.status, why) &&
               db_run(db, SQL_REQUEST_UNSKIP, why, DB_TEXT(file->path)) &&
               submission_put(db, file->path, file->oid, &submission, content->data,
                              content->length, why);
    arena_free(&arena);
    return good;
}

static int
path_compare(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* Takes away what the Hub has no more. */
static bool
apply_deletions(struct work *work, size_t *deleted, struct error *why)
{
    struct db *db = work->pull->db;
    const char **paths = mem_zero(work->tree->count, sizeof *paths);
    bool good = true;

    for (size_t i = 0; i < work->tree->count; i++)
        paths[i] = work->tree->files[i].path;
    qsort(paths, work->tree->count, sizeof *paths, path_compare);
    for (size_t i = 0; good && i < work->known.count; i++) {
        const char *path = work->known.items[i].path;
        if (bsearch(&path, paths, work->tree->count, sizeof *paths, path_compare) != NULL)
            continue;
        /* A submission that waits to be written there stays: it only replaces nothing now. */
        good = db_run(db, SQL_REQUEST_ORPHAN, why, DB_TEXT(path));
        if (!good || sqlite3_changes(db->handle) != 0)
            continue;
        good = state_record(db, path, "", why) &&
               db_run(db, SQL_REQUEST_DELETE, why, DB_TEXT(path)) &&
               db_run(db, SQL_REQUEST_UNSKIP, why, DB_TEXT(path));
        ++*deleted;
    }
    free(paths);
    return good;
}

/* Turns what is staged into rows, in one transaction. */
static bool
apply(struct work *work, const char *sha, struct error *why)
{
    struct db *db = work->pull->db;
    struct buf content;
    size_t deleted = 0;

    if (db_begin(db, why) != DB_OK)
        return false;
    buf_init(&content, FILE_BYTES_MAX);
    bool good = true;
    for (size_t i = 0; good && i < work->wanted_count; i++)
        good = apply_file(work, work->wanted[i], &content, why);
    good = good && apply_deletions(work, &deleted, why) &&
           db_run(db, SQL_REQUEST_STATES_TRIM, why,
                  DB_INTEGER(time(NULL) - work->pull->config->history_days * 86400)) &&
           db_run(db, SQL_REQUEST_UNSTAGE, why, DB_NULL);
    buf_free(&content);
    size_t rows = (size_t)db_number(db_query(db, SQL_REQUEST_COUNT, DB_NULL), 0),
           skipped = (size_t)db_number(db_query(db, SQL_REQUEST_SKIPPED, DB_NULL), 0);
    good = pull_finish(work->pull, DATASET_REQUESTS, sha, "", rows, good, why);
    if (good)
        log_event(&work->pull->config->log, LEVEL_INFO, LOG_SYNC, "requests",
                  LOG_INTEGER("files", rows), LOG_INTEGER("changed", work->wanted_count),
                  LOG_INTEGER("downloaded", work->taken), LOG_INTEGER("deleted", deleted),
                  LOG_INTEGER("skipped", skipped));
    return good;
}

/* A listing without any request file, where there were some, is more likely a mishap than a wish.
 */
static bool
listing_plausible(const struct work *work, struct error *why)
{
    size_t files = 0;

    for (size_t i = 0; i < work->tree->count; i++)
        files += submission_path(work->tree->files[i].path);
    if (files != 0 || work->known.count == 0 || work->pull->accept_loss)
        return true;
    error_set(why,
              "dataset %s lists no request file where there were %zu: what was there stays; if "
              "that is meant, run fetcher pull requests --accept-loss",
              work->repo, work->known.count);
    return false;
}

bool
pull_requests(const struct pull *pull, const char *sha, struct error *why)
{
    struct work *work = mem_zero(1, sizeof *work);
    struct hub_tree tree;

    work->pull = pull;
    work->repo = pull->config->requests_repo;
    work->tree = &tree;
    if (hub_list(pull->hub, work->repo, sha, &tree, why) != HUB_OK) {
        free(work);
        return false;
    }
    arena_init(&work->known.arena, 0);
    arena_init(&work->batch_arena, 0);
    bool good = known_load(pull->db, &work->known, why) && listing_plausible(work, why);
    if (good) {
        choose(work);
        log_event(&pull->config->log, LEVEL_DEBUG, LOG_SYNC, "listed",
                  LOG_TEXT("dataset", work->repo), LOG_INTEGER("files", tree.count),
                  LOG_INTEGER("changed", work->wanted_count),
                  LOG_INTEGER("to_download", work->missing_count));
        hub_download_all(pull->hub, work->repo, sha, work->missing, work->missing_count, on_file,
                         work);
        good = stage(work, why);
        if (work->failed != 0) {
            *why = work->failure;
            error_prefix(why, "%zu of %zu files taken, which are kept for the next pull",
                         work->taken, work->missing_count);
            good = false;
        }
        good = good && apply(work, sha, why);
    }
    hub_tree_free(&tree);
    arena_free(&work->known.arena);
    arena_free(&work->batch_arena);
    free(work->known.items);
    free(work->wanted);
    free(work->missing);
    free(work);
    return good;
}
