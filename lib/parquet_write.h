/* parquet_write: writes a table as one parquet file that any parquet reader understands.
 *
 * All columns are optional. A column's kind chooses its type: boolean BOOLEAN, integer INT64, real
 * DOUBLE, text BYTE_ARRAY marked as UTF-8, JSON (arrays of strings and nulls only) a three-level
 * LIST of UTF-8. A column whose kind is unknown takes that of its first non-null cell, and text
 * when it has none.
 *
 * Pages are compressed with snappy and carry a checksum; a column chunk whose values repeat gets a
 * dictionary. Row groups hold at most 100,000 rows. The same table gives the same bytes wherever
 * the snappy library is the same.
 *
 * Source: https://github.com/apache/parquet-format (parquet.thrift, Encodings.md, LogicalTypes.md).
 */
#ifndef PARQUET_WRITE_H
#define PARQUET_WRITE_H

#include "buf.h"
#include "error.h"
#include "table.h"

enum parquet_write_result {
    PARQUET_WRITE_OK,
    PARQUET_WRITE_UNSUPPORTED, /* a cell of another kind than its column, or JSON that is no array
                                  of strings; `why` names column and row */
    PARQUET_WRITE_TOO_LARGE,   /* the file does not fit into `out`, or one row into a page */
};

/* Replaces the content of `out` by the file image. Unless the result is PARQUET_WRITE_OK, `why`
 * (may be NULL) says in one line what is wrong, and `out` holds no file. */
enum parquet_write_result parquet_write(const struct table *table, struct buf *out,
                                        struct error *why) __attribute__((warn_unused_result));

#endif
