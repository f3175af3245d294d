#include "pull.h"

#include "digest.h"
#include "json.h"
#include "rows.h"
#include "snapshot.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BODY_BYTES_MAX = 1 << 30, FILES_MAX = 64, NAMES_MAX = 8 };

/* Goes into the fingerprint: entries made by an older renderer are made anew. */
static const char renderer[] = "1";

const char *
dataset_name(enum dataset dataset)
{
    return dataset == DATASET_CONTENTS ? "contents" : "official-providers";
}

enum dataset
dataset_parse(const char *name)
{
    int dataset = 0;

    while (dataset < DATASET_COUNT && strcmp(name, dataset_name((enum dataset)dataset)) != 0)
        dataset++;
    return (enum dataset)dataset;
}

const char *
dataset_repo(const struct config *config, enum dataset dataset)
{
    return dataset == DATASET_CONTENTS ? config->contents_repo : config->providers_repo;
}

/* ---- what is known already ---- */

struct known {
    char revision[SHA1_HEX];
    char fingerprint[SHA256_HEX];
    bool same_repo;
};

static bool
known_load(const struct pull *pull, enum dataset dataset, struct known *known, struct error *why)
{
    struct error failure;
    sqlite3_stmt *row = db_query(pull->db, SQL_DATASET_FIND, DB_TEXT(dataset_name(dataset)));

    *known = (struct known){ 0 };
    if (db_next(pull->db, row, &failure)) {
        known->same_repo = strcmp(db_column_text(row, 0), dataset_repo(pull->config, dataset)) == 0;
        snprintf(known->revision, sizeof known->revision, "%s", db_column_text(row, 1));
        snprintf(known->fingerprint, sizeof known->fingerprint, "%s", db_column_text(row, 2));
        db_done(row);
        return true;
    }
    if (failure.text[0] != '\0')
        *why = failure;
    return failure.text[0] == '\0';
}

/* The names of official providers in the database, in an arena. */
static bool
providers_load(struct db *db, struct providers *providers, struct arena *arena, struct error *why)
{
    sqlite3_stmt *row = db_query(db, SQL_PROVIDER_LIST, DB_NULL);
    struct error failure;
    size_t capacity = 0;

    *providers = (struct providers){ 0 };
    while (db_next(db, row, &failure)) {
        if (providers->count == capacity) {
            capacity = capacity == 0 ? 64 : capacity * 2;
            const char **names = arena_zero(arena, capacity, sizeof *names);
            if (providers->count != 0)
                memcpy(names, providers->names, providers->count * sizeof *names);
            providers->names = names;
        }
        const char *name = db_column_text(row, 0);
        providers->names[providers->count++] = arena_copy(arena, name, strlen(name));
    }
    if (failure.text[0] != '\0')
        *why = failure;
    return failure.text[0] == '\0';
}

/* What entries depend on beside the dataset's rows. */
static void
contents_fingerprint(const struct pull *pull, const struct providers *providers,
                     char fingerprint[SHA256_HEX])
{
    struct buf text;

    buf_init(&text, 1 << 26);
    buf_format(&text, "%s %s", renderer, pull->leaderboard->fingerprint);
    for (size_t i = 0; i < providers->count; i++)
        buf_format(&text, "\n%s", providers->names[i]);
    digest_sha256(buf_string(&text), text.length, fingerprint);
    buf_free(&text);
}

/* ---- from the Hub to a table ---- */

/* Chooses the files that hold the rows: those of the best rank, in the order of their names.
 * Returns how many; 0 with `why` when there are none or too many. */
static size_t
choose_files(const struct hub_tree *tree, const char *repo, const struct hub_file **files,
             struct error *why)
{
    int best = 0;
    size_t count = 0;

    for (size_t i = 0; i < tree->count; i++)
        if (rows_rank(tree->files[i].path) > best)
            best = rows_rank(tree->files[i].path);
    for (size_t i = 0; best != 0 && i < tree->count; i++) {
        const struct hub_file *file = &tree->files[i];
        if (rows_rank(file->path) != best)
            continue;
        if (count == FILES_MAX) {
            error_set(why, "dataset %s: more than %d data files", repo, FILES_MAX);
            return 0;
        }
        size_t place = count++;
        for (; place > 0 && strcmp(files[place - 1]->path, file->path) > 0; place--)
            files[place] = files[place - 1];
        files[place] = file;
    }
    if (count == 0)
        error_set(why,
                  "dataset %s holds no data file (.parquet, .jsonl or .json) among its %zu files",
                  repo, tree->count);
    return count;
}

/* Appends the rows of `more` to `table`; the columns must be the same. */
static bool
table_append(struct table *table, struct table *more, struct error *why)
{
    if (table->columns != more->columns) {
        error_set(why, "it has %zu columns, the file before it %zu", more->columns, table->columns);
        return false;
    }
    size_t rows = table->rows + more->rows;
    for (size_t i = 0; i < table->columns; i++) {
        struct column *column = &table->column[i];
        if (strcmp(column->name, more->column[i].name) != 0) {
            error_set(why, "its column \"%s\" stands where \"%s\" was expected",
                      more->column[i].name, column->name);
            return false;
        }
        struct cell *cells = arena_zero(&table->arena, rows, sizeof *cells);
        if (cells == NULL) {
            error_set(why, "the rows take more memory than is allowed");
            return false;
        }
        memcpy(cells, column->cells, table->rows * sizeof *cells);
        for (size_t row = 0; row < more->rows; row++) {
            struct cell *cell = &cells[table->rows + row];
            *cell = more->column[i].cells[row];
            if (cell->kind == CELL_TEXT || cell->kind == CELL_JSON)
                cell->text = arena_copy(&table->arena, cell->text, cell->length);
        }
        column->cells = cells;
        if (column->kind == CELL_NULL)
            column->kind = more->column[i].kind;
    }
    table->rows = rows;
    return true;
}

/* Downloads one file and reads it. */
static bool
fetch_file(const struct pull *pull, const char *repo, const char *sha, const struct hub_file *file,
           struct table *table, struct error *why)
{
    struct buf content;
    bool good = false;

    buf_init(&content, (size_t)pull->config->hub_max_mb << 20);
    if (hub_download(pull->hub, repo, sha, file, &content, why) == HUB_OK) {
        good = rows_read(rows_layout(file->path), buf_string(&content), content.length, table, why);
        if (!good)
            error_prefix(why, "%s of dataset %s", file->path, repo);
    }
    buf_free(&content);
    return good;
}

/* The rows of a dataset at a commit. On true the caller owns the table. */
static bool
fetch_table(const struct pull *pull, const char *repo, const char *sha, struct table *table,
            struct error *why)
{
    const struct hub_file *files[FILES_MAX];
    struct hub_tree tree;
    struct table more;

    *table = (struct table){ 0 };
    if (hub_list(pull->hub, repo, sha, &tree, why) != HUB_OK)
        return false;
    size_t count = choose_files(&tree, repo, files, why);
    bool good = count != 0 && fetch_file(pull, repo, sha, files[0], table, why);
    if (good && count > 1)
        table->arena.max_bytes = 0; /* each file was bounded by its own size */
    for (size_t i = 1; good && i < count; i++) {
        good = fetch_file(pull, repo, sha, files[i], &more, why);
        if (good) {
            good = table_append(table, &more, why);
            if (!good)
                error_prefix(why, "%s of dataset %s", files[i]->path, repo);
            table_free(&more);
        }
    }
    if (good && table->rows == 0) {
        error_set(why, "dataset %s has no rows at commit %.8s: what was there stays", repo, sha);
        good = false;
    }
    hub_tree_free(&tree);
    if (!good)
        table_free(table);
    return good;
}

/* ---- official providers ---- */

/* The dataset's first row holds the list in CURATED_SET. */
static json_t *
curated_set(const struct table *table, const char *repo, struct error *why)
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

/* Closes a transaction that has done its work, or undoes it. */
static bool
finish(const struct pull *pull, enum dataset dataset, const char *sha, const char *fingerprint,
       size_t rows, bool good, struct error *why)
{
    good = good && db_run(pull->db, SQL_DATASET_PULLED, why, DB_TEXT(dataset_name(dataset)),
                          DB_TEXT(dataset_repo(pull->config, dataset)), DB_TEXT(sha),
                          DB_TEXT(fingerprint), DB_INTEGER(rows), DB_INTEGER(time(NULL)));
    if (good)
        return db_commit(pull->db, why) == DB_OK;
    db_rollback(pull->db);
    return false;
}

static bool
pull_providers(const struct pull *pull, const char *sha, struct error *why)
{
    const char *repo = pull->config->providers_repo;
    struct table table;
    size_t rows = 0;

    if (!fetch_table(pull, repo, sha, &table, why))
        return false;
    json_t *names = curated_set(&table, repo, why);
    bool good = names != NULL && db_begin(pull->db, why) == DB_OK;
    if (good) {
        good = providers_replace(pull, names, &rows, why);
        good = finish(pull, DATASET_PROVIDERS, sha, "", rows, good, why);
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
    const char *absent[LEADERBOARD_FIELDS * 3 + LEADERBOARD_BENCHMARKS * 2];
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
    if (lost != NULL && !pull->accept_columns) {
        error_set(why,
                  "dataset %s lost its column \"%s\": what was there stays; if that is meant, run "
                  "fetcher pull contents --accept-columns",
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

/* Renders, publishes and replaces. */
static bool
contents_replace(const struct pull *pull, const struct view *view, size_t rows, const char *sha,
                 const struct providers *providers, const char *fingerprint, struct error *why)
{
    bodies all;
    struct snapshots snapshots = { 0 };
    bool good = true;

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
               snapshot_record(&snapshots, pull->db, pull->config->state_dir, why);
        good = finish(pull, DATASET_CONTENTS, sha, fingerprint, rows, good, why);
    }
    for (int body = 0; body < BODY_COUNT; body++) {
        for (int profile = 0; profile < PROFILE_COUNT; profile++) {
            buf_free(&all[body][profile].text);
            free(all[body][profile].ends);
        }
    }
    if (good) {
        size_t deleted = snapshot_collect(&snapshots, pull->config->state_dir);
        log_event(&pull->config->log, LEVEL_DEBUG, LOG_SYNC, "published",
                  LOG_INTEGER("old_files_deleted", deleted));
    }
    return good;
}

static bool
pull_contents(const struct pull *pull, const char *sha, const struct providers *providers,
              const char *fingerprint, struct error *why)
{
    struct table table;

    if (!fetch_table(pull, pull->config->contents_repo, sha, &table, why))
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

/* ---- any ---- */

/* True when what is published is there, file for file. */
static bool
published(const struct pull *pull)
{
    struct snapshots snapshots;

    return snapshot_load(&snapshots, pull->db, NULL) &&
           snapshot_complete(&snapshots, pull->config->state_dir);
}

static enum pull_result
pull_run(const struct pull *pull, enum dataset dataset, struct arena *arena, struct error *why)
{
    const char *repo = dataset_repo(pull->config, dataset);
    char sha[SHA1_HEX], fingerprint[SHA256_HEX] = "";
    struct providers providers = { 0 };
    struct known known;

    if (hub_revision(pull->hub, repo, sha, why) != HUB_OK ||
        !known_load(pull, dataset, &known, why) ||
        !providers_load(pull->db, &providers, arena, why))
        return PULL_FAILED;
    if (dataset == DATASET_CONTENTS)
        contents_fingerprint(pull, &providers, fingerprint);
    bool same = known.same_repo && strcmp(known.revision, sha) == 0 &&
                strcmp(known.fingerprint, fingerprint) == 0 &&
                (dataset != DATASET_CONTENTS || published(pull));
    if (same && !pull->force) {
        if (db_begin(pull->db, why) != DB_OK)
            return PULL_FAILED;
        if (!db_run(pull->db, SQL_DATASET_UNCHANGED, why, DB_TEXT(dataset_name(dataset)),
                    DB_INTEGER(time(NULL)))) {
            db_rollback(pull->db);
            return PULL_FAILED;
        }
        return db_commit(pull->db, why) == DB_OK ? PULL_UNCHANGED : PULL_FAILED;
    }
    bool good = dataset == DATASET_CONTENTS ? pull_contents(pull, sha, &providers, fingerprint, why)
                                            : pull_providers(pull, sha, why);
    return good ? PULL_DONE : PULL_FAILED;
}

enum pull_result
pull_dataset(const struct pull *pull, enum dataset dataset, struct error *why)
{
    struct arena arena;
    struct error second;

    arena_init(&arena, 0);
    enum pull_result result = pull_run(pull, dataset, &arena, why);
    arena_free(&arena);
    if (result != PULL_FAILED)
        return result;
    /* The reason is kept for `fetcher status`; where even that fails, the caller still has it. */
    if (db_begin(pull->db, &second) == DB_OK) {
        if (!db_run(pull->db, SQL_DATASET_FAILED, &second, DB_TEXT(dataset_name(dataset)),
                    DB_TEXT(dataset_repo(pull->config, dataset)), DB_INTEGER(time(NULL)),
                    DB_TEXT(why->text)))
            db_rollback(pull->db);
        else if (db_commit(pull->db, &second) == DB_OK)
            return PULL_FAILED;
    }
    log_event(&pull->config->log, LEVEL_ERROR, LOG_SYNC, "cannot record the failure",
              LOG_TEXT("error", second.text));
    return PULL_FAILED;
}
