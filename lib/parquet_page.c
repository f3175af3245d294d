#include "parquet_private.h"

#include <inttypes.h>
#include <string.h>

static size_t
bytes_left(const struct thrift *in)
{
    return (size_t)(in->end - in->at);
}

/* `width` (0 to 64) bits from bit `place` on, the least significant first. */
static uint64_t
bits_at(const uint8_t *bytes, uint64_t place, unsigned width)
{
    const uint8_t *at = bytes + place / 8;
    unsigned shift = place % 8, have = 0;
    uint64_t value = 0;

    while (have < width) {
        value |= (uint64_t)(*at++ >> shift) << have;
        have += 8 - shift;
        shift = 0;
    }
    return width == 64 ? value : value & ((UINT64_C(1) << width) - 1);
}

static bool
page_damaged(struct parquet *file, const char *what)
{
    return parquet_fail(file, PARQUET_BROKEN, "a page's %s are damaged or cut short", what);
}

/* The RLE/bit-packed hybrid: runs of one repeated number, and runs of packed ones in groups of 8,
 * of which the last may be cut after the bytes that count. */
static bool
hybrid_decode(struct parquet *file, struct thrift in, unsigned width, uint32_t *out, size_t count,
              const char *what)
{
    size_t done = 0;

    if (width == 0) {
        memset(out, 0, count * sizeof *out);
        return true;
    }
    while (done < count) {
        uint64_t head = thrift_varint(&in), run = head >> 1;
        if (in.failed || run > UINT32_MAX)
            return page_damaged(file, what);
        if ((head & 1) != 0) {
            size_t take = run * 8 < count - done ? (size_t)run * 8 : count - done;
            size_t bytes = (size_t)run * width;
            if (((uint64_t)take * width + 7) / 8 > bytes_left(&in))
                return page_damaged(file, what);
            for (size_t i = 0; i < take; i++)
                out[done++] = (uint32_t)bits_at(in.at, (uint64_t)i * width, width);
            in.at += bytes < bytes_left(&in) ? bytes : bytes_left(&in);
        } else {
            size_t bytes = (width + 7) / 8;
            if (run > count - done || bytes > bytes_left(&in))
                return page_damaged(file, what);
            uint32_t value = (uint32_t)bits_at(in.at, 0, (unsigned)bytes * 8);
            for (in.at += bytes; run > 0; run--)
                out[done++] = value;
        }
    }
    return true;
}

static bool
levels_check(struct parquet *file, uint32_t max, const uint32_t *levels, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (levels[i] > max)
            return parquet_fail(file, PARQUET_BROKEN,
                                "a level of %" PRIu32 " where %" PRIu32 " is the highest",
                                levels[i], max);
    return true;
}

static unsigned
levels_width(uint32_t max)
{
    return max > 1 ? 2 : 1;
}

bool
parquet_levels_rle(struct parquet *file, struct thrift in, uint32_t max, uint32_t *levels,
                   size_t count)
{
    return hybrid_decode(file, in, levels_width(max), levels, count, "levels") &&
           levels_check(file, max, levels, count);
}

bool
parquet_levels_packed(struct parquet *file, struct thrift *in, uint32_t max, uint32_t *levels,
                      size_t count)
{
    unsigned width = levels_width(max);
    size_t bytes = count / 8 * width + (count % 8 * width + 7) / 8;

    if (bytes > bytes_left(in))
        return page_damaged(file, "levels");
    for (size_t i = 0; i < count; i++) { /* the most significant bit first, unlike elsewhere */
        size_t place = i * width;
        levels[i] = (uint32_t)in->at[place / 8] >> (8 - width - place % 8) & ((1U << width) - 1);
    }
    in->at += bytes;
    return levels_check(file, max, levels, count);
}

/* Decodes DELTA_BINARY_PACKED and leaves `in` behind it. Sums wrap, as the format wants. */
static bool
delta_decode(struct parquet *file, struct thrift *in, int64_t *out, size_t count)
{
    uint64_t block = thrift_varint(in), minis = thrift_varint(in), total = thrift_varint(in);
    uint64_t value = (uint64_t)thrift_zigzag(thrift_varint(in));
    size_t done = 0;

    if (in->failed || block == 0 || block % 128 != 0 || block > INT32_MAX || minis == 0 ||
        block % minis != 0 || block / minis % 32 != 0)
        return page_damaged(file, "deltas");
    if (total != count)
        return parquet_fail(file, PARQUET_BROKEN, "a page of %zu values has %" PRIu64 " deltas",
                            count, total);
    size_t per_mini = (size_t)(block / minis);
    out[done++] = (int64_t)value;
    while (done < count) {
        uint64_t least = (uint64_t)thrift_zigzag(thrift_varint(in));
        const uint8_t *widths = in->at;
        if (in->failed || minis > bytes_left(in))
            return page_damaged(file, "deltas");
        in->at += minis;
        for (size_t mini = 0; mini < minis && done < count; mini++) {
            unsigned width = widths[mini];
            size_t bytes = per_mini / 8 * width;
            size_t take = per_mini < count - done ? per_mini : count - done;
            if (width > 64 || bytes > bytes_left(in))
                return page_damaged(file, "deltas");
            for (size_t i = 0; i < take; i++) {
                value += least + bits_at(in->at, (uint64_t)i * width, width);
                out[done++] = (int64_t)value;
            }
            in->at += bytes;
        }
    }
    return true;
}

static bool
values_delta(struct parquet *file, struct thrift *in, struct cell *cells, size_t count)
{
    int64_t *values = parquet_take(file, &file->page_arena, count, sizeof *values);

    if (values == NULL || !delta_decode(file, in, values, count))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!parquet_cell_integer(file, values[i], &cells[i]))
            return false;
    return true;
}

/* DELTA_LENGTH_BYTE_ARRAY: all lengths, then all bytes. */
static bool
values_delta_length(struct parquet *file, struct thrift *in, struct cell *cells, size_t count)
{
    int64_t *lengths = parquet_take(file, &file->page_arena, count, sizeof *lengths);

    if (lengths == NULL || !delta_decode(file, in, lengths, count))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (lengths[i] < 0 || (uint64_t)lengths[i] > bytes_left(in))
            return page_damaged(file, "lengths");
        if (!parquet_cell_bytes(file, in->at, (size_t)lengths[i], &cells[i]))
            return false;
        in->at += lengths[i];
    }
    return true;
}

/* DELTA_BYTE_ARRAY: how many bytes each value takes over from the one before it, the lengths of the
 * rests, the rests. */
static bool
values_delta_prefix(struct parquet *file, struct thrift *in, struct cell *cells, size_t count)
{
    int64_t *prefixes = parquet_take(file, &file->page_arena, count, sizeof *prefixes);
    int64_t *lengths = parquet_take(file, &file->page_arena, count, sizeof *lengths);
    size_t have = 0;

    if (prefixes == NULL || lengths == NULL || !delta_decode(file, in, prefixes, count) ||
        !delta_decode(file, in, lengths, count))
        return false;
    /* No value is longer than all the rests together. */
    uint8_t *value = parquet_take(file, &file->page_arena, bytes_left(in), 1);
    if (value == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (prefixes[i] < 0 || (uint64_t)prefixes[i] > have || lengths[i] < 0 ||
            (uint64_t)lengths[i] > bytes_left(in))
            return page_damaged(file, "lengths");
        if (lengths[i] != 0)
            memcpy(value + prefixes[i], in->at, (size_t)lengths[i]);
        in->at += lengths[i];
        have = (size_t)(prefixes[i] + lengths[i]);
        if (!parquet_cell_bytes(file, value, have, &cells[i]))
            return false;
    }
    return true;
}

/* BYTE_STREAM_SPLIT: the first bytes of all values, then the second ones, and so on. */
static bool
values_split(struct parquet *file, struct thrift *in, struct cell *cells, size_t count)
{
    size_t width = file->at->width;
    uint8_t *value = parquet_take(file, &file->page_arena, width, 1);

    if (value == NULL)
        return false;
    if (bytes_left(in) % width != 0 || bytes_left(in) / width != count)
        return page_damaged(file, "values");
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < width; j++)
            value[j] = in->at[j * count + i];
        if (!parquet_cell_fixed(file, value, &cells[i]))
            return false;
    }
    return true;
}

static bool
values_booleans(struct parquet *file, struct thrift *in, struct cell *cells, size_t count)
{
    if (count / 8 + (count % 8 != 0) > bytes_left(in))
        return page_damaged(file, "values");
    for (size_t i = 0; i < count; i++)
        cells[i] =
            (struct cell){ .kind = CELL_BOOLEAN, .boolean = (in->at[i / 8] >> i % 8 & 1) != 0 };
    return true;
}

static bool
values_plain(struct parquet *file, struct thrift *in, struct cell *cells, size_t count)
{
    size_t width = file->at->width;

    if (file->at->type == TYPE_BOOLEAN)
        return values_booleans(file, in, cells, count);
    if (width != 0) {
        if (count > bytes_left(in) / width)
            return page_damaged(file, "values");
        for (size_t i = 0; i < count; i++, in->at += width)
            if (!parquet_cell_fixed(file, in->at, &cells[i]))
                return false;
        return true;
    }
    for (size_t i = 0; i < count; i++) {
        if (bytes_left(in) < 4)
            return page_damaged(file, "values");
        size_t length = (size_t)bits_at(in->at, 0, 32);
        in->at += 4;
        if (length > bytes_left(in))
            return page_damaged(file, "values");
        if (!parquet_cell_bytes(file, in->at, length, &cells[i]))
            return false;
        in->at += length;
    }
    return true;
}

static bool
values_dictionary(struct parquet *file, const struct parquet_dictionary *dictionary,
                  struct thrift *in, struct cell *cells, size_t count)
{
    uint32_t *index = parquet_take(file, &file->page_arena, count, sizeof *index);

    if (index == NULL)
        return false;
    if (dictionary->cells == NULL)
        return parquet_fail(file, PARQUET_BROKEN, "a dictionary is referred to and not there");
    unsigned width = in->at == in->end ? 255 : *in->at++;
    if (width > 32)
        return page_damaged(file, "dictionary indices");
    if (!hybrid_decode(file, *in, width, index, count, "dictionary indices"))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (index[i] >= dictionary->count)
            return parquet_fail(file, PARQUET_BROKEN,
                                "entry %" PRIu32 " of a dictionary of %zu entries", index[i],
                                dictionary->count);
        cells[i] = dictionary->cells[index[i]];
    }
    return true;
}

/* RLE holds booleans, behind four bytes of length. */
static bool
values_rle(struct parquet *file, struct thrift *in, struct cell *cells, size_t count)
{
    uint32_t *bits = parquet_take(file, &file->page_arena, count, sizeof *bits);

    if (bits == NULL)
        return false;
    if (bytes_left(in) < 4 || bits_at(in->at, 0, 32) > bytes_left(in) - 4)
        return page_damaged(file, "values");
    struct thrift runs = { .at = in->at + 4, .end = in->at + 4 + bits_at(in->at, 0, 32) };
    if (!hybrid_decode(file, runs, 1, bits, count, "values"))
        return false;
    for (size_t i = 0; i < count; i++)
        cells[i] = (struct cell){ .kind = CELL_BOOLEAN, .boolean = bits[i] != 0 };
    return true;
}

bool
parquet_values(struct parquet *file, int64_t encoding, const struct parquet_dictionary *dictionary,
               struct thrift in, struct cell *cells, size_t count)
{
    static const char *const names[] = {
        "PLAIN",          "GROUP_VAR_INT",       "PLAIN_DICTIONARY",        "RLE",
        "BIT_PACKED",     "DELTA_BINARY_PACKED", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY",
        "RLE_DICTIONARY", "BYTE_STREAM_SPLIT",
    };
    enum parquet_type type = file->at->type;

    if (encoding < 0 || (size_t)encoding >= sizeof names / sizeof names[0])
        return parquet_fail(file, PARQUET_UNSUPPORTED, "encoding %" PRId64 " is not known",
                            encoding);
    if (encoding == 1 || encoding == ENCODING_BIT_PACKED)
        return parquet_fail(file, PARQUET_UNSUPPORTED, "values encoded as %s are not supported",
                            names[encoding]);
    if (count == 0) /* what stands there then differs from writer to writer */
        return true;
    switch ((enum parquet_encoding)encoding) {
    case ENCODING_PLAIN:
        return values_plain(file, &in, cells, count);
    case ENCODING_PLAIN_DICTIONARY:
    case ENCODING_RLE_DICTIONARY:
        return values_dictionary(file, dictionary, &in, cells, count);
    case ENCODING_RLE:
        if (type == TYPE_BOOLEAN)
            return values_rle(file, &in, cells, count);
        break;
    case ENCODING_DELTA_BINARY_PACKED:
        if (type == TYPE_INT32 || type == TYPE_INT64)
            return values_delta(file, &in, cells, count);
        break;
    case ENCODING_DELTA_LENGTH_BYTE_ARRAY:
        if (type == TYPE_BYTE_ARRAY)
            return values_delta_length(file, &in, cells, count);
        break;
    case ENCODING_DELTA_BYTE_ARRAY:
        if (type == TYPE_BYTE_ARRAY || type == TYPE_FIXED)
            return values_delta_prefix(file, &in, cells, count);
        break;
    case ENCODING_BYTE_STREAM_SPLIT:
        if (type != TYPE_BOOLEAN && type != TYPE_BYTE_ARRAY && type != TYPE_INT96)
            return values_split(file, &in, cells, count);
        break;
    case ENCODING_BIT_PACKED:
        break;
    }
    return parquet_fail(file, PARQUET_BROKEN, "physical type %d does not come encoded as %s",
                        (int)type, names[encoding]);
}
