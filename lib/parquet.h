/* parquet: reads a parquet file into a table. Small, strict, and safe on any input.
 *
 * What it reads: flat schemas (required and optional columns) and one level of list, in the forms
 * of LogicalTypes.md (three levels, two levels, a bare repeated field); BOOLEAN, INT32, INT64,
 * INT96 (timestamp), FLOAT, DOUBLE, BYTE_ARRAY and FIXED_LEN_BYTE_ARRAY with the logical types
 * string, enum, json, date, timestamp, decimal (of 76 digits at most), integer widths, float16 and
 * null; data pages v1 and v2 and dictionary pages; PLAIN, PLAIN_DICTIONARY, RLE_DICTIONARY, RLE,
 * BIT_PACKED (of levels), DELTA_BINARY_PACKED, DELTA_LENGTH_BYTE_ARRAY, DELTA_BYTE_ARRAY and
 * BYTE_STREAM_SPLIT; uncompressed, snappy, gzip (and zlib), zstd, brotli and lz4_raw; any number of
 * row groups; page checksums are verified where present. Anything else (nesting, encryption, other
 * codecs, time, uuid, a file without columns) is refused by name.
 *
 * Source: https://github.com/apache/parquet-format (Encodings.md, LogicalTypes.md, parquet.thrift).
 */
#ifndef PARQUET_H
#define PARQUET_H

#include "error.h"
#include "table.h"

#include <stddef.h>

enum parquet_result {
    PARQUET_OK,
    PARQUET_BROKEN,      /* no parquet file, damaged, or contradicts itself */
    PARQUET_UNSUPPORTED, /* has a feature that this reader has not; `why` names it and the column */
    PARQUET_TOO_LARGE,   /* needs more than parquet_memory_max() allows, or than malloc gave */
};

/* The most memory, in bytes, that reading a file of `file_bytes` may take: 32 MiB plus 64 times the
 * file's size; nor may all pages together decompress to more. A file that says that it holds more
 * is refused, so a few bytes cannot ask for gigabytes, nor for minutes. */
size_t parquet_memory_max(size_t file_bytes);

/* Reads all rows of the file image `data` (which the table does not refer to afterwards) into
 * `table`. On PARQUET_OK the caller owns the table: table_free(). Otherwise the table is empty and
 * `why` (may be NULL) says in one line what is wrong.
 *
 * Columns: in the file's order, their names unique. `kind` is that of the column's type, also where
 * all its cells are null.
 *
 * Cells: BOOLEAN is boolean; integers of every width are integers (unsigned 64-bit beyond
 * INT64_MAX: CELL_JSON digits); FLOAT, DOUBLE and float16 are reals; string, enum, json and raw
 * bytes are text, bytes that are no UTF-8 in base64; date is text "YYYY-MM-DD"; timestamps and
 * INT96 are text "YYYY-MM-DDTHH:MM:SS[.fraction]" with "Z" where the file says UTC (INT96: no "Z");
 * the fraction has all digits of the column's unit, or is not there when it is zero; years before 0
 * and after 9999 have a sign and six digits; decimals are text with exactly their scale; a list is
 * CELL_JSON, an array. Cells of equal text may share it, so printing all rows can take far more
 * than the memory above: bound what is printed. */
enum parquet_result parquet_read(const void *data, size_t length, struct table *table,
                                 struct error *why) __attribute__((warn_unused_result));

#endif
