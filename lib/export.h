/* export: rows of the dataset as a file for other programs.
 *
 * CSV is that of RFC 4180: UTF-8, a header, lines that end with CR LF. A missing value is an empty
 * cell, an empty text is "". A text (not a number) that begins with = + - @ or a tab or a carriage
 * return gets a ' in front, so that no spreadsheet takes what somebody submitted for a formula;
 * JSON lines and parquet have it unchanged. */
#ifndef EXPORT_H
#define EXPORT_H

#include "board.h"
#include "buf.h"
#include "error.h"
#include "query.h"

enum export_format { EXPORT_CSV, EXPORT_JSONL, EXPORT_PARQUET, EXPORT_FORMATS };

/* "csv", "jsonl", "parquet": what a file's name ends with. */
const char *export_suffix(enum export_format format);

/* What Content-Type says. */
const char *export_type(enum export_format format);

/* Puts the rows of a result into `out`, which is empty, with those columns that `fields` names (as
 * query_fields(); NULL for all). False with `why` when they do not fit. */
bool export_rows(struct buf *out, enum export_format format, const struct board *board,
                 const struct query_rows *rows, const char *const *fields, struct error *why)
    __attribute__((warn_unused_result));

#endif
