#include "pull_private.h"

#include "board.h"
#include "history.h"
#include "json.h"
#include "snapshot.h"

#include <limits.h>
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { FORGET_ROWS = 4096 };
static const size_t board_bytes_max = (size_t)1 << 32;

/* ---- official providers ---- */

/* The dataset's first row holds the list in CURATED_SET. */
json_t *
pull_curated_set(const struct table *table, const char *repo, struct error *why)
{
    int column = table_find(table, "CURATED_SET");
    const struct cell *cell = column < 0 ? NULL : &table->column[column].cells[0];
    json_t *names =
        cell == NULL || cell->kind != CELL_JSON ? NULL : json_read(cell->text, cell->length, why);

    if (json_array_size(names) != 0)
        return names;
    json_decref(names);
    error_set(why, "dataset %s: the first row has no list CURATED_SET of providers", repo);
    return NULL;
}

static bool
providers_replace(const struct pull *pull, const json_t *names, size_t *rows, struct error *why)
{
    size_t index;
    json_t *name;

    if (!db_run(pull->db, SQL_PROVIDER_CLEAR, why, DB_NULL))
        return false;
    json_array_foreach(names, index, name)
    {
        if (!json_is_string(name)) {
            log_event(&pull->config->log, LEVEL_WARNING, LOG_SYNC,
                      "skipped a provider that is no text", LOG_INTEGER("index", index));
            continue;
        }
        if (!db_run(pull->db, SQL_PROVIDER_INSERT, why, DB_TEXT(json_string_value(name))))
            return false;
        ++*rows;
    }
    return true;
}

bool
pull_providers(const struct pull *pull, const char *sha, struct error *why)
{
    const char *repo = pull->config->providers_repo;
    struct table table;
    size_t rows = 0;

    if (!pull_table(pull, repo, sha, &table, NULL, why))
        return false;
    json_t *names = pull_curated_set(&table, repo, why);
    bool good = names != NULL && db_begin(pull->db, why) == DB_OK;
    if (good) {
        good = providers_replace(pull, names, &rows, why);
        good = pull_finish(pull, DATASET_PROVIDERS, sha, "", rows, good, why);
    }
    json_decref(names);
    table_free(&table);
    return good;
}

/* ---- contents ---- */

/* A schema that lost columns which the leaderboard uses is more likely an accident than a wish. */
static bool
columns_kept(const struct pull *pull, const struct view *view, struct error *why)
{
    const char *absent[(LEADERBOARD_FIELDS * 3 + LEADERBOARD_BENCHMARKS * 2) * LEADERBOARD_COLUMNS];
    size_t count = view_absent(view, absent, sizeof absent / sizeof absent[0]);
    struct error failure;
    const char *lost = NULL;

    if (count == 0)
        return true;
    sqlite3_stmt *row = db_query(pull->db, SQL_MODEL_RAW_FIRST, DB_NULL);
    if (db_next(pull->db, row, &failure)) {
        const char *raw = db_column_text(row, 0);
        json_t *before = json_read(raw, strlen(raw), NULL);
        for (size_t i = 0; i < count && lost == NULL; i++)
            if (json_object_get(before, absent[i]) != NULL)
                lost = absent[i];
        json_decref(before);
        db_done(row);
    }
    if (lost != NULL && !pull->accept_loss) {
        error_set(why,
                  "dataset %s lost its column \"%s\": what was there stays; if that is meant, run "
                  "fetcher pull contents --accept-loss",
                  pull->config->contents_repo, lost);
        return false;
    }
    for (size_t i = 0; i < count; i++)
        log_event(&pull->config->log, LEVEL_WARNING, LOG_SYNC, "the dataset lacks a column",
                  LOG_TEXT("dataset", pull->config->contents_repo), LOG_TEXT("column", absent[i]));
    return true;
}

/* What a pull spends its time on. */
enum stage {
    STAGE_READ,   /* receiving and parsing */
    STAGE_RENDER, /* the rows, into the bodies as they are */
    STAGE_BOARD,  /* its columns */
    STAGE_BR,     /* the bodies in each coding */
    STAGE_ZSTD,
    STAGE_GZIP,
    STAGE_SQL,     /* the entries */
    STAGE_HISTORY, /* what changed */
    STAGE_COMMIT,
    STAGES
};

/* A pull of the contents on its way. */
struct publication {
    const struct pull *pull;
    const char *sha, *fingerprint;
    struct snapshots before, now; /* what is published, and what is about to be */
    struct snapshot_draft draft[BODY_COUNT][PROFILE_COUNT];
    bool drafted[BODY_COUNT][PROFILE_COUNT];
    struct history_row *row; /* one an entry */
    struct arena arena;      /* their keys */
    enum stage stage;
    int64_t since, us[STAGES];
};

/* Counts what was spent since the last call to the stage that ends, in the processor's time. */
static void
stage_begin(struct publication *to, enum stage stage)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    int64_t us = now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
    to->us[to->stage] += us - to->since;
    to->since = us;
    to->stage = stage;
}

/* ---- the files ---- */

static void
take_part(void *context, enum body body, enum profile profile, const char *text, size_t length)
{
    struct publication *to = context;

    snapshot_put(&to->draft[body][profile], text, length);
}

static const char *
take_end(void *context, enum body body, enum profile profile, struct error *why)
{
    struct publication *to = context;

    to->drafted[body][profile] = false;
    if (!snapshot_end(&to->draft[body][profile], &to->now, to->pull->config->state_dir, body,
                      profile, why))
        return NULL;
    stage_begin(to, STAGE_BOARD);
    return to->now.variant[body][profile][ENCODING_IDENTITY].file;
}

/* Renders the rows, which are needed no more then, into the bodies' files and the board's. */
static bool
write_board(struct publication *to, const struct view *view, const struct table *table,
            const struct providers *providers, struct error *why)
{
    const struct board_shelf shelf = { to, take_part, take_end };
    const char *state_dir = to->pull->config->state_dir;
    struct buf block;
    bool good = true;

    buf_init(&block, board_bytes_max);
    for (int body = 0; body < BODY_COUNT; body++)
        for (int profile = 0; good && profile < PROFILE_COUNT; profile++)
            good = to->drafted[body][profile] = snapshot_begin(
                &to->draft[body][profile], state_dir, (enum body)body, (enum profile)profile, why);
    good = good &&
           board_build_apart(&block, to->pull->leaderboard, view, table, providers, to->sha,
                             time(NULL), &shelf, why) &&
           snapshot_write_board(&to->now, state_dir, &block, why);
    for (int body = 0; body < BODY_COUNT; body++)
        for (int profile = 0; profile < PROFILE_COUNT; profile++)
            if (to->drafted[body][profile])
                snapshot_drop(&to->draft[body][profile]);
    buf_free(&block);
    return good;
}

static bool
write_encoded(struct publication *to, enum body body, enum profile profile, struct error *why)
{
    static const struct {
        enum encoding encoding;
        enum stage stage;
    } codings[] = { { ENCODING_BR, STAGE_BR },
                    { ENCODING_ZSTD, STAGE_ZSTD },
                    { ENCODING_GZIP, STAGE_GZIP } };
    const char *state_dir = to->pull->config->state_dir;

    if (snapshot_keep(&to->now, &to->before, state_dir, body, profile))
        return true;
    for (size_t i = 0; i < sizeof codings / sizeof codings[0]; i++) {
        stage_begin(to, codings[i].stage);
        if (!snapshot_encode(&to->now, state_dir, body, profile, codings[i].encoding, why))
            return false;
    }
    return true;
}

/* ---- the rows ---- */

static struct db_value
column_text(const struct board_column *column, size_t row)
{
    return DB_TEXT(column == NULL || column->kind != BOARD_TEXT ? "" : board_text(column, row));
}

static struct db_value
column_number(const struct board_column *column, size_t row)
{
    return column == NULL || column->kind != BOARD_NUMBER || isnan(column->numbers[row])
               ? DB_NULL
               : DB_REAL(column->numbers[row]);
}

/* Only rows that differ from what is there are written. */
static bool
put_rows(const struct publication *to, const struct board *board, struct error *why)
{
    static const char *const keys[] = { "name",        "sha",           "precision",
                                        "type",        "weight_type",   "architecture",
                                        "hub_license", "average_score", "params_billions" };
    const struct board_column *column[sizeof keys / sizeof keys[0]];
    const struct board_column *score[LEADERBOARD_BENCHMARKS], *value[LEADERBOARD_BENCHMARKS];
    const struct leaderboard *leaderboard = to->pull->leaderboard;
    struct db *db = to->pull->db;
    char key[256];

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        column[i] = board_find(board, keys[i]);
    for (size_t i = 0; i < leaderboard->benchmarks; i++) {
        snprintf(key, sizeof key, "%s.value", leaderboard->benchmark[i].key);
        score[i] = board_find(board, leaderboard->benchmark[i].key);
        value[i] = board_find(board, key);
    }
    for (size_t row = 0; row < board->rows; row++) {
        const struct history_row *entry = &to->row[row];
        if (!db_run(db, SQL_MODEL_PUT, why, DB_INTEGER(row),
                    DB_BYTES(entry->key, entry->key_length), column_text(column[0], row),
                    column_text(column[1], row), column_text(column[2], row),
                    column_text(column[3], row), column_text(column[4], row),
                    column_text(column[5], row), column_text(column[6], row),
                    column_number(column[7], row), column_number(column[8], row),
                    DB_BYTES(entry->raw, entry->raw_length)))
            return false;
        for (size_t i = 0; i < leaderboard->benchmarks; i++)
            if (!db_run(db, SQL_SCORE_PUT, why, DB_INTEGER(row),
                        DB_TEXT(leaderboard->benchmark[i].key), column_number(value[i], row),
                        column_number(score[i], row)))
                return false;
        if (row % FORGET_ROWS == 0)
            board_forget(board);
    }
    board_forget(board);
    return db_run(db, SQL_MODEL_TRIM, why, DB_INTEGER(board->rows));
}

/* ---- all ---- */

/* Replaces the rows and what is published, in one transaction. */
static bool
commit(struct publication *to, const struct board *board, struct error *why)
{
    const struct pull *pull = to->pull;
    const char *state_dir = pull->config->state_dir;

    for (size_t row = 0; row < board->rows; row++)
        to->row[row].raw = board_fragment(board, BODY_LEADERBOARD, PROFILE_DOCUMENTED, row,
                                          &to->row[row].raw_length);
    if (db_begin(pull->db, why) != DB_OK)
        return false;
    stage_begin(to, STAGE_SQL);
    bool good = put_rows(to, board, why);
    stage_begin(to, STAGE_HISTORY);
    good =
        good && history_record(pull->db, to->row, board->rows, board->revision, board->published_at,
                               pull->config->history, why) != HISTORY_FAILED;
    stage_begin(to, STAGE_COMMIT);
    good = good && snapshot_record(&to->now, pull->db, state_dir, why);
    if (!pull_finish(pull, DATASET_CONTENTS, to->sha, to->fingerprint, board->rows, good, why) ||
        !snapshot_link(&to->now, state_dir, why))
        return false;
    size_t deleted = snapshot_collect(&to->now, &to->before, state_dir);
    stage_begin(to, STAGE_READ);
    log_event(&pull->config->log, LEVEL_DEBUG, LOG_SYNC, "published",
              LOG_INTEGER("old_files_deleted", deleted),
              LOG_INTEGER("read_ms", to->us[STAGE_READ] / 1000),
              LOG_INTEGER("render_ms", to->us[STAGE_RENDER] / 1000),
              LOG_INTEGER("board_ms", to->us[STAGE_BOARD] / 1000),
              LOG_INTEGER("br_ms", to->us[STAGE_BR] / 1000),
              LOG_INTEGER("zstd_ms", to->us[STAGE_ZSTD] / 1000),
              LOG_INTEGER("gzip_ms", to->us[STAGE_GZIP] / 1000),
              LOG_INTEGER("sql_ms", to->us[STAGE_SQL] / 1000),
              LOG_INTEGER("history_ms", to->us[STAGE_HISTORY] / 1000),
              LOG_INTEGER("commit_ms", to->us[STAGE_COMMIT] / 1000));
    return true;
}

/* Writes what can be written before the transaction, and then commits. The table and the dataset's
 * own file, if there is one, are freed as soon as they are used. */
static bool
publish(struct publication *to, struct table *table, struct buf *own,
        const struct providers *providers, struct error *why)
{
    const struct pull *pull = to->pull;
    char path[PATH_MAX];
    struct board board;
    struct buf id;

    struct view *view = view_new(pull->leaderboard, table, why);
    if (view == NULL)
        error_prefix(why, "dataset %s", pull->config->contents_repo);
    stage_begin(to, STAGE_RENDER);
    bool good =
        view != NULL && columns_kept(pull, view, why) &&
        snapshot_load(&to->before, pull->db, why) &&
        (own->length == 0 || snapshot_write_parquet(&to->now, pull->config->state_dir, own, why));
    buf_free(own);
    good = good && write_board(to, view, table, providers, why);
    to->row = mem_zero(table->rows, sizeof *to->row);
    buf_init(&id, UINT32_MAX);
    for (size_t row = 0; good && row < table->rows; row++) {
        buf_reset(&id);
        view_put_id(&id, view, row, PROFILE_DOCUMENTED);
        to->row[row].key = arena_copy(&to->arena, buf_string(&id), id.length);
        to->row[row].key_length = id.length;
    }
    buf_free(&id);
    view_free(view);
    table_free(table);
    malloc_trim(0); /* of the table's many small blocks the C library would keep all */
    for (int body = 0; body < BODY_COUNT; body++)
        for (int profile = 0; profile < PROFILE_COUNT; profile++)
            good = good && write_encoded(to, (enum body)body, (enum profile)profile, why);
    if (!good)
        return false;
    stage_begin(to, STAGE_COMMIT);
    snprintf(path, sizeof path, "%s/public/%s", pull->config->state_dir, to->now.board.file);
    if (!board_map(&board, path, why))
        return false;
    good = commit(to, &board, why);
    board_close(&board);
    return good;
}

bool
pull_contents(const struct pull *pull, const char *sha, const struct providers *providers,
              const char *fingerprint, struct error *why)
{
    struct publication to = { .pull = pull, .sha = sha, .fingerprint = fingerprint };
    struct table table;
    struct buf own;

    buf_init(&own, 0);
    arena_init(&to.arena, 0);
    stage_begin(&to, STAGE_READ);
    to.us[STAGE_READ] = 0;
    bool good = pull_table(pull, pull->config->contents_repo, sha, &table, &own, why) &&
                publish(&to, &table, &own, providers, why);
    buf_free(&own);
    free(to.row);
    arena_free(&to.arena);
    return good;
}
