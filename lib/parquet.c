#include "parquet_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

/* A column chunk while it is read. */
struct chunk {
    struct parquet *file;
    int64_t codec;
    struct parquet_dictionary dictionary;
    struct cell *cells; /* of the row group's rows in this column */
    size_t rows, row;   /* how many, and how many have begun */
    uint64_t values_left;
    struct buf list; /* the row at work of a list column; empty for null */
    bool has_elements;
};

bool
parquet_fail(struct parquet *file, enum parquet_result result, const char *format, ...)
{
    char text[240];
    va_list arguments;

    if (file->result != PARQUET_OK)
        return false;
    file->result = result;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (file->at == NULL)
        error_set(file->why, "%s", text);
    else
        error_set(file->why, "%s (column \"%s\")", text, file->at->name);
    return false;
}

static size_t
memory_used(const struct parquet *file)
{
    return file->table->arena.used + file->file_arena.used + file->chunk_arena.used +
           file->page_arena.used + file->reserved;
}

static bool
memory_refuse(struct parquet *file)
{
    return parquet_fail(file, PARQUET_TOO_LARGE,
                        "would take more than the %zu bytes of memory that its size allows",
                        file->max_bytes);
}

void *
parquet_take(struct parquet *file, struct arena *arena, size_t count, size_t size)
{
    size_t room = file->max_bytes - memory_used(file);

    if (room == 0 || count > room / size) {
        memory_refuse(file);
        return NULL;
    }
    arena->max_bytes = arena->used + room;
    void *memory = arena_alloc(arena, count * size);
    if (memory == NULL)
        memory_refuse(file);
    return memory;
}

bool
parquet_reserve(struct parquet *file, size_t bytes)
{
    if (bytes > file->max_bytes - memory_used(file))
        return memory_refuse(file);
    file->reserved += bytes;
    return true;
}

bool
parquet_room(struct parquet *file, struct buf *buf, size_t length)
{
    if (length <= buf->max_bytes - buf->length)
        return true;
    size_t more = length > buf->max_bytes ? length : buf->max_bytes;
    /* Twice, for while it grows the old bytes are there beside the new ones. */
    if (more > SIZE_MAX / 2 || !parquet_reserve(file, 2 * more))
        return memory_refuse(file);
    buf->max_bytes += more;
    return true;
}

void
parquet_room_free(struct parquet *file, struct buf *buf)
{
    file->reserved -= 2 * buf->max_bytes;
    buf_free(buf);
    buf->max_bytes = 0;
}

static bool
list_finish(struct chunk *chunk)
{
    struct parquet *file = chunk->file;

    if (chunk->row == 0)
        return true;
    struct cell *cell = &chunk->cells[chunk->row - 1];
    *cell = (struct cell){ .kind = CELL_NULL };
    if (chunk->list.length == 0)
        return true;
    buf_byte(&chunk->list, ']');
    if (!buf_ok(&chunk->list) || chunk->list.length > UINT32_MAX)
        return memory_refuse(file);
    char *text = parquet_take(file, &file->table->arena, chunk->list.length, 1);
    if (text == NULL)
        return false;
    memcpy(text, chunk->list.data, chunk->list.length);
    cell->kind = CELL_JSON;
    cell->length = (uint32_t)chunk->list.length;
    cell->text = text;
    return true;
}

/* Turns levels and values into one array a row. A row may go on in the next page. */
static bool
list_rows(struct chunk *chunk, const uint32_t *repetition, const uint32_t *definition, size_t count,
          const struct cell *values)
{
    struct parquet *file = chunk->file;
    const struct parquet_column *column = file->at;

    for (size_t i = 0; i < count; i++) {
        bool is_element = definition[i] > column->list_level;
        if (repetition[i] == 0) {
            if (!list_finish(chunk))
                return false;
            if (chunk->row == chunk->rows)
                return parquet_fail(file, PARQUET_BROKEN, "more lists than the %zu rows",
                                    chunk->rows);
            chunk->row++;
            buf_reset(&chunk->list);
            chunk->has_elements = is_element;
            if (!parquet_room(file, &chunk->list, 2))
                return false;
            if (definition[i] >= column->list_level)
                buf_byte(&chunk->list, '[');
        } else if (!chunk->has_elements || !is_element) {
            return parquet_fail(file, PARQUET_BROKEN, "a list goes on that has no elements");
        } else {
            buf_byte(&chunk->list, ',');
        }
        if (!is_element)
            continue;
        struct cell null = { .kind = CELL_NULL };
        const struct cell *cell = definition[i] == column->max_definition ? values++ : &null;
        size_t text = cell->kind == CELL_TEXT || cell->kind == CELL_JSON ? cell->length : 0;
        /* A byte of text takes six as JSON at most; a number, or null, no more than 32. */
        if (!parquet_room(file, &chunk->list, 6 * text + 40))
            return false;
        table_put_cell(&chunk->list, cell);
    }
    return true;
}

/* Moves the values from the start of `cells` to the rows that are not null, the last one first. */
static void
flat_spread(struct cell *cells, const uint32_t *definition, size_t count, size_t present)
{
    for (size_t i = count; i-- > 0;)
        cells[i] = definition[i] != 0 ? cells[--present] : (struct cell){ .kind = CELL_NULL };
}

/* The levels of a v1 page stand before its values and say themselves how long they are. */
static bool
levels_read_v1(struct parquet *file, const struct parquet_page *page, int64_t encoding,
               uint32_t max, struct thrift *in, uint32_t *levels)
{
    size_t left = (size_t)(in->end - in->at), length = 0;

    if (encoding == ENCODING_BIT_PACKED)
        return parquet_levels_packed(file, in, max, levels, page->values);
    if (encoding != ENCODING_RLE)
        return parquet_fail(file, PARQUET_BROKEN, "levels in encoding %" PRId64, encoding);
    for (size_t i = 0; i < 4 && i < left; i++)
        length |= (size_t)in->at[i] << (8 * i);
    if (left < 4 || length > left - 4)
        return parquet_fail(file, PARQUET_BROKEN, "the levels are longer than their page");
    struct thrift runs = { .at = in->at + 4, .end = in->at + 4 + length };
    in->at += 4 + length;
    return parquet_levels_rle(file, runs, max, levels, page->values);
}

/* v1: levels and values are compressed together. */
static bool
page_open_v1(struct chunk *chunk, const struct parquet_page *page, const uint8_t *body,
             uint32_t *repetition, uint32_t *definition, struct thrift *values)
{
    struct parquet *file = chunk->file;
    const uint8_t *bytes = parquet_unpack(file, chunk->codec, body, page->packed, page->unpacked);

    if (bytes == NULL)
        return false;
    *values = (struct thrift){ .at = bytes, .end = bytes + page->unpacked };
    return (repetition == NULL ||
            levels_read_v1(file, page, page->repetition_encoding, 1, values, repetition)) &&
           (definition == NULL || levels_read_v1(file, page, page->definition_encoding,
                                                 file->at->max_definition, values, definition));
}

/* v2: levels are never compressed, values may be; the header says how long each part is. */
static bool
page_open_v2(struct chunk *chunk, const struct parquet_page *page, const uint8_t *body,
             uint32_t *repetition, uint32_t *definition, struct thrift *values)
{
    struct parquet *file = chunk->file;
    size_t levels = page->repetition_length + page->definition_length;
    size_t packed = page->packed - levels, unpacked = page->unpacked - levels;
    struct thrift first = { .at = body, .end = body + page->repetition_length };
    struct thrift second = { .at = first.end, .end = body + levels };
    const uint8_t *bytes = second.end;

    if ((repetition != NULL && !parquet_levels_rle(file, first, 1, repetition, page->values)) ||
        (definition != NULL &&
         !parquet_levels_rle(file, second, file->at->max_definition, definition, page->values)))
        return false;
    if (packed != 0 || unpacked != 0) /* else all is null, and nothing was compressed */
        bytes = parquet_unpack(file, page->is_packed ? chunk->codec : CODEC_NONE, bytes, packed,
                               unpacked);
    if (bytes == NULL)
        return false;
    *values = (struct thrift){ .at = bytes, .end = bytes + unpacked };
    return true;
}

static size_t
levels_count(const uint32_t *levels, uint32_t level, size_t count)
{
    size_t found = 0;

    for (size_t i = 0; i < count; i++)
        found += levels[i] == level;
    return found;
}

static bool
data_page_read(struct chunk *chunk, const struct parquet_page *page, const uint8_t *body)
{
    struct parquet *file = chunk->file;
    const struct parquet_column *column = file->at;
    bool v2 = page->type == PAGE_DATA_V2;
    size_t count = page->values, present = count, rows = count;
    uint32_t *repetition = NULL, *definition = NULL;
    struct cell *cells = chunk->cells + chunk->row;
    struct thrift values;

    if (count > chunk->values_left)
        return parquet_fail(file, PARQUET_BROKEN, "pages hold more values than the column chunk");
    chunk->values_left -= count;
    if (column->is_list &&
        ((repetition = parquet_take(file, &file->page_arena, count, sizeof *repetition)) == NULL))
        return false;
    if ((column->is_list || column->max_definition != 0) &&
        ((definition = parquet_take(file, &file->page_arena, count, sizeof *definition)) == NULL))
        return false;
    if (!(v2 ? page_open_v2 : page_open_v1)(chunk, page, body, repetition, definition, &values))
        return false;
    if (definition != NULL)
        present = levels_count(definition, column->max_definition, count);
    if (repetition != NULL)
        rows = levels_count(repetition, 0, count);
    if (v2 && ((uint64_t)page->rows != rows ||
               (!column->is_list && (uint64_t)page->nulls != count - present)))
        return parquet_fail(file, PARQUET_BROKEN, "a page's rows or nulls are not as many as said");

    if (column->is_list)
        cells = parquet_take(file, &file->page_arena, present, sizeof *cells);
    if (cells == NULL ||
        !parquet_values(file, page->encoding, &chunk->dictionary, values, cells, present))
        return false;
    if (column->is_list)
        return list_rows(chunk, repetition, definition, count, cells);
    if (definition != NULL)
        flat_spread(cells, definition, count, present);
    chunk->row += count;
    return true;
}

static bool
dictionary_page_read(struct chunk *chunk, const struct parquet_page *page, const uint8_t *body)
{
    struct parquet *file = chunk->file;
    struct parquet_dictionary *dictionary = &chunk->dictionary;

    if (dictionary->cells != NULL)
        return parquet_fail(file, PARQUET_BROKEN, "a second dictionary");
    if (page->encoding != ENCODING_PLAIN && page->encoding != ENCODING_PLAIN_DICTIONARY)
        return parquet_fail(file, PARQUET_UNSUPPORTED,
                            "a dictionary in encoding %" PRId64 " is not supported",
                            page->encoding);
    const uint8_t *bytes = parquet_unpack(file, chunk->codec, body, page->packed, page->unpacked);
    struct cell *cells = bytes == NULL ? NULL
                                       : parquet_take(file, &file->chunk_arena, page->values,
                                                      sizeof *dictionary->cells);
    if (cells == NULL)
        return false;
    dictionary->cells = cells;
    dictionary->count = page->values;
    return parquet_values(file, ENCODING_PLAIN, NULL,
                          (struct thrift){ .at = bytes, .end = bytes + page->unpacked }, cells,
                          page->values);
}

static bool
page_read(struct chunk *chunk, struct thrift *in)
{
    struct parquet *file = chunk->file;
    struct parquet_page page;
    bool ok = true;

    if (!parquet_page_read(file, in, &page))
        return false;
    const uint8_t *body = in->at;
    in->at += page.packed;
    if (page.has_crc && crc32(0, body, (uInt)page.packed) != page.crc)
        return parquet_fail(file, PARQUET_BROKEN, "a page's checksum does not match its bytes");
    if (page.type == PAGE_DICTIONARY)
        ok = dictionary_page_read(chunk, &page, body);
    else if (page.type != PAGE_INDEX)
        ok = data_page_read(chunk, &page, body);
    arena_free(&file->page_arena);
    return ok;
}

static bool
pages_read(struct chunk *chunk, struct thrift in)
{
    while (in.at != in.end)
        if (!page_read(chunk, &in))
            return false;
    if (chunk->values_left != 0)
        return parquet_fail(chunk->file, PARQUET_BROKEN,
                            "%" PRIu64 " values are missing from a column chunk",
                            chunk->values_left);
    if (chunk->file->at->is_list && !list_finish(chunk))
        return false;
    if (chunk->row != chunk->rows)
        return parquet_fail(chunk->file, PARQUET_BROKEN, "%zu rows where the row group has %zu",
                            chunk->row, chunk->rows);
    return true;
}

/* Reads one column of a row group into the cells that begin at `row`. */
static bool
chunk_read(struct parquet *file, struct thrift *in, struct cell *cells, size_t rows)
{
    struct parquet_chunk found;

    if (!parquet_chunk_read(file, in, &found))
        return false;
    if (file->at->is_list ? (uint64_t)found.values < rows : (uint64_t)found.values != rows)
        return parquet_fail(file, PARQUET_BROKEN, "%" PRId64 " values for %zu rows", found.values,
                            rows);
    struct chunk chunk = { .file = file,
                           .codec = found.codec,
                           .cells = cells,
                           .rows = rows,
                           .values_left = (uint64_t)found.values };
    buf_init(&chunk.list, 0);
    const uint8_t *pages = file->data + found.start;
    bool ok = pages_read(&chunk, (struct thrift){ .at = pages, .end = pages + found.length });
    parquet_room_free(file, &chunk.list);
    arena_free(&file->chunk_arena);
    return ok;
}

static bool
rows_read(struct parquet *file, const struct parquet_footer *footer)
{
    struct table *table = file->table;
    struct thrift groups = footer->groups;
    struct parquet_group group;
    size_t row = 0;

    if ((uint64_t)footer->rows > file->max_bytes / sizeof(struct cell) / table->columns)
        return memory_refuse(file);
    table->rows = (size_t)footer->rows;
    for (size_t i = 0; i < table->columns; i++) {
        table->column[i].cells =
            parquet_take(file, &table->arena, table->rows, sizeof(struct cell));
        if (table->column[i].cells == NULL)
            return false;
    }
    for (size_t i = 0; i < footer->group_count; i++) {
        if (!parquet_group_read(file, &groups, &group))
            return false;
        if (group.chunk_count != table->columns)
            return parquet_fail(file, PARQUET_BROKEN, "a row group of %zu columns, not %zu",
                                group.chunk_count, table->columns);
        if ((uint64_t)group.rows > table->rows - row)
            return parquet_fail(file, PARQUET_BROKEN,
                                "row groups have more rows than the file's %zu", table->rows);
        for (size_t j = 0; j < table->columns; j++) {
            file->at = &file->column[j];
            if (!chunk_read(file, &group.chunks, table->column[j].cells + row, (size_t)group.rows))
                return false;
        }
        file->at = NULL;
        row += (size_t)group.rows;
    }
    if (row != table->rows)
        return parquet_fail(file, PARQUET_BROKEN, "row groups have %zu of the file's %zu rows", row,
                            table->rows);
    return true;
}

size_t
parquet_memory_max(size_t file_bytes)
{
    const size_t least = (size_t)32 << 20;

    return file_bytes > (SIZE_MAX - least) / 64 ? SIZE_MAX : least + 64 * file_bytes;
}

enum parquet_result
parquet_read(const void *data, size_t length, struct table *table, struct error *why)
{
    struct parquet file = {
        .table = table, .why = why, .result = PARQUET_OK, .max_bytes = parquet_memory_max(length)
    };
    struct parquet_footer footer;

    *table = (struct table){ 0 };
    if (!parquet_footer_read(&file, data, length, &footer) ||
        !parquet_schema_read(&file, &footer) || !rows_read(&file, &footer))
        table_free(table);
    parquet_unpack_end(&file);
    arena_free(&file.page_arena);
    arena_free(&file.chunk_arena);
    arena_free(&file.file_arena);
    table->arena.max_bytes = 0; /* what its owner adds later is its own affair */
    return file.result;
}
