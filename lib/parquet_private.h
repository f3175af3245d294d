/* parquet_private: what the files of the parquet reader share. Only lib/parquet*.c includes it.
 *
 *     parquet.c        from a file to a table: memory, row groups, column chunks, pages, rows
 *     parquet_schema.c the columns
 *     parquet_meta.c   the footer and the page headers
 *     parquet_page.c   levels and values in every encoding
 *     parquet_cell.c   from a value to a cell
 *     parquet_codec.c  decompression
 *
 * Functions that can fail return false after calling parquet_fail(), which keeps the first reason.
 * The numbers of the enumerations are those of parquet.thrift. */
#ifndef PARQUET_PRIVATE_H
#define PARQUET_PRIVATE_H

#include "buf.h"
#include "parquet.h"
#include "thrift.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum parquet_type {
    TYPE_BOOLEAN = 0,
    TYPE_INT32 = 1,
    TYPE_INT64 = 2,
    TYPE_INT96 = 3,
    TYPE_FLOAT = 4,
    TYPE_DOUBLE = 5,
    TYPE_BYTE_ARRAY = 6,
    TYPE_FIXED = 7,
};

enum parquet_encoding {
    ENCODING_PLAIN = 0,
    ENCODING_PLAIN_DICTIONARY = 2,
    ENCODING_RLE = 3,
    ENCODING_BIT_PACKED = 4,
    ENCODING_DELTA_BINARY_PACKED = 5,
    ENCODING_DELTA_LENGTH_BYTE_ARRAY = 6,
    ENCODING_DELTA_BYTE_ARRAY = 7,
    ENCODING_RLE_DICTIONARY = 8,
    ENCODING_BYTE_STREAM_SPLIT = 9,
};

enum parquet_codec {
    CODEC_NONE = 0,
    CODEC_SNAPPY = 1,
    CODEC_GZIP = 2,
    CODEC_LZO = 3,
    CODEC_BROTLI = 4,
    CODEC_LZ4 = 5,
    CODEC_ZSTD = 6,
    CODEC_LZ4_RAW = 7,
};

enum parquet_page_type { PAGE_DATA = 0, PAGE_INDEX = 1, PAGE_DICTIONARY = 2, PAGE_DATA_V2 = 3 };

/* What a column's values mean beyond their physical type. */
enum parquet_meaning {
    MEANING_PLAIN, /* nothing: also signed integers, strings, enums, JSON and all-null columns */
    MEANING_UNSIGNED,
    MEANING_DATE,
    MEANING_TIMESTAMP,
    MEANING_DECIMAL,
    MEANING_FLOAT16,
};

struct parquet_column {
    const char *name; /* lives in the table */
    enum parquet_type type;
    enum parquet_meaning meaning;
    size_t width; /* bytes of one value; 0 for BOOLEAN and BYTE_ARRAY */
    int digits;   /* after the point: a decimal's scale; 3, 6 or 9 of a timestamp's seconds */
    bool utc;     /* a timestamp counts from 1970 in UTC, not in whatever the local time is */
    bool is_list;
    uint32_t list_level;     /* the definition level of a list that is there but empty */
    uint32_t max_definition; /* the level of a value that is not null */
    struct thrift_bytes path[3];
    size_t depth; /* of path */
};

struct parquet {
    const uint8_t *data;
    size_t length; /* up to the footer: what pages may lie in */
    struct table *table;
    struct error *why;
    enum parquet_result result;
    const struct parquet_column *at; /* the column at work, for messages; or NULL */
    struct parquet_column *column;   /* table->columns of them */
    struct arena file_arena, chunk_arena, page_arena; /* gone when the file, chunk, page is read */
    size_t max_bytes, reserved; /* reserved: bytes in use outside the four arenas */
    size_t claimed;             /* bytes that column chunks said they occupy, so far */
    size_t unpacked;            /* bytes decompressed, so far */
    void *zstd;                 /* the decompressor's context, once it was needed */
};

struct parquet_footer {
    struct thrift schema, groups; /* placed before the first element */
    size_t schema_count, group_count;
    int64_t rows;
};

struct parquet_group {
    struct thrift chunks;
    size_t chunk_count;
    int64_t rows;
};

struct parquet_chunk {
    int64_t codec, values;
    size_t start, length; /* of its pages, checked to lie in the file */
};

struct parquet_page {
    enum parquet_page_type type;
    bool has_crc, is_packed;
    uint32_t crc;
    size_t packed, unpacked; /* bytes */
    size_t values;           /* nulls included; of a dictionary: its entries */
    int64_t encoding, definition_encoding, repetition_encoding;
    int64_t nulls, rows;                         /* v2 */
    size_t definition_length, repetition_length; /* v2 */
};

struct parquet_dictionary {
    struct cell *cells; /* NULL until there is one */
    size_t count;
};

/* Records why the reading ends, with the column at work, and returns false. */
bool parquet_fail(struct parquet *file, enum parquet_result result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* `count` elements of `size` bytes, not zeroed, from one of the file's arenas or the table's; NULL
 * (and parquet_fail) when that would exceed the memory allowed. */
void *parquet_take(struct parquet *file, struct arena *arena, size_t count, size_t size);

/* Counts `bytes` that something outside the arenas is about to allocate; `reserved` is lowered by
 * whoever frees them. */
bool parquet_reserve(struct parquet *file, size_t bytes);

/* Makes sure that `length` more bytes may be appended. */
bool parquet_room(struct parquet *file, struct buf *buf, size_t length);

/* Frees a buffer that grew through parquet_room(). */
void parquet_room_free(struct parquet *file, struct buf *buf);

bool parquet_footer_read(struct parquet *file, const void *data, size_t length,
                         struct parquet_footer *footer);

/* Fills file->column and the table's columns (names and kinds, not cells). */
bool parquet_schema_read(struct parquet *file, const struct parquet_footer *footer);

/* Each reads the next element of its list. */
bool parquet_group_read(struct parquet *file, struct thrift *in, struct parquet_group *group);
bool parquet_chunk_read(struct parquet *file, struct thrift *in, struct parquet_chunk *chunk);

/* Reads a page's header and leaves `in` at its body, which is checked to fit. */
bool parquet_page_read(struct parquet *file, struct thrift *in, struct parquet_page *page);

/* Decodes `count` levels of 0 to `max` and checks them: the RLE/bit-packed hybrid over all bytes of
 * `in`, or the deprecated BIT_PACKED from its start on, which it advances. */
bool parquet_levels_rle(struct parquet *file, struct thrift in, uint32_t max, uint32_t *levels,
                        size_t count);
bool parquet_levels_packed(struct parquet *file, struct thrift *in, uint32_t max, uint32_t *levels,
                           size_t count);

/* Decodes `count` values that are not null. */
bool parquet_values(struct parquet *file, int64_t encoding,
                    const struct parquet_dictionary *dictionary, struct thrift in,
                    struct cell *cells, size_t count);

/* Makes the cell of one value of the column at work: an INT32 or INT64, a BYTE_ARRAY (or fixed), or
 * the column's width of bytes as they lie in a page. */
bool parquet_cell_integer(struct parquet *file, int64_t value, struct cell *cell);
bool parquet_cell_bytes(struct parquet *file, const uint8_t *bytes, size_t length,
                        struct cell *cell);
bool parquet_cell_fixed(struct parquet *file, const uint8_t *bytes, struct cell *cell);

/* What kind the column's cells have. */
enum cell_kind parquet_cell_kind(const struct parquet_column *column);

/* The bytes of a page's part: `packed` bytes that stand for exactly `unpacked`. The result is `in`
 * itself where the codec is none, else it lives in the page arena. NULL after parquet_fail. */
const uint8_t *parquet_unpack(struct parquet *file, int64_t codec, const uint8_t *in, size_t packed,
                              size_t unpacked);

/* Frees what parquet_unpack keeps from page to page. */
void parquet_unpack_end(struct parquet *file);

#endif
