/* The layout of a file:
 *
 *   "PAR1"  row group...  FileMetaData  its length (4 bytes)  "PAR1"
 *   row group    = one column chunk a column, in schema order
 *   column chunk = [dictionary page] data page...
 *   page         = PageHeader, then a snappy block of [repetition levels] definition levels, values
 *
 * The headers are structs in thrift's compact protocol. Everything is little-endian.
 *
 * A row group's columns are taken apart one at a time (struct chunk): levels say for every entry
 * whether it begins a row and how much of its path is there, and only values that are there are
 * stored. A flat column has one entry a row and definition levels 0 (null) and 1. A list has an
 * entry an element, or one entry when it is null (0) or empty (1); an element is null (2) or there
 * (3). */
#include "parquet_write.h"

#include "json.h"
#include "parquet_private.h"

#include <snappy-c.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum {
    GROUP_ROWS = 100000,
    PAGE_ENTRIES = 20000, /* a page ends with the row that reaches one of these two */
    PAGE_BYTES = 1 << 20,
    PAGE_BYTES_MAX = 1 << 30, /* its sizes are signed 32-bit, and snappy may add a sixth */
    DICTIONARY_BYTES_MAX = 1 << 20,
    RUN_MIN = 8, /* bit-packed values come in groups of eight, so a shorter run does not pay */
};

/* More numbers of parquet.thrift. */
enum repetition { REPETITION_REQUIRED, REPETITION_OPTIONAL, REPETITION_REPEATED };
enum logical { LOGICAL_NONE, LOGICAL_STRING = 1, LOGICAL_LIST = 3 };
enum { TYPE_GROUP = -1, FORMAT_VERSION = 1 };

struct emitter {
    struct buf *out;
    int last; /* the id of the field before, in the struct that is open: ids are written as steps */
};

static void
put_varint(struct buf *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        buf_byte(out, (char)(value | 0x80));
    buf_byte(out, (char)value);
}

/* The head of a field; an element of a list (id 0) has none. */
static void
emit_field(struct emitter *to, int id, int type)
{
    if (id == 0)
        return;
    buf_byte(to->out, (char)((id - to->last) << 4 | type));
    to->last = id;
}

static void
emit_number(struct emitter *to, int id, int type, int64_t value)
{
    emit_field(to, id, type);
    put_varint(to->out, (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0));
}

static void
emit_text(struct emitter *to, int id, const char *text)
{
    emit_field(to, id, THRIFT_BINARY);
    put_varint(to->out, strlen(text));
    buf_text(to->out, text);
}

static void
emit_list(struct emitter *to, int id, int type, size_t count)
{
    emit_field(to, id, THRIFT_LIST);
    buf_byte(to->out, (char)((count < 15 ? count << 4 : 0xf0) | (unsigned)type));
    if (count >= 15)
        put_varint(to->out, count);
}

/* Begins a struct. What it returns is to be given back to emit_end. */
static int
emit_begin(struct emitter *to, int id)
{
    emit_field(to, id, THRIFT_STRUCT);
    int outer = to->last;
    to->last = 0;
    return outer;
}

static void
emit_end(struct emitter *to, int outer)
{
    buf_byte(to->out, 0);
    to->last = outer;
}

struct chunk {
    const char *name;
    enum cell_kind kind;
    enum parquet_type type;
    uint32_t defined;        /* the definition level of a value that is there */
    uint32_t *repetition;    /* of each entry: 0 begins a row */
    uint32_t *definition;    /* of each entry */
    size_t entries, room;    /* room: entries that the arrays can hold */
    struct cell *values;     /* those that are there */
    size_t count;            /* values */
    struct cell *dictionary; /* the distinct values */
    uint32_t *places;        /* of each value: its place in the dictionary */
    size_t distinct;         /* 0: no dictionary */
    struct arena texts;      /* owns the strings of lists */
};

static const enum parquet_type types[] = {
    [CELL_BOOLEAN] = TYPE_BOOLEAN, [CELL_INTEGER] = TYPE_INT64,   [CELL_REAL] = TYPE_DOUBLE,
    [CELL_TEXT] = TYPE_BYTE_ARRAY, [CELL_JSON] = TYPE_BYTE_ARRAY,
};

static enum cell_kind
column_kind(const struct column *column, size_t rows)
{
    if (column->kind != CELL_NULL)
        return column->kind;
    for (size_t row = 0; row < rows; row++)
        if (column->cells[row].kind != CELL_NULL)
            return column->cells[row].kind;
    return CELL_TEXT;
}

static void
chunk_free(struct chunk *chunk)
{
    free(chunk->repetition);
    free(chunk->definition);
    free(chunk->values);
    free(chunk->dictionary);
    free(chunk->places);
    arena_free(&chunk->texts);
}

/* Adds an entry; `value` is NULL unless the definition level says that it is there. */
static void
chunk_add(struct chunk *chunk, uint32_t repetition, uint32_t definition, const struct cell *value)
{
    if (chunk->entries == chunk->room) {
        chunk->room = chunk->room == 0 ? 1024 : chunk->room * 2;
        chunk->repetition = mem_resize(chunk->repetition, chunk->room, sizeof(uint32_t));
        chunk->definition = mem_resize(chunk->definition, chunk->room, sizeof(uint32_t));
        chunk->values = mem_resize(chunk->values, chunk->room, sizeof *chunk->values);
    }
    chunk->repetition[chunk->entries] = repetition;
    chunk->definition[chunk->entries++] = definition;
    if (value != NULL)
        chunk->values[chunk->count++] = *value;
}

static bool
chunk_add_list(struct chunk *chunk, const struct cell *cell, struct error *why)
{
    json_t *list = json_read(cell->text, cell->length, why), *element;
    bool good = json_is_array(list);
    size_t i;

    if (list != NULL && !good)
        error_set(why, "the JSON is no array");
    if (good && json_array_size(list) == 0)
        chunk_add(chunk, 0, 1, NULL);
    json_array_foreach(list, i, element)
    {
        const char *text = json_string_value(element);
        size_t length = json_string_length(element);
        if (text == NULL && !json_is_null(element)) {
            error_set(why, "an element of the array is neither string nor null");
            good = false;
            break;
        }
        struct cell value = { .kind = CELL_TEXT, .length = (uint32_t)length };
        if (text != NULL)
            value.text = arena_copy(&chunk->texts, text, length);
        chunk_add(chunk, i == 0 ? 0 : 1, text == NULL ? 2 : 3, text == NULL ? NULL : &value);
    }
    json_decref(list);
    return good;
}

/* Takes rows first..end of a column apart; chunk_free() afterwards in any case. */
static bool
chunk_fill(struct chunk *chunk, const struct table *table, size_t column, size_t first, size_t end,
           struct error *why)
{
    const struct column *from = &table->column[column];
    enum cell_kind kind = column_kind(from, table->rows);

    *chunk = (struct chunk){ .name = from->name, .kind = kind, .type = types[kind] };
    chunk->defined = kind == CELL_JSON ? 3 : 1;
    arena_init(&chunk->texts, 0);
    for (size_t row = first; row < end; row++) {
        const struct cell *cell = &from->cells[row];
        bool good = cell->kind == kind || cell->kind == CELL_NULL;
        if (!good)
            error_set(why, "the cell's kind is not its column's");
        else if (cell->kind == CELL_JSON)
            good = chunk_add_list(chunk, cell, why);
        else if (cell->kind == CELL_NULL)
            chunk_add(chunk, 0, 0, NULL);
        else
            chunk_add(chunk, 0, 1, cell);
        if (!good) {
            error_prefix(why, "column \"%s\", row %zu", from->name, row);
            return false;
        }
    }
    return true;
}

static size_t
value_bytes(const struct chunk *chunk, const struct cell *value)
{
    return chunk->type == TYPE_BYTE_ARRAY ? 4 + (size_t)value->length : 8;
}

/* Compares the bits of reals too, so that -0.0 and NaN come back as they were given. */
static bool
value_equal(const struct chunk *chunk, const struct cell *a, const struct cell *b)
{
    if (chunk->type != TYPE_BYTE_ARRAY)
        return a->integer == b->integer;
    return a->length == b->length && (a->length == 0 || memcmp(a->text, b->text, a->length) == 0);
}

/* FNV-1a, with the upper half folded in because the table takes the low bits. */
static size_t
value_hash(const struct chunk *chunk, const struct cell *value)
{
    const bool text = chunk->type == TYPE_BYTE_ARRAY;
    const unsigned char *bytes = text ? (const void *)value->text : (const void *)&value->integer;
    uint64_t hash = 0xcbf29ce484222325;

    for (size_t i = 0; i < (text ? value->length : sizeof value->integer); i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3;
    return (size_t)(hash ^ hash >> 32);
}

/* Makes the dictionary where it pays: fewer distinct values than half of all, and not too many
 * bytes. Otherwise leaves chunk->distinct at 0. */
static void
chunk_find_dictionary(struct chunk *chunk)
{
    size_t max = (chunk->count + 1) / 2, slots = 16, bytes = 0, distinct = 0;

    if (chunk->type == TYPE_BOOLEAN || chunk->count < 2)
        return;
    while (slots < max * 2)
        slots *= 2;
    uint32_t *table = mem_zero(slots, sizeof *table); /* places plus one; 0: free */
    chunk->dictionary = mem_zero(max, sizeof *chunk->dictionary);
    chunk->places = mem_zero(chunk->count, sizeof *chunk->places);
    for (size_t i = 0; i < chunk->count; i++) {
        const struct cell *value = &chunk->values[i];
        size_t slot = value_hash(chunk, value) & (slots - 1);
        while (table[slot] != 0 && !value_equal(chunk, &chunk->dictionary[table[slot] - 1], value))
            slot = (slot + 1) & (slots - 1);
        if (table[slot] == 0) {
            bytes += value_bytes(chunk, value);
            if ((distinct + 1) * 2 >= chunk->count || bytes >= DICTIONARY_BYTES_MAX)
                goto out;
            chunk->dictionary[distinct++] = *value;
            table[slot] = (uint32_t)distinct;
        }
        chunk->places[i] = table[slot] - 1;
    }
    chunk->distinct = distinct;
out:
    free(table);
}

static void
put_little(struct buf *out, uint64_t value, size_t bytes)
{
    char little[8];

    for (size_t i = 0; i < bytes; i++)
        little[i] = (char)(value >> 8 * i);
    buf_put(out, little, bytes);
}

static void
put_plain(struct buf *out, enum parquet_type type, const struct cell *values, size_t count)
{
    unsigned byte = 0;

    for (size_t i = 0; i < count; i++) {
        if (type == TYPE_BOOLEAN) {
            byte |= (unsigned)values[i].boolean << i % 8;
            if (i % 8 != 7 && i + 1 != count)
                continue;
            buf_byte(out, (char)byte);
            byte = 0;
        } else if (type == TYPE_BYTE_ARRAY) {
            put_little(out, values[i].length, 4);
            buf_put(out, values[i].text, values[i].length);
        } else {
            put_little(out, (uint64_t)values[i].integer, 8);
        }
    }
}

static unsigned
bits_for(size_t largest)
{
    unsigned bits = 1; /* some readers stumble over a width of 0 */

    while (largest >> bits != 0)
        bits++;
    return bits;
}

static size_t
run_length(const uint32_t *values, size_t count, size_t max)
{
    size_t length = 1;

    while (length < count && length < max && values[length] == values[0])
        length++;
    return length;
}

/* The hybrid of runs (count << 1, value) and bit-packed groups of eight (groups << 1 | 1, bits). */
static void
put_hybrid(struct buf *out, const uint32_t *values, size_t count, unsigned width)
{
    for (size_t i = 0; i < count;) {
        size_t run = run_length(values + i, count - i, SIZE_MAX), start = i;
        if (run >= RUN_MIN) {
            put_varint(out, (uint64_t)run << 1);
            put_little(out, values[i], (width + 7) / 8);
            i += run;
            continue;
        }
        while (i < count && run_length(values + i, count - i, RUN_MIN) < RUN_MIN)
            i += 8;
        put_varint(out, (uint64_t)(i - start) / 8 << 1 | 1);
        uint64_t bits = 0;
        unsigned held = 0;
        for (size_t at = start; at < i; at++) {
            bits |= (uint64_t)(at < count ? values[at] : 0) << held;
            for (held += width; held >= 8; held -= 8, bits >>= 8)
                buf_byte(out, (char)bits);
        }
    }
}

static void
put_levels(struct buf *out, const uint32_t *levels, size_t count, unsigned width)
{
    size_t start = out->length;

    put_little(out, 0, 4);
    put_hybrid(out, levels, count, width);
    size_t length = out->length - start - 4;
    for (size_t i = 0; i < 4 && buf_ok(out); i++)
        out->data[start + i] = (char)(length >> 8 * i);
}

struct writer {
    const struct table *table;
    struct buf *out;
    size_t unpacked;   /* bytes of the column chunk's pages as if they were not compressed */
    struct buf page;   /* the page being put together */
    struct buf packed; /* it, compressed */
    struct buf groups; /* the list of RowGroup, for the end of the file */
};

/* Writes writer->page as a page of `count` entries; false when it is too large. */
static bool
writer_page(struct writer *writer, enum parquet_page_type kind, size_t count,
            enum parquet_encoding encoding)
{
    struct emitter to = { .out = writer->out };
    size_t start = writer->out->length, length = writer->page.length;
    size_t packed = snappy_max_compressed_length(length);

    if (!buf_ok(&writer->page) || length > PAGE_BYTES_MAX)
        return false;
    buf_reset(&writer->packed);
    char *place = buf_reserve(&writer->packed, packed);
    if (place == NULL ||
        snappy_compress(buf_string(&writer->page), length, place, &packed) != SNAPPY_OK)
        return false;
    uint32_t crc = (uint32_t)crc32_z(0, (const Bytef *)place, packed);
    emit_number(&to, 1, THRIFT_I32, kind);
    emit_number(&to, 2, THRIFT_I32, (int64_t)length);
    emit_number(&to, 3, THRIFT_I32, (int64_t)packed);
    emit_number(&to, 4, THRIFT_I32, (int32_t)crc);
    int outer = emit_begin(&to, kind == PAGE_DATA ? 5 : 7);
    emit_number(&to, 1, THRIFT_I32, (int64_t)count);
    emit_number(&to, 2, THRIFT_I32, encoding);
    if (kind == PAGE_DATA) {
        emit_number(&to, 3, THRIFT_I32, ENCODING_RLE);
        emit_number(&to, 4, THRIFT_I32, ENCODING_RLE);
    }
    emit_end(&to, outer);
    emit_end(&to, 0);
    writer->unpacked += writer->out->length - start + length;
    buf_put(writer->out, place, packed);
    return buf_ok(writer->out);
}

static bool
writer_data_pages(struct writer *writer, const struct chunk *chunk)
{
    struct buf *page = &writer->page;
    size_t entry = 0, value = 0;

    while (entry < chunk->entries) {
        size_t first = entry, first_value = value, bytes = 0;
        do {
            if (chunk->definition[entry] == chunk->defined)
                bytes += value_bytes(chunk, &chunk->values[value++]);
            entry++;
        } while (entry < chunk->entries && (chunk->repetition[entry] != 0 ||
                                            (entry - first < PAGE_ENTRIES && bytes < PAGE_BYTES)));

        buf_reset(page);
        if (chunk->kind == CELL_JSON)
            put_levels(page, chunk->repetition + first, entry - first, 1);
        put_levels(page, chunk->definition + first, entry - first, bits_for(chunk->defined));
        if (chunk->distinct == 0) {
            put_plain(page, chunk->type, chunk->values + first_value, value - first_value);
        } else {
            unsigned width = bits_for(chunk->distinct - 1);
            buf_byte(page, (char)width);
            put_hybrid(page, chunk->places + first_value, value - first_value, width);
        }
        if (!writer_page(writer, PAGE_DATA, entry - first,
                         chunk->distinct == 0 ? ENCODING_PLAIN : ENCODING_RLE_DICTIONARY))
            return false;
    }
    return true;
}

/* Writes a chunk's pages and its ColumnChunk into the row group's list. */
static bool
writer_chunk(struct writer *writer, struct emitter *group, struct chunk *chunk)
{
    size_t start = writer->out->length, data = start;

    chunk_find_dictionary(chunk);
    const bool list = chunk->kind == CELL_JSON, dictionary = chunk->distinct != 0;
    writer->unpacked = 0;
    if (dictionary) {
        buf_reset(&writer->page);
        put_plain(&writer->page, chunk->type, chunk->dictionary, chunk->distinct);
        if (!writer_page(writer, PAGE_DICTIONARY, chunk->distinct, ENCODING_PLAIN))
            return false;
        data = writer->out->length;
    }
    if (!writer_data_pages(writer, chunk))
        return false;

    int outer = emit_begin(group, 0);
    emit_number(group, 2, THRIFT_I64, (int64_t)start);
    int inner = emit_begin(group, 3);
    emit_number(group, 1, THRIFT_I32, (int)chunk->type);
    emit_list(group, 2, THRIFT_I32, dictionary ? 3 : 2);
    emit_number(group, 0, THRIFT_I32, ENCODING_PLAIN);
    emit_number(group, 0, THRIFT_I32, ENCODING_RLE);
    if (dictionary)
        emit_number(group, 0, THRIFT_I32, ENCODING_RLE_DICTIONARY);
    emit_list(group, 3, THRIFT_BINARY, list ? 3 : 1);
    emit_text(group, 0, chunk->name);
    if (list) {
        emit_text(group, 0, "list");
        emit_text(group, 0, "element");
    }
    emit_number(group, 4, THRIFT_I32, CODEC_SNAPPY);
    emit_number(group, 5, THRIFT_I64, (int64_t)chunk->entries);
    emit_number(group, 6, THRIFT_I64, (int64_t)writer->unpacked);
    emit_number(group, 7, THRIFT_I64, (int64_t)(writer->out->length - start));
    emit_number(group, 9, THRIFT_I64, (int64_t)data);
    if (dictionary)
        emit_number(group, 11, THRIFT_I64, (int64_t)start);
    emit_end(group, inner);
    emit_end(group, outer);
    return buf_ok(writer->out) && buf_ok(&writer->groups);
}

static enum parquet_write_result
writer_group(struct writer *writer, size_t first, size_t end, struct error *why)
{
    struct emitter group = { .out = &writer->groups };
    size_t unpacked = 0;
    enum parquet_write_result result = PARQUET_WRITE_OK;

    emit_list(&group, 1, THRIFT_STRUCT, writer->table->columns);
    for (size_t i = 0; i < writer->table->columns && result == PARQUET_WRITE_OK; i++) {
        struct chunk chunk;
        if (!chunk_fill(&chunk, writer->table, i, first, end, why)) {
            result = PARQUET_WRITE_UNSUPPORTED;
        } else if (!writer_chunk(writer, &group, &chunk)) {
            error_set(why, "column \"%s\": too large to be written", chunk.name);
            result = PARQUET_WRITE_TOO_LARGE;
        }
        unpacked += writer->unpacked;
        chunk_free(&chunk);
    }
    emit_number(&group, 2, THRIFT_I64, (int64_t)unpacked);
    emit_number(&group, 3, THRIFT_I64, (int64_t)(end - first));
    emit_end(&group, 0);
    return result;
}

/* A SchemaElement. ConvertedType and LogicalType both, for readers old and new. */
static void
put_schema(struct emitter *to, int type, enum repetition repetition, const char *name,
           size_t children, enum logical logical)
{
    int outer = emit_begin(to, 0);

    if (type != TYPE_GROUP)
        emit_number(to, 1, THRIFT_I32, type);
    emit_number(to, 3, THRIFT_I32, repetition);
    emit_text(to, 4, name);
    if (type == TYPE_GROUP)
        emit_number(to, 5, THRIFT_I32, (int64_t)children);
    if (logical != LOGICAL_NONE) {
        emit_number(to, 6, THRIFT_I32, logical == LOGICAL_STRING ? 0 : 3);
        int element = emit_begin(to, 10);
        emit_end(to, emit_begin(to, (int)logical));
        emit_end(to, element);
    }
    emit_end(to, outer);
}

static void
writer_end(struct writer *writer)
{
    const struct table *table = writer->table;
    struct emitter to = { .out = writer->out };
    size_t start = writer->out->length, elements = 1;

    for (size_t i = 0; i < table->columns; i++)
        elements += column_kind(&table->column[i], table->rows) == CELL_JSON ? 3 : 1;
    emit_number(&to, 1, THRIFT_I32, FORMAT_VERSION);
    emit_list(&to, 2, THRIFT_STRUCT, elements);
    put_schema(&to, TYPE_GROUP, REPETITION_REQUIRED, "schema", table->columns, LOGICAL_NONE);
    for (size_t i = 0; i < table->columns; i++) {
        const char *name = table->column[i].name;
        enum cell_kind kind = column_kind(&table->column[i], table->rows);
        if (kind == CELL_JSON) {
            put_schema(&to, TYPE_GROUP, REPETITION_OPTIONAL, name, 1, LOGICAL_LIST);
            put_schema(&to, TYPE_GROUP, REPETITION_REPEATED, "list", 1, LOGICAL_NONE);
            name = "element";
        }
        put_schema(&to, (int)types[kind], REPETITION_OPTIONAL, name, 0,
                   types[kind] == TYPE_BYTE_ARRAY ? LOGICAL_STRING : LOGICAL_NONE);
    }
    emit_number(&to, 3, THRIFT_I64, (int64_t)table->rows);
    emit_list(&to, 4, THRIFT_STRUCT, (table->rows + GROUP_ROWS - 1) / GROUP_ROWS);
    buf_put(writer->out, buf_string(&writer->groups), writer->groups.length);
    emit_text(&to, 6, "leaderboard");
    emit_end(&to, 0);
    put_little(writer->out, writer->out->length - start, 4);
    buf_text(writer->out, "PAR1");
}

enum parquet_write_result
parquet_write(const struct table *table, struct buf *out, struct error *why)
{
    struct writer writer = { .table = table, .out = out };
    enum parquet_write_result result = PARQUET_WRITE_OK;

    /* No reader takes a page or a footer of 2 GiB, so neither is ever put together. */
    buf_init(&writer.page, INT32_MAX);
    buf_init(&writer.packed, INT32_MAX);
    buf_init(&writer.groups, INT32_MAX / 2);
    buf_reset(out);
    buf_text(out, "PAR1");
    for (size_t row = 0; row < table->rows && result == PARQUET_WRITE_OK; row += GROUP_ROWS) {
        size_t rest = table->rows - row;
        result = writer_group(&writer, row, row + (rest < GROUP_ROWS ? rest : GROUP_ROWS), why);
    }
    if (result == PARQUET_WRITE_OK) {
        writer_end(&writer);
        if (!buf_ok(out) || !buf_ok(&writer.groups)) {
            error_set(why, "the table is too large to be written");
            result = PARQUET_WRITE_TOO_LARGE;
        }
    }
    buf_free(&writer.page);
    buf_free(&writer.packed);
    buf_free(&writer.groups);
    return result;
}
