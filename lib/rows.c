#include "rows.h"

#include "json.h"
#include "lines.h"
#include "parquet.h"

#include <string.h>

/* What a JSON file may take in memory, as a multiple of its size, beyond this many bytes. */
enum { JSON_FACTOR = 64, JSON_BASE = 32 << 20, COLUMNS_MAX = 4096 };

static bool
ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), size = strlen(end);

    return length > size && strcmp(text + length - size, end) == 0;
}

enum rows_layout
rows_layout(const char *path)
{
    if (ends_with(path, ".parquet"))
        return ROWS_PARQUET;
    if (ends_with(path, ".jsonl") || ends_with(path, ".ndjson"))
        return ROWS_JSONL;
    return ends_with(path, ".json") ? ROWS_JSON : ROWS_NONE;
}

int
rows_rank(const char *path)
{
    enum rows_layout layout = rows_layout(path);
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;

    /* dataset_info.json and the like describe data; they are none. */
    if (layout == ROWS_NONE || name[0] == '.' || strncmp(name, "dataset_info", 12) == 0)
        return 0;
    return 1 + (int)(ROWS_NONE - layout) * 2 + (strstr(path, "train") != NULL);
}

/* Columns that grow while rows are read. */
struct json_rows {
    struct table *table;
    size_t rows_max;
};

static struct column *
json_rows_column(struct json_rows *rows, const char *name, size_t expected, struct error *why)
{
    struct table *table = rows->table;

    /* Rows nearly always have their members in one order. */
    if (expected < table->columns && strcmp(table->column[expected].name, name) == 0)
        return &table->column[expected];
    int found = table_find(table, name);
    if (found >= 0)
        return &table->column[found];
    if (table->columns == COLUMNS_MAX) {
        error_set(why, "more than %d columns", COLUMNS_MAX);
        return NULL;
    }
    struct column *column = &table->column[table->columns];
    column->name = arena_copy(&table->arena, name, strlen(name));
    column->cells = arena_zero(&table->arena, rows->rows_max, sizeof(struct cell));
    if (column->name == NULL || column->cells == NULL) {
        error_set(why, "the rows take more memory than is allowed for a file of this size");
        return NULL;
    }
    table->columns++;
    return column;
}

static bool
json_rows_cell(struct json_rows *rows, struct cell *cell, const json_t *value, struct error *why)
{
    struct buf text;

    switch (json_typeof(value)) {
    case JSON_NULL:
        return true;
    case JSON_TRUE:
    case JSON_FALSE:
        cell->kind = CELL_BOOLEAN;
        cell->boolean = json_is_true(value);
        return true;
    case JSON_INTEGER:
        cell->kind = CELL_INTEGER;
        cell->integer = json_integer_value(value);
        return true;
    case JSON_REAL:
        cell->kind = CELL_REAL;
        cell->real = json_real_value(value);
        return true;
    default:
        break;
    }
    buf_init(&text, UINT32_MAX);
    if (json_is_string(value))
        buf_put(&text, json_string_value(value), json_string_length(value));
    else
        json_put_value(&text, value);
    cell->text = arena_copy(&rows->table->arena, buf_string(&text), text.length);
    cell->length = (uint32_t)text.length;
    cell->kind = json_is_string(value) ? CELL_TEXT : CELL_JSON;
    bool good = buf_ok(&text) && cell->text != NULL;
    buf_free(&text);
    if (!good)
        error_set(why, "the rows take more memory than is allowed for a file of this size");
    return good;
}

static bool
json_rows_add(struct json_rows *rows, const json_t *object, struct error *why)
{
    const char *name;
    json_t *value;
    size_t expected = 0;

    if (!json_is_object(object)) {
        error_set(why, "expected an object");
        return false;
    }
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        struct column *column = json_rows_column(rows, name, expected, why);
        if (column == NULL)
            return false;
        struct cell *cell = &column->cells[rows->table->rows];
        if (!json_rows_cell(rows, cell, value, why))
            return false;
        if (cell->kind != CELL_NULL && column->kind != CELL_REAL)
            column->kind = cell->kind;
        expected = (size_t)(column - rows->table->column) + 1;
    }
    rows->table->rows++;
    return true;
}

static bool
json_rows_lines(struct json_rows *rows, const char *data, size_t length, struct error *why)
{
    struct lines lines;

    lines_of_memory(&lines, data, length);
    while (lines_next(&lines, why) == LINES_ONE) {
        size_t blank = 0;
        while (blank < lines.length && lines.text[blank] != '\0' &&
               strchr(" \t\r", lines.text[blank]) != NULL)
            blank++;
        if (blank == lines.length)
            continue;
        json_t *object = json_read(lines.text, lines.length, why);
        bool good = object != NULL && json_rows_add(rows, object, why);
        json_decref(object);
        if (!good) {
            error_prefix(why, "line %zu", lines.number);
            return false;
        }
    }
    return true;
}

static bool
json_rows_array(struct json_rows *rows, const json_t *array, struct error *why)
{
    size_t index;
    json_t *object;

    json_array_foreach(array, index, object)
    {
        if (!json_rows_add(rows, object, why)) {
            error_prefix(why, "row %zu", index);
            return false;
        }
    }
    return true;
}

static bool
json_rows_read(enum rows_layout layout, const char *data, size_t length, struct table *table,
               struct error *why)
{
    struct json_rows rows = { .table = table };
    json_t *array = NULL;
    bool good = false;

    arena_init(&table->arena, JSON_BASE + length * JSON_FACTOR);
    table->column = arena_zero(&table->arena, COLUMNS_MAX, sizeof(struct column));
    if (table->column == NULL) {
        error_set(why, "out of memory");
        return false;
    }
    if (layout == ROWS_JSON) {
        array = json_read(data, length, why);
        if (array != NULL && !json_is_array(array)) {
            error_set(why, "expected a JSON array of objects");
        } else if (array != NULL) {
            rows.rows_max = json_array_size(array);
            good = json_rows_array(&rows, array, why);
        }
        json_decref(array);
        return good;
    }
    rows.rows_max = 1;
    for (size_t i = 0; i < length; i++)
        rows.rows_max += data[i] == '\n';
    return json_rows_lines(&rows, data, length, why);
}

bool
rows_read(enum rows_layout layout, const void *data, size_t length, struct table *table,
          struct error *why)
{
    *table = (struct table){ 0 };
    if (layout == ROWS_PARQUET)
        return parquet_read(data, length, table, why) == PARQUET_OK;
    if (layout != ROWS_NONE && json_rows_read(layout, data, length, table, why))
        return true;
    if (layout == ROWS_NONE)
        error_set(why, "neither parquet nor JSON");
    table_free(table);
    return false;
}
