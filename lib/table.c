#include "table.h"

#include "json.h"

#include <string.h>

void
table_free(struct table *table)
{
    arena_free(&table->arena);
    table->columns = table->rows = 0;
    table->column = NULL;
}

int
table_find(const struct table *table, const char *name)
{
    for (size_t i = 0; i < table->columns; i++)
        if (strcmp(table->column[i].name, name) == 0)
            return (int)i;
    return -1;
}

void
table_put_cell(struct buf *out, const struct cell *cell)
{
    switch ((enum cell_kind)cell->kind) {
    case CELL_NULL:
        buf_text(out, "null");
        break;
    case CELL_BOOLEAN:
        json_put_boolean(out, cell->boolean);
        break;
    case CELL_INTEGER:
        json_put_integer(out, cell->integer);
        break;
    case CELL_REAL:
        json_put_real(out, cell->real);
        break;
    case CELL_TEXT:
        json_put_text(out, cell->text, cell->length);
        break;
    case CELL_JSON:
        buf_put(out, cell->text, cell->length);
        break;
    }
}

void
table_put_row(struct buf *out, const struct table *table, size_t row)
{
    for (size_t i = 0; i < table->columns; i++) {
        buf_byte(out, i == 0 ? '{' : ',');
        json_put_text(out, table->column[i].name, strlen(table->column[i].name));
        buf_byte(out, ':');
        table_put_cell(out, &table->column[i].cells[row]);
    }
    buf_text(out, table->columns == 0 ? "{}" : "}");
}
