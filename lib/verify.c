#include "verify.h"

#include "json.h"
#include "lines.h"
#include "pull_private.h"
#include "submission.h"
#include "vote.h"

#include <inttypes.h>
#include <string.h>

enum { ROW_MAX = 1 << 24 };

static int
file_compare(const void *left, const void *right)
{
    return strcmp(((const struct hub_file *)left)->path, ((const struct hub_file *)right)->path);
}

/* Walks both lists in the order of their paths. */
static long
verify_requests(const struct pull *pull, struct hub_tree *tree, FILE *out, struct error *why)
{
    sqlite3_stmt *row = db_query(pull->db, SQL_REQUEST_KNOWN, DB_NULL);
    bool cached = db_next(pull->db, row, why);
    long differences = 0;
    size_t i = 0;

    qsort(tree->files, tree->count, sizeof *tree->files, file_compare);
    while (why->text[0] == '\0' && (cached || i < tree->count)) {
        if (i < tree->count && !submission_path(tree->files[i].path)) {
            i++;
            continue;
        }
        int order = !cached            ? 1
                    : i == tree->count ? -1
                                       : strcmp(db_column_text(row, 0), tree->files[i].path);
        if (order < 0) {
            fprintf(out, "requests: %s is in the cache alone\n", db_column_text(row, 0));
            differences++;
        } else if (order > 0) {
            fprintf(out, "requests: %s is on the Hub alone\n", tree->files[i].path);
            differences++;
        } else if (strcmp(db_column_text(row, 1), tree->files[i].oid) != 0) {
            fprintf(out, "requests: %s differs: %s in the cache, %s on the Hub\n",
                    tree->files[i].path, db_column_text(row, 1), tree->files[i].oid);
            differences++;
        }
        i += order >= 0;
        if (order <= 0)
            cached = db_next(pull->db, row, why);
    }
    return why->text[0] == '\0' ? differences : -1;
}

enum cached { CACHED, NOT_CACHED, UNREADABLE };

/* Whether the cache has the row. Where it cannot be read, `failure` says why, to the end. */
static enum cached
verify_row(const struct pull *pull, sqlite3_stmt *row, struct error *failure)
{
    struct error why;

    if (db_next(pull->db, row, &why))
        return CACHED;
    if (why.text[0] == '\0')
        return NOT_CACHED;
    *failure = why;
    return UNREADABLE;
}

/* The differences, or -1 with `why` where there was a failure. */
static long
verify_end(long differences, const struct error *failure, struct error *why)
{
    if (failure->text[0] == '\0')
        return differences;
    *why = *failure;
    return -1;
}

/* A line of the votes file against the cache; *found counts the votes that it has so. */
static long
verify_line(const struct pull *pull, const struct lines *line, FILE *out, int64_t *found,
            struct error *failure)
{
    struct arena arena;
    struct vote vote;
    long differences = 0;

    arena_init(&arena, 0);
    if (line->length != 0 && vote_parse(&vote, line->text, line->length, &arena, NULL)) {
        sqlite3_stmt *row = db_query(pull->db, SQL_VERIFY_VOTE, DB_TEXT(vote.model),
                                     DB_TEXT(vote.revision), DB_TEXT(vote.username));
        enum cached cached = verify_row(pull, row, failure);
        if (cached == NOT_CACHED) {
            fprintf(out, "votes: %s on %s at %s is on the Hub alone\n", vote.username, vote.model,
                    vote.revision);
            differences = 1;
        } else if (cached == CACHED && strcmp(db_column_text(row, 0), vote.vote_type) == 0 &&
                   strcmp(db_column_text(row, 1), vote.timestamp) == 0) {
            ++*found;
        }
        db_done(row);
    }
    arena_free(&arena);
    return differences;
}

static long
verify_votes(const struct pull *pull, const struct hub_tree *tree, const char *sha, FILE *out,
             struct error *why)
{
    const struct hub_file *file = hub_tree_find(tree, VOTE_FILE);
    enum lines_result result;
    struct spool content;
    struct lines lines;
    struct error failure = { "" };
    int64_t found = 0, cached = db_number(db_query(pull->db, SQL_VOTE_COUNT, DB_NULL), 0);
    long differences = 0;

    if (hub_download_spool(pull->hub, pull->config->votes_repo, sha, file, &content, why) != HUB_OK)
        return -1;
    lines_of_spool(&lines, &content);
    while ((result = lines_next(&lines, why)) == LINES_ONE || result == LINES_LONG)
        if (result == LINES_ONE)
            differences += verify_line(pull, &lines, out, &found, &failure);
    spool_close(&content);
    if (result == LINES_FAILED)
        return -1;
    if (cached > found) {
        fprintf(out,
                "votes: %" PRId64 " are in the cache as the Hub's that the Hub does not have so\n",
                cached - found);
        differences += (long)(cached - found);
    }
    return verify_end(differences, &failure, why);
}

static long
verify_contents(const struct pull *pull, const struct table *table, FILE *out, struct error *why)
{
    struct error failure = { "" };
    int64_t cached = db_number(db_query(pull->db, SQL_MODEL_COUNT, DB_NULL), 0);
    long differences = 0;
    struct buf raw;

    buf_init(&raw, ROW_MAX);
    for (size_t i = 0; i < table->rows; i++) {
        sqlite3_stmt *row = db_query(pull->db, SQL_VERIFY_ENTRY, DB_INTEGER(i));
        buf_reset(&raw);
        table_put_row(&raw, table, i);
        enum cached found = verify_row(pull, row, &failure);
        if (found == NOT_CACHED ||
            (found == CACHED && strcmp(db_column_text(row, 0), buf_string(&raw)) != 0)) {
            fprintf(out, "contents: row %zu is another one in the cache\n", i);
            differences++;
        }
        db_done(row);
    }
    buf_free(&raw);
    if (cached > (int64_t)table->rows) {
        fprintf(out, "contents: the cache has %" PRId64 " rows, the Hub %zu\n", cached,
                table->rows);
        differences++;
    }
    return verify_end(differences, &failure, why);
}

static long
verify_providers(const struct pull *pull, const struct table *table, FILE *out, struct error *why)
{
    json_t *names = pull_curated_set(table, pull->config->providers_repo, why), *name;
    struct error failure = { "" };
    long differences = 0;
    size_t index;

    if (names == NULL)
        return -1;
    json_array_foreach(names, index, name)
    {
        sqlite3_stmt *row =
            db_query(pull->db, SQL_VERIFY_PROVIDER, DB_TEXT(json_string_value(name)));
        if (json_is_string(name) && verify_row(pull, row, &failure) == NOT_CACHED) {
            fprintf(out, "official-providers: %s is on the Hub alone\n", json_string_value(name));
            differences++;
        }
        db_done(row);
    }
    json_decref(names);
    return verify_end(differences, &failure, why);
}

long
verify_dataset(const struct pull *pull, enum dataset dataset, FILE *out, struct error *why)
{
    const char *repo = dataset_repo(pull->config, dataset);
    char sha[SHA1_HEX];
    struct hub_tree tree;
    struct table table;
    long differences = -1;

    why->text[0] = '\0';
    if (hub_revision(pull->hub, repo, sha, why) != HUB_OK)
        return -1;
    if (dataset == DATASET_CONTENTS || dataset == DATASET_PROVIDERS) {
        if (!pull_table(pull, repo, sha, &table, NULL, why))
            return -1;
        differences = dataset == DATASET_CONTENTS ? verify_contents(pull, &table, out, why)
                                                  : verify_providers(pull, &table, out, why);
        table_free(&table);
    } else if (hub_list(pull->hub, repo, sha, &tree, why) == HUB_OK) {
        why->text[0] = '\0';
        differences = dataset == DATASET_REQUESTS ? verify_requests(pull, &tree, out, why)
                                                  : verify_votes(pull, &tree, sha, out, why);
        hub_tree_free(&tree);
    }
    return differences;
}
