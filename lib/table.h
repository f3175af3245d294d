/* table: named columns of typed cells, as a dataset's file holds them.
 *
 * The parquet and JSON readers produce a table; the leaderboard renders one. A cell keeps apart
 * what JSON output must keep apart: `1` is an integer, `1.0` a real, and an absent value is null.
 */
#ifndef TABLE_H
#define TABLE_H

#include "buf.h"
#include "mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cell_kind {
    CELL_NULL,
    CELL_BOOLEAN, /* .boolean */
    CELL_INTEGER, /* .integer */
    CELL_REAL,    /* .real */
    CELL_TEXT,    /* .text, .length: UTF-8, NUL bytes are possible, NOT NUL-terminated */
    CELL_JSON, /* .text, .length: JSON to be printed as it is (a list, an unsigned 64-bit number) */
};

struct cell {
    uint8_t kind; /* enum cell_kind */
    uint32_t length;
    union {
        bool boolean;
        int64_t integer;
        double real;
        const char *text;
    };
};

struct column {
    const char *name;   /* NUL-terminated UTF-8 */
    uint8_t kind;       /* enum cell_kind that its non-null cells have; CELL_NULL when unknown */
    struct cell *cells; /* one a row */
};

struct table {
    size_t columns, rows;
    struct column *column;
    struct arena arena; /* owns the columns, cells and texts */
};

/* Frees what the table's arena owns. */
void table_free(struct table *table);

/* The index of the column of that name, or -1. */
int table_find(const struct table *table, const char *name);

/* Appends one cell as JSON. */
void table_put_cell(struct buf *out, const struct cell *cell);

/* Appends row `row` as a JSON object, members in column order. */
void table_put_row(struct buf *out, const struct table *table, size_t row);

#endif
