#include "pull_private.h"

#include "history.h"
#include "json.h"
#include "snapshot.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BODY_BYTES_MAX = 1 << 30 };

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

    if (!pull_table(pull, repo, sha, &table, why))
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

/* A body of all rows, from the rendered rows of one profile. */
struct rendered {
    struct buf text; /* all rows, one after the other with ',' between */
    size_t *ends;    /* where each row ends */
};

typedef void render_row(struct buf *out, const struct view *view, size_t row, enum profile profile,
                        const struct providers *providers);

static void
render_raw(struct buf *out, const struct view *view, size_t row, enum profile profile,
           const struct providers *providers)
{
    (void)providers;
    view_put_raw(out, view, row, profile);
}

/* In profile space a body is a bare array, else {"models": […]}. */
static const char *
body_head(enum profile profile)
{
    return profile == PROFILE_SPACE ? "[" : "{\"models\":[";
}

static void
render(struct rendered *rendered, const struct view *view, size_t rows, enum profile profile,
       const struct providers *providers, render_row *row_function)
{
    buf_init(&rendered->text, BODY_BYTES_MAX);
    rendered->ends = mem_zero(rows, sizeof *rendered->ends);
    buf_text(&rendered->text, body_head(profile));
    for (size_t row = 0; row < rows; row++) {
        if (row != 0)
            buf_byte(&rendered->text, ',');
        row_function(&rendered->text, view, row, profile, providers);
        rendered->ends[row] = rendered->text.length;
    }
    buf_text(&rendered->text, profile == PROFILE_SPACE ? "]" : "]}");
}

/* One row's text within a rendered body. */
static struct db_value
rendered_row(const struct rendered *rendered, enum profile profile, size_t row)
{
    size_t start = row == 0 ? strlen(body_head(profile)) : rendered->ends[row - 1] + 1;

    return DB_BYTES(rendered->text.data + start, rendered->ends[row] - start);
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

typedef struct rendered bodies[BODY_COUNT][PROFILE_COUNT];

static bool
insert_row(const struct pull *pull, const struct view *view, bodies all, size_t row, const char *id,
           struct error *why)
{
    const struct db_value raw =
        rendered_row(&all[BODY_LEADERBOARD][PROFILE_DOCUMENTED], PROFILE_DOCUMENTED, row);
    struct db_value raw_space =
        rendered_row(&all[BODY_LEADERBOARD][PROFILE_SPACE], PROFILE_SPACE, row);

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
                rendered_row(&all[BODY_FORMATTED][PROFILE_DOCUMENTED], PROFILE_DOCUMENTED, row),
                rendered_row(&all[BODY_FORMATTED][PROFILE_SPACE], PROFILE_SPACE, row)))
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
insert_rows(const struct pull *pull, const struct view *view, bodies all, size_t rows,
            struct error *why)
{
    struct buf id;
    bool good = db_run(pull->db, SQL_MODEL_CLEAR, why, DB_NULL);

    buf_init(&id, 1 << 20);
    for (size_t row = 0; good && row < rows; row++) {
        buf_reset(&id);
        view_put_id(&id, view, row, PROFILE_DOCUMENTED);
        good = insert_row(pull, view, all, row, buf_string(&id), why);
    }
    buf_free(&id);
    return good;
}

/* Keeps what this pull saw, as the difference from what the one before saw. */
static bool
record_history(const struct pull *pull, const struct view *view, bodies all, size_t rows,
               const char *sha, struct error *why)
{
    struct history_row *history = mem_zero(rows, sizeof *history);
    struct arena arena;
    struct buf id;

    arena_init(&arena, 0);
    buf_init(&id, 1 << 20);
    for (size_t row = 0; row < rows; row++) {
        const struct db_value raw =
            rendered_row(&all[BODY_LEADERBOARD][PROFILE_DOCUMENTED], PROFILE_DOCUMENTED, row);
        buf_reset(&id);
        view_put_id(&id, view, row, PROFILE_DOCUMENTED);
        history[row] = (struct history_row){ arena_copy(&arena, buf_string(&id), id.length),
                                             id.length, raw.bytes, raw.length };
    }
    enum history_result result =
        history_record(pull->db, history, rows, sha, time(NULL), pull->config->history, why);
    buf_free(&id);
    arena_free(&arena);
    free(history);
    return result != HISTORY_FAILED;
}

/* Renders, publishes and replaces. */
static bool
contents_replace(const struct pull *pull, const struct view *view, size_t rows, const char *sha,
                 const struct providers *providers, const char *fingerprint, struct error *why)
{
    bodies all;
    struct snapshots snapshots = { 0 }, before;
    bool good = snapshot_load(&before, pull->db, why);

    for (int body = 0; body < BODY_COUNT; body++) {
        for (int profile = 0; profile < PROFILE_COUNT; profile++) {
            struct rendered *rendered = &all[body][profile];
            render(rendered, view, rows, (enum profile)profile, providers,
                   body == BODY_FORMATTED ? view_put_entry : render_raw);
            if (!buf_ok(&rendered->text)) {
                error_set(why, "the rows make a body of more than %d bytes", BODY_BYTES_MAX);
                good = false;
            }
            good = good && snapshot_write(&snapshots, pull->config->state_dir, (enum body)body,
                                          (enum profile)profile, &rendered->text, why);
        }
    }
    good = good && db_begin(pull->db, why) == DB_OK;
    if (good) {
        good = insert_rows(pull, view, all, rows, why) &&
               record_history(pull, view, all, rows, sha, why) &&
               snapshot_record(&snapshots, pull->db, pull->config->state_dir, why);
        good = pull_finish(pull, DATASET_CONTENTS, sha, fingerprint, rows, good, why);
    }
    for (int body = 0; body < BODY_COUNT; body++) {
        for (int profile = 0; profile < PROFILE_COUNT; profile++) {
            buf_free(&all[body][profile].text);
            free(all[body][profile].ends);
        }
    }
    if (good) {
        size_t deleted = snapshot_collect(&snapshots, &before, pull->config->state_dir);
        log_event(&pull->config->log, LEVEL_DEBUG, LOG_SYNC, "published",
                  LOG_INTEGER("old_files_deleted", deleted));
    }
    return good;
}

bool
pull_contents(const struct pull *pull, const char *sha, const struct providers *providers,
              const char *fingerprint, struct error *why)
{
    struct table table;

    if (!pull_table(pull, pull->config->contents_repo, sha, &table, why))
        return false;
    struct view *view = view_new(pull->leaderboard, &table, why);
    if (view == NULL)
        error_prefix(why, "dataset %s", pull->config->contents_repo);
    bool good = view != NULL && columns_kept(pull, view, why) &&
                contents_replace(pull, view, table.rows, sha, providers, fingerprint, why);
    view_free(view);
    table_free(&table);
    return good;
}
