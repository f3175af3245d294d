#include "pull_private.h"

#include "rows.h"

#include <string.h>

enum { FILES_MAX = 64 };

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
           struct table *table, struct buf *own, struct error *why)
{
    struct buf content;
    bool good = false;

    buf_init(&content, (size_t)pull->config->hub_max_mb << 20);
    if (hub_download(pull->hub, repo, sha, file, &content, why) == HUB_OK) {
        good = rows_read(rows_layout(file->path), buf_string(&content), content.length, table, why);
        if (!good)
            error_prefix(why, "%s of dataset %s", file->path, repo);
    }
    if (good && own != NULL && rows_layout(file->path) == ROWS_PARQUET)
        *own = content; /* which changes hands */
    else
        buf_free(&content);
    return good;
}

/* The rows of a dataset at a commit. On true the caller owns the table. */
bool
pull_table(const struct pull *pull, const char *repo, const char *sha, struct table *table,
           struct buf *own, struct error *why)
{
    const struct hub_file *files[FILES_MAX];
    struct hub_tree tree;
    struct table more;

    *table = (struct table){ 0 };
    if (hub_list(pull->hub, repo, sha, &tree, why) != HUB_OK)
        return false;
    size_t count = choose_files(&tree, repo, files, why);
    bool good =
        count != 0 && fetch_file(pull, repo, sha, files[0], table, count == 1 ? own : NULL, why);
    if (good && count > 1)
        table->arena.max_bytes = 0; /* each file was bounded by its own size */
    for (size_t i = 1; good && i < count; i++) {
        good = fetch_file(pull, repo, sha, files[i], &more, NULL, why);
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
