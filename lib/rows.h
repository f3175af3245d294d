/* rows: a dataset's data file, whatever its layout, as a table.
 *
 * A dataset on the Hub may hold its rows as parquet, as JSON lines or as one JSON array. */
#ifndef ROWS_H
#define ROWS_H

#include "error.h"
#include "table.h"

#include <stdbool.h>
#include <stddef.h>

enum rows_layout { ROWS_PARQUET, ROWS_JSONL, ROWS_JSON, ROWS_NONE };

/* The layout that a file's name tells: .parquet, .jsonl or .ndjson, .json; ROWS_NONE otherwise. */
enum rows_layout rows_layout(const char *path);

/* How well a path suits as the data of split "train": 0 when it is no data file at all; among the
 * others the highest counts. Parquet goes before JSON lines before JSON, names with "train" before
 * others. */
int rows_rank(const char *path);

/* Reads the file image `data` into `table`. JSON columns come in the order of their first
 * appearance, an absent member is null, nested values become CELL_JSON. Returns false with `why`
 * when it is no such file or one row is no object; the table is empty then. On true the caller owns
 * the table: table_free(). */
bool rows_read(enum rows_layout layout, const void *data, size_t length, struct table *table,
               struct error *why) __attribute__((warn_unused_result));

#endif
