#include "export.h"

#include "fragment.h"
#include "json.h"
#include "mem.h"
#include "parquet_write.h"
#include "table.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *suffix, *type;
} formats[EXPORT_FORMATS] = {
    [EXPORT_CSV] = { "csv", "text/csv; charset=utf-8; header=present" },
    [EXPORT_JSONL] = { "jsonl", "application/x-ndjson" },
    [EXPORT_PARQUET] = { "parquet", "application/vnd.apache.parquet" },
};

const char *
export_suffix(enum export_format format)
{
    return formats[format].suffix;
}

const char *
export_type(enum export_format format)
{
    return formats[format].type;
}

static void
row_open(struct fragment *row, const struct board *board, size_t number)
{
    size_t length;
    const char *text = board_fragment(board, BODY_LEADERBOARD, PROFILE_DOCUMENTED, number, &length);

    fragment_open(row, text, length);
}

/* True when `fields` name the column. */
static bool
wanted(const char *const *fields, const char *name)
{
    struct buf key;
    bool found = fields == NULL;

    buf_init(&key, 1 << 20);
    json_put_text(&key, name, strlen(name));
    for (; !found && *fields != NULL; fields++)
        found =
            strlen(*fields) == key.length - 2 && memcmp(*fields, key.data + 1, key.length - 2) == 0;
    buf_free(&key);
    return found;
}

/* ---- CSV ---- */

static void
put_csv_text(struct buf *out, const char *text, size_t length)
{
    bool formula = length != 0 && text[0] != '\0' && strchr("=+-@\t\r", text[0]) != NULL;
    bool quoted = length == 0 || formula;

    for (size_t i = 0; !quoted && i < length; i++)
        quoted = text[i] == '"' || text[i] == ',' || text[i] == '\n' || text[i] == '\r';
    if (!quoted) {
        buf_put(out, text, length);
        return;
    }
    buf_text(out, formula ? "\"'" : "\"");
    for (const char *end = text + length, *quote; text < end; text = quote + 1) {
        quote = memchr(text, '"', (size_t)(end - text));
        if (quote == NULL) {
            buf_put(out, text, (size_t)(end - text));
            break;
        }
        buf_put(out, text, (size_t)(quote - text));
        buf_text(out, "\"\"");
    }
    buf_byte(out, '"');
}

static void
put_csv_cell(struct buf *out, const struct member *member, struct buf *text)
{
    switch (member->value[0]) {
    case 'n':
        break;
    case '"':
        buf_reset(text);
        fragment_put_text(text, member->value, member->length);
        put_csv_text(out, buf_string(text), text->length);
        break;
    case '[':
    case '{':
        put_csv_text(out, member->value, member->length);
        break;
    default:
        buf_put(out, member->value, member->length);
    }
}

static void
put_csv(struct buf *out, const struct board *board, const struct query_rows *rows,
        const bool *column)
{
    struct buf text;
    const char *comma = "";

    buf_init(&text, UINT32_MAX);
    for (size_t i = 0; i < board->raws; i++) {
        if (!column[i])
            continue;
        buf_text(out, comma);
        put_csv_text(out, board->raw[i].name, strlen(board->raw[i].name));
        comma = ",";
    }
    for (size_t i = 0; i < rows->count; i++) {
        struct fragment row;
        struct member member;
        comma = "\r\n";
        size_t start = out->length + strlen(comma);
        row_open(&row, board, rows->row[i]);
        for (size_t c = 0; c < board->raws && fragment_next(&row, &member); c++) {
            if (!column[c])
                continue;
            buf_text(out, comma);
            put_csv_cell(out, &member, &text);
            comma = ",";
        }
        if (out->length == start) /* an empty line would be none to most readers */
            buf_text(out, "\"\"");
    }
    buf_text(out, "\r\n");
    buf_free(&text);
}

/* ---- JSON lines ---- */

static void
put_jsonl(struct buf *out, const struct board *board, const struct query_rows *rows,
          const char *const *fields)
{
    for (size_t i = 0; i < rows->count; i++) {
        size_t length;
        const char *text =
            board_fragment(board, BODY_LEADERBOARD, PROFILE_DOCUMENTED, rows->row[i], &length);
        if (fields == NULL)
            buf_put(out, text, length);
        else
            fragment_pick(out, text, length, fields);
        buf_byte(out, '\n');
    }
}

/* ---- parquet ---- */

/* A value as a cell of a column of that kind. */
static struct cell
cell_take(struct table *table, enum cell_kind kind, const struct member *member, struct buf *text)
{
    struct cell cell = { .kind = (uint8_t)kind };

    if (member->value[0] == 'n')
        return (struct cell){ .kind = CELL_NULL };
    switch (kind) {
    case CELL_NULL:
        break;
    case CELL_BOOLEAN:
        cell.boolean = member->value[0] == 't';
        break;
    case CELL_INTEGER:
        cell.integer = strtoll(member->value, NULL, 10);
        break;
    case CELL_REAL:
        cell.real = strtod(member->value, NULL);
        break;
    case CELL_TEXT:
    case CELL_JSON:
        buf_reset(text);
        if (member->value[0] == '"')
            fragment_put_text(text, member->value, member->length);
        else
            buf_put(text, member->value, member->length);
        cell.length = (uint32_t)text->length;
        cell.text = arena_copy(&table->arena, buf_string(text), text->length);
    }
    return cell;
}

static void
table_make(struct table *table, const struct board *board, const struct query_rows *rows,
           const bool *column)
{
    struct buf text;

    *table = (struct table){ .rows = rows->count };
    arena_init(&table->arena, 0);
    buf_init(&text, UINT32_MAX);
    table->column = arena_zero(&table->arena, board->raws, sizeof *table->column);
    for (size_t i = 0; i < board->raws; i++) {
        if (!column[i])
            continue;
        table->column[table->columns++] =
            (struct column){ board->raw[i].name, (uint8_t)board->raw[i].kind,
                             arena_zero(&table->arena, rows->count, sizeof(struct cell)) };
    }
    for (size_t i = 0; i < rows->count; i++) {
        struct fragment row;
        struct member member;
        const struct column *to = table->column;
        row_open(&row, board, rows->row[i]);
        for (size_t c = 0; c < board->raws && fragment_next(&row, &member); c++) {
            if (!column[c])
                continue;
            to->cells[i] = cell_take(table, board->raw[c].kind, &member, &text);
            to++;
        }
    }
    buf_free(&text);
}

/* What parquet has no form for here, lists of numbers say, becomes a text of JSON. */
static void
lists_to_texts(struct table *table)
{
    for (size_t i = 0; i < table->columns; i++) {
        struct column *column = &table->column[i];
        for (size_t row = 0; column->kind == CELL_JSON && row < table->rows; row++)
            if (column->cells[row].kind == CELL_JSON)
                column->cells[row].kind = CELL_TEXT;
        column->kind = column->kind == CELL_JSON ? CELL_TEXT : column->kind;
    }
}

static bool
put_parquet(struct buf *out, const struct board *board, const struct query_rows *rows,
            const bool *column, struct error *why)
{
    struct table table;

    table_make(&table, board, rows, column);
    enum parquet_write_result result = parquet_write(&table, out, why);
    if (result == PARQUET_WRITE_UNSUPPORTED) {
        lists_to_texts(&table);
        result = parquet_write(&table, out, why);
    }
    table_free(&table);
    return result == PARQUET_WRITE_OK;
}

bool
export_rows(struct buf *out, enum export_format format, const struct board *board,
            const struct query_rows *rows, const char *const *fields, struct error *why)
{
    bool *column = mem_zero(board->raws, sizeof *column);
    bool good = true;

    for (size_t i = 0; i < board->raws; i++)
        column[i] = wanted(fields, board->raw[i].name);
    if (format == EXPORT_CSV)
        put_csv(out, board, rows, column);
    else if (format == EXPORT_JSONL)
        put_jsonl(out, board, rows, fields);
    else
        good = put_parquet(out, board, rows, column, why);
    free(column);
    if (good && !buf_ok(out))
        error_set(why, "the rows make a file of more than %zu bytes", out->max_bytes);
    return good && buf_ok(out);
}
