/* seeds DIR: writes DIR/NAME.parquet for everything that lib/parquet reads, and DIR/NAME.jsonl with
 * the rows that it must give. The fuzzer starts from these files; tests/parquet.bats compares them.
 *
 * The encoder here shares nothing with the library, so that a misreading of the format would have
 * to be made twice. A seed is one line of seeds[]: all its columns have the same encoding, codec
 * and shape. A column cycles through the values of its sort, which are written down with the JSON
 * that they stand for. */
#include "buf.h"

#include <brotli/encode.h>
#include <lz4.h>
#include <snappy-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

enum { FILE_MAX = 1 << 20, ROWS_MAX = 512, COLUMNS_MAX = 32, PAGE_ROWS = 150 };

/* Numbers of parquet.thrift. */
enum { BOOLEAN, INT32, INT64, INT96, FLOAT, DOUBLE, BYTES, FIXED };
enum {
    PLAIN = 0,
    OLD_DICTIONARY = 2,
    RLE = 3,
    BIT_PACKED = 4,
    DELTA = 5,
    DELTA_LENGTH = 6,
    DELTA_PREFIX = 7,
    DICTIONARY = 8,
    SPLIT = 9
};
enum { NONE = 0, SNAPPY = 1, GZIP = 2, BROTLI = 4, ZSTD = 6, LZ4_RAW = 7 };
enum { I32 = 5, I64 = 6, BINARY = 8, LIST = 9, STRUCT = 12 };

enum shape {
    REQUIRED,
    OPTIONAL,
    LIST_FULL,     /* optional list of optional elements, three levels */
    LIST_REQUIRED, /* required list of required elements, three levels */
    LIST_OLD,      /* optional list whose repeated field is the element */
    REPEATED,      /* a repeated field, without any list annotation */
};

enum {
    V2 = 1,            /* data pages v2 */
    V2_STORED = 2,     /* v2 pages that say they are not compressed */
    CRC = 4,           /* checksums */
    PACKED_LEVELS = 8, /* levels in the deprecated encoding */
    GZIP_MEMBERS = 16, /* two gzip members a page */
    GZIP_ZLIB = 32,    /* zlib's header instead of gzip's */
    INDEX_PAGE = 64,   /* an index page before the data */
    ALL_SORTS = 128,   /* not just a few */
    MIXED = 256,       /* every other page is PLAIN, as when a dictionary grows too large */
    MID_LIST = 512,    /* pages end within a list, as old writers made them */
};

struct value {
    int64_t number;
    double real;
    const char *bytes;
    size_t length;
    const char *json;
};

#define NUMBER(n, text)                                                                            \
    {                                                                                              \
        .number = (n), .json = (text)                                                              \
    }
#define REAL(r, text)                                                                              \
    {                                                                                              \
        .real = (r), .json = (text)                                                                \
    }
#define BYTES(s, text)                                                                             \
    {                                                                                              \
        .bytes = (s), .length = sizeof(s) - 1, .json = (text)                                      \
    }

struct sort {
    const char *name;
    int type, width;
    int converted;     /* ConvertedType + 1, or 0 */
    int logical;       /* field of LogicalType, or 0 */
    int first, second; /* decimal: scale, precision; timestamp: unit, is UTC; integer: bits, sign */
    struct value values[8];
    size_t count;
};

#define VALUES(...)                                                                                \
    .values = { __VA_ARGS__ },                                                                     \
    .count = sizeof((struct value[]){ __VA_ARGS__ }) / sizeof(struct value)

static const struct sort sorts[] = {
    { "text", BYTES, .converted = 1, .logical = 1,
      VALUES(BYTES("", "\"\""), BYTES("a\"b\\c\n", "\"a\\\"b\\\\c\\n\""),
             BYTES("\xe2\xac\x86\xef\xb8\x8f", "\"\xe2\xac\x86\xef\xb8\x8f\""),
             BYTES("axolotl", "\"axolotl\""), BYTES("axolotls", "\"axolotls\"")) },
    { "int64", INT64,
      VALUES(NUMBER(7, "7"), NUMBER(-1, "-1"), NUMBER(INT64_MAX, "9223372036854775807"),
             NUMBER(INT64_MIN, "-9223372036854775808"), NUMBER(0, "0")) },
    { "boolean", BOOLEAN, VALUES(NUMBER(1, "true"), NUMBER(0, "false"), NUMBER(1, "true")) },
    { "int32", INT32,
      VALUES(NUMBER(7, "7"), NUMBER(-7, "-7"), NUMBER(INT32_MAX, "2147483647"),
             NUMBER(INT32_MIN, "-2147483648")) },
    { "uint32", INT32, .converted = 14, .logical = 10, .first = 32, .second = 0,
      VALUES(NUMBER(1, "1"), NUMBER(-1, "4294967295")) },
    { "int8", INT32, .converted = 16, VALUES(NUMBER(-128, "-128"), NUMBER(127, "127")) },
    { "uint64", INT64, .converted = 15, .logical = 10, .first = 64, .second = 0,
      VALUES(NUMBER(INT64_MAX, "9223372036854775807"), NUMBER(-1, "18446744073709551615"),
             NUMBER(INT64_MIN, "9223372036854775808")) },
    { "date", INT32, .converted = 7,
      VALUES(NUMBER(0, "\"1970-01-01\""), NUMBER(-1, "\"1969-12-31\""),
             NUMBER(19782, "\"2024-02-29\""), NUMBER(-719528, "\"0000-01-01\""),
             NUMBER(-719529, "\"-000001-12-31\""), NUMBER(2932896, "\"9999-12-31\""),
             NUMBER(2932897, "\"+010000-01-01\"")) },
    { "milliseconds", INT64, .converted = 10,
      VALUES(NUMBER(0, "\"1970-01-01T00:00:00Z\""), NUMBER(-1, "\"1969-12-31T23:59:59.999Z\""),
             NUMBER(1719405296123, "\"2024-06-26T12:34:56.123Z\"")) },
    { "microseconds", INT64, .logical = 8, .first = 2, .second = 0,
      VALUES(NUMBER(1719405296000001, "\"2024-06-26T12:34:56.000001\""),
             NUMBER(INT64_MIN, "\"-290308-12-21T19:59:05.224192\"")) },
    { "nanoseconds", INT64, .logical = 8, .first = 3, .second = 1,
      VALUES(NUMBER(1, "\"1970-01-01T00:00:00.000000001Z\""),
             NUMBER(INT64_MAX, "\"2262-04-11T23:47:16.854775807Z\"")) },
    { "int96", INT96, .width = 12,
      VALUES(
          BYTES("\0\0\0\0\0\0\0\0\x8c\x3d\x25\0", "\"1970-01-01T00:00:00\""),
          BYTES("\x15\xcd\x5b\x07\0\0\0\0\xa1\xb0\x25\0", "\"2050-08-30T00:00:00.123456789\"")) },
    { "float", FLOAT, VALUES(REAL(0.5, "0.5"), REAL(-1.0, "-1.0"), REAL(1e10, "10000000000.0")) },
    { "double", DOUBLE,
      VALUES(REAL(0.1, "0.1"), REAL(0.3302792147058693, "0.3302792147058693"),
             REAL(1e300, "1e+300"), REAL(-5.0, "-5.0")) },
    { "float16", FIXED, .width = 2, .logical = 15,
      VALUES(BYTES("\x00\x3c", "1.0"), BYTES("\x00\xc0", "-2.0"), BYTES("\x00\x7c", "null"),
             BYTES("\x03\x00", "1.7881393432617188e-07")) },
    { "decimal32", INT32, .converted = 6, .logical = 5, .first = 2, .second = 9,
      VALUES(NUMBER(12345, "\"123.45\""), NUMBER(-5, "\"-0.05\""), NUMBER(0, "\"0.00\"")) },
    { "decimal64", INT64, .converted = 6, .first = 0, .second = 18,
      VALUES(NUMBER(-12345, "\"-12345\""), NUMBER(0, "\"0\"")) },
    { "decimal_fixed", FIXED, .width = 9, .converted = 6, .first = 3, .second = 20,
      VALUES(BYTES("\x00\x00\x00\x00\x00\x00\x00\x04\xd2", "\"1.234\""),
             BYTES("\x80\0\0\0\0\0\0\0\0", "\"-2361183241434822606.848\"")) },
    { "decimal_bytes", BYTES, .converted = 6, .first = 1, .second = 38,
      VALUES(BYTES("\xff", "\"-0.1\""), BYTES("\x00\xff", "\"25.5\""),
             BYTES("\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
                   "\"17014118346046923173168730371588410572.7\"")) },
    { "enum", BYTES, .converted = 5, VALUES(BYTES("RED", "\"RED\""), BYTES("READ", "\"READ\"")) },
    { "json", BYTES, .converted = 20, VALUES(BYTES("{\"a\":1}", "\"{\\\"a\\\":1}\"")) },
    { "bytes", BYTES,
      VALUES(BYTES("plain", "\"plain\""), BYTES("\xff\xfe\x00", "\"//4A\""),
             BYTES("\xc3", "\"ww==\"")) },
    { "fixed", FIXED, .width = 3, VALUES(BYTES("abc", "\"abc\""), BYTES("ab\x80", "\"YWKA\"")) },
    { "nothing", INT32, .logical = 11, .count = 0 }, /* null in every row */
};

enum { FEW_SORTS = 2, SORTS = sizeof sorts / sizeof sorts[0] };

static const struct seed {
    const char *name;
    int encoding, codec;
    enum shape shape;
    unsigned flags;
    size_t rows, group_rows;
} seeds[] = {
    { "plain", PLAIN, NONE, OPTIONAL, ALL_SORTS | CRC, 14, 8 },
    { "plain-required", PLAIN, NONE, REQUIRED, ALL_SORTS, 9, 9 },
    { "plain-v2", PLAIN, NONE, OPTIONAL, ALL_SORTS | V2 | CRC, 9, 9 },
    { "dictionary", DICTIONARY, NONE, OPTIONAL, ALL_SORTS, 24, 24 },
    { "dictionary-old", OLD_DICTIONARY, NONE, REQUIRED, CRC, 24, 13 },
    { "dictionary-v2", DICTIONARY, ZSTD, OPTIONAL, V2 | CRC, 40, 40 },
    { "dictionary-full", DICTIONARY, SNAPPY, OPTIONAL, MIXED, 400, 400 },
    { "rle", RLE, NONE, OPTIONAL, ALL_SORTS, 50, 20 },
    { "rle-v2", RLE, GZIP, REQUIRED, ALL_SORTS | V2, 50, 50 },
    { "delta", DELTA, NONE, OPTIONAL, ALL_SORTS, 20, 20 },
    { "delta-long", DELTA, ZSTD, REQUIRED, 0, 420, 420 },
    { "delta-length", DELTA_LENGTH, NONE, OPTIONAL, ALL_SORTS, 20, 20 },
    { "delta-prefix", DELTA_PREFIX, NONE, OPTIONAL, ALL_SORTS, 20, 20 },
    { "delta-prefix-v2", DELTA_PREFIX, SNAPPY, REQUIRED, ALL_SORTS | V2, 20, 20 },
    { "split", SPLIT, NONE, OPTIONAL, ALL_SORTS, 12, 12 },
    { "snappy", PLAIN, SNAPPY, OPTIONAL, CRC, 30, 30 },
    { "snappy-v2", PLAIN, SNAPPY, OPTIONAL, V2 | CRC, 30, 30 },
    { "snappy-v2-stored", PLAIN, SNAPPY, OPTIONAL, V2 | V2_STORED, 12, 12 },
    { "gzip", PLAIN, GZIP, OPTIONAL, CRC, 30, 30 },
    { "gzip-members", PLAIN, GZIP, REQUIRED, GZIP_MEMBERS, 12, 12 },
    { "gzip-zlib", PLAIN, GZIP, REQUIRED, GZIP_ZLIB, 12, 12 },
    { "brotli", PLAIN, BROTLI, OPTIONAL, 0, 30, 30 },
    { "brotli-v2", DICTIONARY, BROTLI, OPTIONAL, V2, 30, 30 },
    { "zstd", PLAIN, ZSTD, OPTIONAL, CRC, 30, 30 },
    { "lz4-raw", PLAIN, LZ4_RAW, OPTIONAL, CRC, 30, 30 },
    { "levels-packed", PLAIN, NONE, OPTIONAL, PACKED_LEVELS, 13, 13 },
    { "index-page", PLAIN, NONE, OPTIONAL, INDEX_PAGE, 5, 5 },
    { "list", PLAIN, NONE, LIST_FULL, ALL_SORTS, 12, 12 },
    { "list-dictionary", DICTIONARY, SNAPPY, LIST_FULL, CRC, 40, 25 },
    { "list-v2", PLAIN, SNAPPY, LIST_FULL, V2, 20, 20 },
    { "list-required", DICTIONARY, NONE, LIST_REQUIRED, 0, 20, 20 },
    { "list-old", PLAIN, GZIP, LIST_OLD, 0, 20, 20 },
    { "list-delta-v2", DELTA, ZSTD, LIST_OLD, V2, 20, 20 },
    { "list-levels-packed", PLAIN, NONE, LIST_FULL, PACKED_LEVELS, 13, 13 },
    { "list-across-pages", PLAIN, NONE, LIST_FULL, MID_LIST, 20, 20 },
    { "repeated", PLAIN, NONE, REPEATED, 0, 20, 7 },
    { "repeated-v2", DICTIONARY, NONE, REPEATED, V2, 20, 20 },
    { "no-rows", PLAIN, NONE, OPTIONAL, 0, 0, 1 },
};

/* The Thrift compact protocol: `last` is the id of the field before, 0 at a structure's start. */

static void
put_varint(struct buf *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        buf_byte(out, (char)(value | 0x80));
    buf_byte(out, (char)value);
}

static void
put_zigzag(struct buf *out, int64_t value)
{
    put_varint(out, (uint64_t)value << 1 ^ (0 - (uint64_t)(value < 0)));
}

static void
put_field(struct buf *out, int *last, int id, int type)
{
    buf_byte(out, (char)((id - *last) << 4 | type));
    *last = id;
}

static void
put_integer(struct buf *out, int *last, int id, int type, int64_t value)
{
    put_field(out, last, id, type);
    put_zigzag(out, value);
}

static void
put_boolean(struct buf *out, int *last, int id, bool value)
{
    put_field(out, last, id, value ? 1 : 2);
}

static void
put_string(struct buf *out, const char *text)
{
    put_varint(out, strlen(text));
    buf_text(out, text);
}

static void
put_list(struct buf *out, int *last, int id, int type, size_t count)
{
    put_field(out, last, id, LIST);
    if (count < 15) {
        buf_byte(out, (char)(count << 4 | (unsigned)type));
    } else {
        buf_byte(out, (char)(0xf0 | type));
        put_varint(out, count);
    }
}

static void
put_end(struct buf *out)
{
    buf_byte(out, 0);
}

static void
put_little(struct buf *out, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        buf_byte(out, (char)(value >> (8 * i)));
}

/* What stands between two places of a column chunk. */
struct page {
    const struct sort *sort;
    const struct value *values[4 * ROWS_MAX]; /* that are not null */
    uint32_t repetition[4 * ROWS_MAX], definition[4 * ROWS_MAX];
    size_t present, levels, rows;
};

static bool
shape_is_list(enum shape shape)
{
    return shape >= LIST_FULL;
}

static uint32_t
shape_levels(enum shape shape)
{
    static const uint32_t levels[] = { 0, 1, 3, 1, 2, 1 };

    return levels[shape];
}

static void
page_add(struct page *page, uint32_t repetition, uint32_t definition, const struct value *value)
{
    page->repetition[page->levels] = repetition;
    page->definition[page->levels++] = definition;
    if (value != NULL)
        page->values[page->present++] = value;
}

/* Says what is in one row of one column: to `page`, and as JSON. Either may be NULL. */
static void
cell_tell(const struct seed *seed, size_t column, size_t row, struct page *page, struct buf *json)
{
    const struct sort *sort = &sorts[column];
    struct page no_page = { 0 };
    struct buf no_json = { 0 };
    uint32_t full = shape_levels(seed->shape);

    page = page == NULL ? &no_page : page;
    json = json == NULL ? &no_json : json;
    page->rows++;
    if (!shape_is_list(seed->shape)) {
        bool null = sort->count == 0 || (full != 0 && (row + column) % 5 == 3);
        const struct value *value = null ? NULL : &sort->values[(row + column) % sort->count];
        page_add(page, 0, null ? 0 : full, value);
        buf_text(json, null ? "null" : value->json);
        return;
    }
    uint32_t empty = seed->shape == LIST_FULL || seed->shape == LIST_OLD;
    size_t count = row % 4;
    if (empty == 1 && row % 8 == 0) {
        page_add(page, 0, 0, NULL);
        buf_text(json, "null");
        return;
    }
    buf_byte(json, '[');
    if (count == 0)
        page_add(page, 0, empty, NULL);
    for (size_t i = 0; i < count; i++) {
        bool null = seed->shape == LIST_FULL && (row + i) % 3 == 2;
        const struct value *value = null ? NULL : &sort->values[(row + i) % sort->count];
        page_add(page, i != 0, null ? full - 1 : full, value);
        buf_text(json, i != 0 ? "," : "");
        buf_text(json, null ? "null" : value->json);
    }
    buf_byte(json, ']');
}

/* Moves the end of a page, from the last element that continues a list, to another page. */
static void
page_cut(struct page *page, struct page *rest, uint32_t full)
{
    size_t at = page->levels, levels = page->levels;

    while (at > 0 && page->repetition[at - 1] == 0)
        at--;
    at -= at > 0;
    page->levels = at;
    page->present = 0;
    for (size_t i = 0; i < at; i++)
        page->present += page->definition[i] == full;
    const struct value **value = page->values + page->present;
    *rest = (struct page){ .sort = page->sort };
    for (; at < levels; at++)
        page_add(rest, page->repetition[at], page->definition[at],
                 page->definition[at] == full ? *value++ : NULL);
}

static size_t
type_width(const struct sort *sort)
{
    static const size_t widths[] = { 0, 4, 8, 12, 4, 8 };

    return sort->type == FIXED ? (size_t)sort->width : widths[sort->type];
}

/* The bytes of one value as PLAIN has them (but for the length of a byte array). */
static void
put_value(struct buf *out, const struct sort *sort, const struct value *value)
{
    float single = (float)value->real;
    uint64_t bits = (uint64_t)value->number;
    uint32_t bits32;

    if (value->bytes != NULL) {
        buf_put(out, value->bytes, value->length);
        return;
    }
    if (sort->type == DOUBLE)
        memcpy(&bits, &value->real, sizeof bits);
    if (sort->type == FLOAT) {
        memcpy(&bits32, &single, sizeof bits32);
        bits = bits32;
    }
    put_little(out, bits, type_width(sort));
}

static void
put_plain(struct buf *out, const struct sort *sort, const struct value *const *values, size_t count)
{
    unsigned bits = 0;

    for (size_t i = 0; i < count && sort->type == BOOLEAN; i++) {
        bits |= (unsigned)values[i]->number << i % 8;
        if (i % 8 == 7 || i + 1 == count) {
            buf_byte(out, (char)bits);
            bits = 0;
        }
    }
    for (size_t i = 0; i < count && sort->type != BOOLEAN; i++) {
        if (sort->type == BYTES)
            put_little(out, values[i]->length, 4);
        put_value(out, sort, values[i]);
    }
}

static void
put_bits(struct buf *out, const uint64_t *numbers, size_t count, unsigned width)
{
    unsigned held = 0, byte = 0;

    for (size_t i = 0; i < count; i++)
        for (unsigned j = 0; j < width; j++) {
            byte |= (unsigned)(numbers[i] >> j & 1) << held;
            if (++held == 8) {
                buf_byte(out, (char)byte);
                held = byte = 0;
            }
        }
}

/* The RLE/bit-packed hybrid: packs eight numbers where the next two differ, runs otherwise. */
static void
put_hybrid(struct buf *out, const uint32_t *numbers, size_t count, unsigned width)
{
    for (size_t i = 0; i < count;) {
        size_t run = 1;
        while (i + run < count && numbers[i + run] == numbers[i])
            run++;
        if (run == 1) {
            uint64_t packed[8] = { 0 };
            for (size_t j = 0; j < 8 && i < count; j++)
                packed[j] = numbers[i++];
            put_varint(out, 1 << 1 | 1);
            put_bits(out, packed, 8, width);
        } else {
            put_varint(out, run << 1);
            put_little(out, numbers[i], (width + 7) / 8);
            i += run;
        }
    }
}

/* DELTA_BINARY_PACKED in blocks of 128, four miniblocks each. */
static void
put_delta(struct buf *out, const int64_t *numbers, size_t count)
{
    put_varint(out, 128);
    put_varint(out, 4);
    put_varint(out, count);
    put_zigzag(out, count == 0 ? 0 : numbers[0]);
    for (size_t from = 1; from < count; from += 128) {
        size_t deltas = count - from < 128 ? count - from : 128;
        uint64_t delta[128] = { 0 };
        int64_t least = INT64_MAX;
        for (size_t i = 0; i < deltas; i++) {
            delta[i] = (uint64_t)numbers[from + i] - (uint64_t)numbers[from + i - 1];
            least = (int64_t)delta[i] < least ? (int64_t)delta[i] : least;
        }
        unsigned width[4] = { 0 };
        for (size_t i = 0; i < deltas; i++) {
            delta[i] -= (uint64_t)least;
            while (width[i / 32] < 64 && delta[i] >> width[i / 32] != 0)
                width[i / 32]++;
        }
        put_zigzag(out, least);
        for (size_t i = 0; i < 4; i++)
            buf_byte(out, (char)width[i]);
        for (size_t i = 0; i < 4 && i * 32 < deltas; i++)
            put_bits(out, delta + i * 32, 32, width[i]);
    }
}

static void
put_split(struct buf *out, const struct page *page)
{
    for (size_t byte = 0; byte < type_width(page->sort); byte++)
        for (size_t i = 0; i < page->present; i++) {
            struct buf value;
            buf_init(&value, 64);
            put_value(&value, page->sort, page->values[i]);
            buf_byte(out, value.data[byte]);
            buf_free(&value);
        }
}

static size_t
shared_prefix(const struct value *a, const struct value *b)
{
    size_t i = 0;

    while (i < a->length && i < b->length && a->bytes[i] == b->bytes[i])
        i++;
    return i;
}

static void
put_values(struct buf *out, const struct page *page, int encoding)
{
    int64_t numbers[4 * ROWS_MAX], prefixes[4 * ROWS_MAX];
    uint32_t indices[4 * ROWS_MAX];
    struct buf runs;

    for (size_t i = 0; i < page->present; i++) {
        const struct value *value = page->values[i];
        bool chain = encoding == DELTA_PREFIX && i != 0;
        prefixes[i] = chain ? (int64_t)shared_prefix(page->values[i - 1], value) : 0;
        numbers[i] = encoding == DELTA ? value->number : (int64_t)value->length - prefixes[i];
        indices[i] =
            encoding == RLE ? (uint32_t)value->number : (uint32_t)(value - page->sort->values);
    }
    switch (encoding) {
    case PLAIN:
        put_plain(out, page->sort, page->values, page->present);
        break;
    case OLD_DICTIONARY:
    case DICTIONARY:
        buf_byte(out, 3);
        put_hybrid(out, indices, page->present, 3);
        break;
    case RLE:
        buf_init(&runs, FILE_MAX);
        put_hybrid(&runs, indices, page->present, 1);
        put_little(out, runs.length, 4);
        buf_put(out, runs.data, runs.length);
        buf_free(&runs);
        break;
    case DELTA:
    case DELTA_LENGTH:
    case DELTA_PREFIX:
        if (encoding == DELTA_PREFIX)
            put_delta(out, prefixes, page->present);
        put_delta(out, numbers, page->present);
        for (size_t i = 0; i < page->present && encoding != DELTA; i++)
            buf_put(out, page->values[i]->bytes + prefixes[i], (size_t)numbers[i]);
        break;
    case SPLIT:
        put_split(out, page);
        break;
    }
}

static size_t
deflate_all(const char *in, size_t length, char *out, size_t room, int window)
{
    z_stream stream = { .next_in = (Bytef *)(uintptr_t)in,
                        .avail_in = (uInt)length,
                        .next_out = (Bytef *)out,
                        .avail_out = (uInt)room };

    if (deflateInit2(&stream, 9, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY) != Z_OK ||
        deflate(&stream, Z_FINISH) != Z_STREAM_END)
        abort();
    deflateEnd(&stream);
    return room - stream.avail_out;
}

static void
put_packed(struct buf *out, const struct seed *seed, const struct buf *in)
{
    size_t room = in->length + in->length / 4 + 1024, length = room;
    const char *bytes = buf_string(in);
    char *to = buf_reserve(out, room);
    size_t half = seed->flags & GZIP_MEMBERS ? in->length / 2 : 0;

    if (to == NULL)
        abort();
    switch (seed->codec) {
    case SNAPPY:
        if (snappy_compress(bytes, in->length, to, &length) != SNAPPY_OK)
            abort();
        break;
    case GZIP:
        length = half == 0 ? 0 : deflate_all(bytes, half, to, room, 31);
        length += deflate_all(bytes + half, in->length - half, to + length, room - length,
                              seed->flags & GZIP_ZLIB ? 15 : 31);
        break;
    case BROTLI:
        if (!BrotliEncoderCompress(5, 18, BROTLI_DEFAULT_MODE, in->length, (const uint8_t *)bytes,
                                   &length, (uint8_t *)to))
            abort();
        break;
    case ZSTD:
        length = ZSTD_compress(to, room, bytes, in->length, 3);
        break;
    case LZ4_RAW:
        length = (size_t)LZ4_compress_default(bytes, to, (int)in->length, (int)room);
        break;
    default:
        length = in->length;
        memcpy(to, bytes, length);
    }
    out->length += length;
}

/* Writes a page: its header with `details` (a structure in field `field`), and its body. */
static void
put_page(struct buf *out, const struct seed *seed, int type, int field, size_t unpacked,
         const struct buf *details, const struct buf *body)
{
    int last = 0;

    put_integer(out, &last, 1, I32, type);
    put_integer(out, &last, 2, I32, (int64_t)unpacked);
    put_integer(out, &last, 3, I32, (int64_t)body->length);
    if (seed->flags & CRC)
        put_integer(out, &last, 4, I32,
                    (int32_t)crc32(0, (const Bytef *)buf_string(body), (uInt)body->length));
    put_field(out, &last, field, STRUCT);
    buf_put(out, details->data, details->length);
    put_end(out);
    buf_put(out, body->data, body->length);
}

static void
put_levels(struct buf *out, const struct seed *seed, const uint32_t *levels, size_t count,
           unsigned width)
{
    struct buf runs;
    unsigned byte = 0, held = 0;

    if ((seed->flags & PACKED_LEVELS) == 0) {
        buf_init(&runs, FILE_MAX);
        put_hybrid(&runs, levels, count, width);
        if ((seed->flags & V2) == 0)
            put_little(out, runs.length, 4);
        buf_put(out, runs.data, runs.length);
        buf_free(&runs);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        byte = byte << width | levels[i];
        held += width;
        if (held == 8 || i + 1 == count) {
            buf_byte(out, (char)(byte << (8 - held)));
            byte = held = 0;
        }
    }
}

static void
put_data_page(struct buf *out, const struct seed *seed, const struct page *page, int encoding)
{
    struct buf levels, values, body, details;
    size_t repetition_length = 0;
    uint32_t full = shape_levels(seed->shape);
    int levels_encoding = seed->flags & PACKED_LEVELS ? BIT_PACKED : RLE, last = 0;
    bool v2 = seed->flags & V2;

    buf_init(&levels, FILE_MAX);
    buf_init(&values, FILE_MAX);
    buf_init(&body, FILE_MAX);
    buf_init(&details, FILE_MAX);
    if (shape_is_list(seed->shape))
        put_levels(&levels, seed, page->repetition, page->levels, 1);
    repetition_length = levels.length;
    if (full != 0)
        put_levels(&levels, seed, page->definition, page->levels, full > 1 ? 2 : 1);
    size_t levels_length = levels.length;
    if (v2)
        buf_put(&body, levels.data, levels.length);
    else
        buf_put(&values, levels.data, levels.length);
    put_values(&values, page, encoding);
    if (seed->flags & V2_STORED)
        buf_put(&body, values.data, values.length);
    else
        put_packed(&body, seed, &values);

    put_integer(&details, &last, 1, I32, (int64_t)page->levels);
    if (v2) {
        put_integer(&details, &last, 2, I32, (int64_t)(page->levels - page->present));
        put_integer(&details, &last, 3, I32, (int64_t)page->rows);
        put_integer(&details, &last, 4, I32, encoding);
        put_integer(&details, &last, 5, I32, (int64_t)(levels_length - repetition_length));
        put_integer(&details, &last, 6, I32, (int64_t)repetition_length);
        if (seed->flags & V2_STORED)
            put_boolean(&details, &last, 7, false);
    } else {
        put_integer(&details, &last, 2, I32, encoding);
        put_integer(&details, &last, 3, I32, levels_encoding);
        put_integer(&details, &last, 4, I32, levels_encoding);
    }
    put_end(&details);
    put_page(out, seed, v2 ? 3 : 0, v2 ? 8 : 5, values.length + (v2 ? levels_length : 0), &details,
             &body);
    buf_free(&levels);
    buf_free(&values);
    buf_free(&body);
    buf_free(&details);
}

static void
put_dictionary_page(struct buf *out, const struct seed *seed, const struct sort *sort)
{
    const struct value *values[8];
    struct buf plain, body, details;
    int last = 0;

    buf_init(&plain, FILE_MAX);
    buf_init(&body, FILE_MAX);
    buf_init(&details, FILE_MAX);
    for (size_t i = 0; i < sort->count; i++)
        values[i] = &sort->values[i];
    put_plain(&plain, sort, values, sort->count);
    put_packed(&body, seed, &plain);
    put_integer(&details, &last, 1, I32, (int64_t)sort->count);
    put_integer(&details, &last, 2, I32, seed->encoding == DICTIONARY ? PLAIN : OLD_DICTIONARY);
    put_end(&details);
    put_page(out, seed, 2, 7, plain.length, &details, &body);
    buf_free(&plain);
    buf_free(&body);
    buf_free(&details);
}

static void
put_index_page(struct buf *out, const struct seed *seed)
{
    struct buf details, body;

    buf_init(&details, 16);
    buf_init(&body, 16);
    put_end(&details);
    buf_text(&body, "index");
    put_page(out, seed, 1, 6, body.length, &details, &body);
    buf_free(&details);
    buf_free(&body);
}

/* Writes the pages of a column chunk for some rows, and its ColumnChunk structure to `meta`. */
static void
put_chunk(struct buf *out, struct buf *meta, const struct seed *seed, size_t column, size_t from,
          size_t to)
{
    static struct page page, rest;
    const struct sort *sort = &sorts[column];
    bool dictionary = seed->encoding == DICTIONARY || seed->encoding == OLD_DICTIONARY;
    size_t start = out->length, values = 0, number = 0;
    int outer = 0, last = 0;

    if (dictionary)
        put_dictionary_page(out, seed, sort);
    size_t data = out->length;
    if (seed->flags & INDEX_PAGE)
        put_index_page(out, seed);
    for (size_t row = from; row < to; number++) {
        /* The first page is short, so that there are several. */
        size_t end = row == from && to - from > 3 ? row + 3 : row + PAGE_ROWS;
        page = (struct page){ .sort = sort };
        for (; row < to && row < end; row++)
            cell_tell(seed, column, row, &page, NULL);
        values += page.levels;
        if (seed->flags & MID_LIST)
            page_cut(&page, &rest, shape_levels(seed->shape));
        put_data_page(out, seed, &page,
                      (seed->flags & MIXED) && number % 2 == 1 ? PLAIN : seed->encoding);
        if (seed->flags & MID_LIST)
            put_data_page(out, seed, &rest, seed->encoding);
    }

    put_integer(meta, &outer, 2, I64, (int64_t)start);
    put_field(meta, &outer, 3, STRUCT);
    put_integer(meta, &last, 1, I32, sort->type);
    put_list(meta, &last, 2, I32, 1);
    put_zigzag(meta, seed->encoding);
    size_t depth = seed->shape == LIST_OLD ? 2 : shape_is_list(seed->shape) ? 3 : 1;
    depth = seed->shape == REPEATED ? 1 : depth;
    put_list(meta, &last, 3, BINARY, depth);
    put_string(meta, sort->name);
    if (depth > 1)
        put_string(meta, "list");
    if (depth > 2)
        put_string(meta, "element");
    put_integer(meta, &last, 4, I32, seed->codec);
    put_integer(meta, &last, 5, I64, (int64_t)values);
    put_integer(meta, &last, 6, I64, (int64_t)(out->length - start));
    put_integer(meta, &last, 7, I64, (int64_t)(out->length - start));
    put_integer(meta, &last, 9, I64, (int64_t)data);
    if (dictionary)
        put_integer(meta, &last, 11, I64, (int64_t)start);
    put_end(meta);
    put_end(meta);
}

static void
put_logical(struct buf *out, int *last, const struct sort *sort)
{
    int in_union = 0, member = 0, unit = 0;

    put_field(out, last, 10, STRUCT);
    put_field(out, &in_union, sort->logical, STRUCT);
    if (sort->logical == 5) {
        put_integer(out, &member, 1, I32, sort->first);
        put_integer(out, &member, 2, I32, sort->second);
    } else if (sort->logical == 8) {
        put_boolean(out, &member, 1, sort->second);
        put_field(out, &member, 2, STRUCT);
        put_field(out, &unit, sort->first, STRUCT);
        put_end(out);
        put_end(out);
    } else if (sort->logical == 10) {
        put_field(out, &member, 1, 3);
        buf_byte(out, (char)sort->first);
        put_boolean(out, &member, 2, sort->second);
    }
    put_end(out);
    put_end(out);
}

static void
put_group(struct buf *out, const char *name, int repetition, int converted)
{
    int last = 0;

    put_integer(out, &last, 3, I32, repetition);
    put_field(out, &last, 4, BINARY);
    put_string(out, name);
    put_integer(out, &last, 5, I32, 1);
    if (converted != 0)
        put_integer(out, &last, 6, I32, converted - 1);
    put_end(out);
}

static void
put_leaf(struct buf *out, const struct sort *sort, const char *name, int repetition)
{
    int last = 0;

    put_integer(out, &last, 1, I32, sort->type);
    if (sort->type == FIXED)
        put_integer(out, &last, 2, I32, sort->width);
    put_integer(out, &last, 3, I32, repetition);
    put_field(out, &last, 4, BINARY);
    put_string(out, name);
    if (sort->converted != 0)
        put_integer(out, &last, 6, I32, sort->converted - 1);
    if (sort->converted == 6) {
        put_integer(out, &last, 7, I32, sort->first);
        put_integer(out, &last, 8, I32, sort->second);
    }
    if (sort->logical != 0)
        put_logical(out, &last, sort);
    put_end(out);
}

static size_t
schema_size(enum shape shape)
{
    return shape == LIST_OLD ? 2 : shape == LIST_FULL || shape == LIST_REQUIRED ? 3 : 1;
}

static void
put_column(struct buf *out, const struct sort *sort, enum shape shape)
{
    enum { REQUIRED_FIELD, OPTIONAL_FIELD, REPEATED_FIELD, LIST_TYPE = 4 };
    bool full = shape == LIST_FULL;

    if (schema_size(shape) == 1) {
        put_leaf(out, sort, sort->name,
                 shape == REQUIRED   ? REQUIRED_FIELD
                 : shape == OPTIONAL ? OPTIONAL_FIELD
                                     : REPEATED_FIELD);
        return;
    }
    put_group(out, sort->name, shape == LIST_REQUIRED ? REQUIRED_FIELD : OPTIONAL_FIELD, LIST_TYPE);
    if (shape == LIST_OLD) {
        put_leaf(out, sort, "list", REPEATED_FIELD);
        return;
    }
    put_group(out, "list", REPEATED_FIELD, 0);
    put_leaf(out, sort, "element", full ? OPTIONAL_FIELD : REQUIRED_FIELD);
}

/* True when the seed has a column of that sort. */
static bool
seed_has(const struct seed *seed, size_t column)
{
    const struct sort *sort = &sorts[column];
    int type = sort->type;

    if (sort->count == 0 && (seed->shape != OPTIONAL || seed->encoding != PLAIN))
        return false;
    if (column >= FEW_SORTS && (seed->flags & ALL_SORTS) == 0)
        return false;
    switch (seed->encoding) {
    case RLE:
        return type == BOOLEAN;
    case DELTA:
        return type == INT32 || type == INT64;
    case DELTA_LENGTH:
        return type == BYTES;
    case DELTA_PREFIX:
        return type == BYTES || type == FIXED;
    case SPLIT:
        return type != BOOLEAN && type != BYTES && type != INT96;
    case DICTIONARY:
    case OLD_DICTIONARY:
        return type != BOOLEAN;
    default:
        return true;
    }
}

static void
put_file(struct buf *out, const struct seed *seed)
{
    struct buf meta, groups;
    size_t columns = 0, count = 0, footer = 0;
    int last = 0, root = 0;

    buf_init(&meta, FILE_MAX);
    buf_init(&groups, FILE_MAX);
    for (size_t i = 0; i < SORTS; i++)
        columns += seed_has(seed, i);
    buf_text(out, "PAR1");
    for (size_t from = 0; from < seed->rows; from += seed->group_rows, count++) {
        size_t end = from + seed->group_rows < seed->rows ? from + seed->group_rows : seed->rows;
        int field = 0;
        put_list(&groups, &field, 1, STRUCT, columns);
        for (size_t i = 0; i < SORTS; i++)
            if (seed_has(seed, i))
                put_chunk(out, &groups, seed, i, from, end);
        put_integer(&groups, &field, 2, I64, 0);
        put_integer(&groups, &field, 3, I64, (int64_t)(end - from));
        put_end(&groups);
    }
    footer = out->length;
    put_integer(&meta, &last, 1, I32, 1);
    put_list(&meta, &last, 2, STRUCT, 1 + columns * schema_size(seed->shape));
    put_field(&meta, &root, 4, BINARY);
    put_string(&meta, "schema");
    put_integer(&meta, &root, 5, I32, (int64_t)columns);
    put_end(&meta);
    for (size_t i = 0; i < SORTS; i++)
        if (seed_has(seed, i))
            put_column(&meta, &sorts[i], seed->shape);
    put_integer(&meta, &last, 3, I64, (int64_t)seed->rows);
    put_list(&meta, &last, 4, STRUCT, count);
    buf_put(&meta, groups.data, groups.length);
    put_end(&meta);
    buf_put(out, meta.data, meta.length);
    put_little(out, out->length - footer, 4);
    buf_text(out, "PAR1");
    buf_free(&meta);
    buf_free(&groups);
}

static void
put_rows(struct buf *out, const struct seed *seed)
{
    for (size_t row = 0; row < seed->rows; row++) {
        char before = '{';
        for (size_t i = 0; i < SORTS; i++) {
            if (!seed_has(seed, i))
                continue;
            buf_format(out, "%c\"%s\":", before, sorts[i].name);
            cell_tell(seed, i, row, NULL, out);
            before = ',';
        }
        buf_text(out, "}\n");
    }
}

static void
save(const char *folder, const char *name, const char *ending, const struct buf *content)
{
    char path[4096];

    snprintf(path, sizeof path, "%s/%s.%s", folder, name, ending);
    FILE *file = fopen(path, "wb");
    if (file == NULL || !buf_ok(content) ||
        fwrite(buf_string(content), 1, content->length, file) != content->length ||
        fclose(file) != 0) {
        fprintf(stderr, "seeds: cannot write %s\n", path);
        exit(1);
    }
}

int
main(int count, char **argument)
{
    if (count != 2 || argument[1][0] == '-') {
        fputs("usage: seeds DIR\n", stderr);
        return 100;
    }
    for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++) {
        struct buf file, rows;
        buf_init(&file, FILE_MAX);
        buf_init(&rows, FILE_MAX);
        put_file(&file, &seeds[i]);
        put_rows(&rows, &seeds[i]);
        save(argument[1], seeds[i].name, "parquet", &file);
        save(argument[1], seeds[i].name, "jsonl", &rows);
        buf_free(&file);
        buf_free(&rows);
    }
    return 0;
}
