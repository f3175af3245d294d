#include "pull_private.h"

#include "board.h"
#include "history.h"
#include "json.h"
#include "snapshot.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BODY_BYTES_MAX = 1 << 30 };
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
    sqlite3_stmt *row = db_query(pull->db, SQL_MODEL_RAW_DOCUMENTED, DB_INTEGER(0), DB_INTEGER(1));
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

/* One row's text within a board. */
static struct db_value
rendered_row(const struct board *board, enum body body, enum profile profile, size_t row)
{
    size_t length;
    const char *text = board_fragment(board, body, profile, row, &length);

    return DB_BYTES(text, length);
}

static struct db_value
cell_text(const struct cell *cell)
{
    return cell->kind == CELL_TEXT ? DB_BYTES(cell->text, cell->length) : DB_TEXT("");
}

static struct db_value
cell_number(const struct cell *cell)
{
    return cell->kind == CELL_REAL      ? DB_REAL(cell->real)
           : cell->kind == CELL_INTEGER ? DB_INTEGER(cell->integer)
                                        : DB_NULL;
}

static bool
insert_row(const struct pull *pull, const struct view *view, const struct board *board, size_t row,
           const char *id, struct error *why)
{
    const struct db_value raw = rendered_row(board, BODY_LEADERBOARD, PROFILE_DOCUMENTED, row);
    struct db_value raw_space = rendered_row(board, BODY_LEADERBOARD, PROFILE_SPACE, row);

    if (raw.length == raw_space.length && memcmp(raw.bytes, raw_space.bytes, raw.length) == 0)
        raw_space = DB_NULL;
    if (!db_run(pull->db, SQL_MODEL_INSERT, why, DB_INTEGER(row), DB_TEXT(id),
                cell_text(view_cell(view, "name", row)), cell_text(view_cell(view, "sha", row)),
                cell_text(view_cell(view, "precision", row)),
                cell_text(view_cell(view, "type", row)),
                cell_text(view_cell(view, "weight_type", row)),
                cell_text(view_cell(view, "architecture", row)),
                cell_text(view_cell(view, "hub_license", row)),
                cell_number(view_cell(view, "average_score", row)),
                cell_number(view_cell(view, "params_billions", row)), raw, raw_space,
                rendered_row(board, BODY_FORMATTED, PROFILE_DOCUMENTED, row),
                rendered_row(board, BODY_FORMATTED, PROFILE_SPACE, row)))
        return false;
    for (size_t i = 0; i < pull->leaderboard->benchmarks; i++) {
        if (!db_run(pull->db, SQL_SCORE_INSERT, why, DB_INTEGER(row),
                    DB_TEXT(pull->leaderboard->benchmark[i].key),
                    cell_number(view_value(view, i, row)), cell_number(view_score(view, i, row))))
            return false;
    }
    return true;
}

static bool
insert_rows(const struct pull *pull, const struct view *view, const struct board *board,
            struct error *why)
{
    struct buf id;
    bool good = db_run(pull->db, SQL_MODEL_CLEAR, why, DB_NULL);

    buf_init(&id, 1 << 20);
    for (size_t row = 0; good && row < board->rows; row++) {
        buf_reset(&id);
        view_put_id(&id, view, row, PROFILE_DOCUMENTED);
        good = insert_row(pull, view, board, row, buf_string(&id), why);
    }
    buf_free(&id);
    return good;
}

/* Keeps what this pull saw, as the difference from what the one before saw. */
static bool
record_history(const struct pull *pull, const struct view *view, const struct board *board,
               struct error *why)
{
    struct history_row *history = mem_zero(board->rows, sizeof *history);
    struct arena arena;
    struct buf id;

    arena_init(&arena, 0);
    buf_init(&id, 1 << 20);
    for (size_t row = 0; row < board->rows; row++) {
        const struct db_value raw = rendered_row(board, BODY_LEADERBOARD, PROFILE_DOCUMENTED, row);
        buf_reset(&id);
        view_put_id(&id, view, row, PROFILE_DOCUMENTED);
        history[row] = (struct history_row){ arena_copy(&arena, buf_string(&id), id.length),
                                             id.length, raw.bytes, raw.length };
    }
    enum history_result result = history_record(pull->db, history, board->rows, board->revision,
                                                board->published_at, pull->config->history, why);
    buf_free(&id);
    arena_free(&arena);
    free(history);
    return result != HISTORY_FAILED;
}

/* In profile space a body is a bare array, else {"models": […]}. */
static bool
write_body(const struct pull *pull, const struct board *board, enum body body, enum profile profile,
           struct snapshots *snapshots, struct error *why)
{
    struct buf text;
    size_t length;
    const char *rows = board_fragments(board, body, profile, 0, board->rows, &length);

    buf_init(&text, BODY_BYTES_MAX);
    buf_text(&text, profile == PROFILE_SPACE ? "[" : "{\"models\":[");
    buf_put(&text, rows, length);
    buf_text(&text, profile == PROFILE_SPACE ? "]" : "]}");
    bool good = buf_ok(&text);
    if (!good)
        error_set(why, "the rows make a body of more than %d bytes", BODY_BYTES_MAX);
    good = good && snapshot_write(snapshots, pull->config->state_dir, body, profile, &text, why);
    buf_free(&text);
    return good;
}

/* Publishes the board and the bodies that it holds, and replaces the rows. */
static bool
board_publish(const struct pull *pull, const struct view *view, const struct board *board,
              const struct buf *block, const struct buf *own, const char *fingerprint,
              struct error *why)
{
    struct snapshots snapshots = { 0 }, before;
    const char *state_dir = pull->config->state_dir;
    bool good = snapshot_load(&before, pull->db, why);

    for (int body = 0; body < BODY_COUNT; body++)
        for (int profile = 0; profile < PROFILE_COUNT; profile++)
            good = good &&
                   write_body(pull, board, (enum body)body, (enum profile)profile, &snapshots, why);
    good = good && snapshot_write_board(&snapshots, state_dir, block, why) &&
           (own->length == 0 || snapshot_write_parquet(&snapshots, state_dir, own, why)) &&
           db_begin(pull->db, why) == DB_OK;
    if (!good)
        return false;
    good = insert_rows(pull, view, board, why) && record_history(pull, view, board, why) &&
           snapshot_record(&snapshots, pull->db, state_dir, why);
    if (!pull_finish(pull, DATASET_CONTENTS, board->revision, fingerprint, board->rows, good, why))
        return false;
    if (!snapshot_link(&snapshots, state_dir, why))
        return false;
    size_t deleted = snapshot_collect(&snapshots, &before, state_dir);
    log_event(&pull->config->log, LEVEL_DEBUG, LOG_SYNC, "published",
              LOG_INTEGER("old_files_deleted", deleted));
    return true;
}

static bool
contents_replace(const struct pull *pull, const struct view *view, const struct table *table,
                 const struct buf *own, const char *sha, const struct providers *providers,
                 const char *fingerprint, struct error *why)
{
    struct board board;
    struct buf block;

    buf_init(&block, board_bytes_max);
    bool good =
        board_build(&block, pull->leaderboard, view, table, providers, sha, time(NULL), why) &&
        board_open(&board, block.data, block.length, why);
    if (good) {
        good = board_publish(pull, view, &board, &block, own, fingerprint, why);
        board_close(&board);
    }
    buf_free(&block);
    return good;
}

bool
pull_contents(const struct pull *pull, const char *sha, const struct providers *providers,
              const char *fingerprint, struct error *why)
{
    struct table table;
    struct buf own;

    buf_init(&own, 0);
    if (!pull_table(pull, pull->config->contents_repo, sha, &table, &own, why)) {
        buf_free(&own);
        return false;
    }
    struct view *view = view_new(pull->leaderboard, &table, why);
    if (view == NULL)
        error_prefix(why, "dataset %s", pull->config->contents_repo);
    bool good = view != NULL && columns_kept(pull, view, why) &&
                contents_replace(pull, view, &table, &own, sha, providers, fingerprint, why);
    view_free(view);
    table_free(&table);
    buf_free(&own);
    return good;
}
