#include "board_private.h"

#include "json.h"
#include "timestamp.h"

#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- opening ---- */

/* The array at a place, or NULL when it is not within the block. */
static const void *
array_at(const struct board *board, uint64_t place, uint64_t count, size_t size)
{
    const char *bytes = board->bytes;

    return place % 8 == 0 && place <= board->length && count <= (board->length - place) / size
               ? bytes + place
               : NULL;
}

static const char *
text_at(const struct board *board, uint64_t place)
{
    const char *bytes = board->bytes;

    return place < board->length && memchr(bytes + place, '\0', board->length - place) != NULL
               ? bytes + place
               : NULL;
}

static bool
all_below(const uint32_t *numbers, size_t count, uint32_t limit)
{
    uint32_t highest = 0;

    for (size_t i = 0; i < count; i++)
        highest = numbers[i] > highest ? numbers[i] : highest;
    return count == 0 || highest < limit;
}

static const uint32_t *
pool_at(const struct board *board, uint64_t place, uint32_t words)
{
    const uint32_t *pool = array_at(board, place, (uint64_t)words + 1, sizeof *pool);
    uint64_t first = ((uint64_t)words + 1) * sizeof *pool;

    if (pool == NULL || words == 0 || pool[0] != first || pool[words] < first ||
        first + 2 * (pool[words] - first) > board->length - place)
        return NULL;
    for (uint32_t i = 0; i < words; i++) {
        const char *end = (const char *)pool + pool[i + 1];
        if (pool[i + 1] <= pool[i] || pool[i + 1] > pool[words] || end[-1] != '\0' ||
            end[pool[words] - first - 1] != '\0')
            return NULL;
    }
    return pool;
}

/* Which bytes occur in the folded words. */
static void
bytes_note(struct board_column *column)
{
    const char *text = board_folded(column, 0);
    size_t length = board_folded_length(column);
    bool seen[256] = { false };

    for (size_t i = 0; i < length; i++)
        seen[(unsigned char)text[i]] = true;
    for (unsigned byte = 0; byte < 256; byte++)
        column->bytes[byte / 64] |= (uint64_t)seen[byte] << byte % 64;
}

static bool
column_open(const struct board *board, struct board_column *column,
            const struct board_stored *stored)
{
    size_t rows = board->rows;

    *column = (struct board_column){ .key = text_at(board, stored->key),
                                     .name = text_at(board, stored->name),
                                     .group = (enum board_group)stored->group,
                                     .kind = (enum board_kind)stored->kind,
                                     .words = stored->words };
    if (column->key == NULL || column->name == NULL || stored->group >= BOARD_GROUPS)
        return false;
    /* Whoever reads these takes their numbers for granted. */
    if ((column->group == BOARD_EVALUATION || column->group == BOARD_VALUE) &&
        stored->kind != BOARD_NUMBER)
        return false;
    switch (stored->kind) {
    case BOARD_TEXT:
        column->codes = array_at(board, stored->codes, rows, sizeof *column->codes);
        column->pool = pool_at(board, stored->pool, column->words);
        if (column->codes == NULL || column->pool == NULL)
            return false;
        bytes_note(column);
        return all_below(column->codes, rows, column->words);
    case BOARD_NUMBER:
        column->numbers = array_at(board, stored->numbers, rows, sizeof *column->numbers);
        column->order = array_at(board, stored->order, rows, sizeof *column->order);
        return column->numbers != NULL && column->order != NULL &&
               all_below(column->order, rows, (uint32_t)rows);
    case BOARD_FLAG:
        column->flags = array_at(board, stored->flags, rows, 1);
        for (size_t row = 0; column->flags != NULL && row < rows; row++)
            if (column->flags[row] > 1)
                return false;
        return column->flags != NULL;
    default:
        return false;
    }
}

/* Maps a file for reading; NULL with errno. */
static void *
map_file(const char *path, size_t *length)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    void *bytes = MAP_FAILED;

    if (fd >= 0 && fstat(fd, &status) == 0) {
        *length = (size_t)status.st_size;
        bytes = mmap(NULL, *length, PROT_READ, MAP_SHARED, fd, 0);
    }
    int saved = errno;
    if (fd >= 0)
        close(fd);
    errno = saved;
    return bytes == MAP_FAILED ? NULL : bytes;
}

/* The text of a body that is a file of that name, in the folder of the board's own. */
static bool
body_map(struct board_body *body, const char *board_path, const char *file)
{
    const char *slash = board_path == NULL ? NULL : strrchr(board_path, '/');
    char path[PATH_MAX];

    if (board_path == NULL || file == NULL || strchr(file, '/') != NULL ||
        snprintf(path, sizeof path, "%.*s%s", slash == NULL ? 0 : (int)(slash + 1 - board_path),
                 board_path, file) >= PATH_MAX)
        return false;
    body->text = map_file(path, &body->length);
    body->mapped = body->text != NULL;
    return body->mapped;
}

static bool
body_open(const struct board *board, struct board_body *body,
          const struct board_stored_body *stored, const char *path)
{
    const uint64_t *starts =
        array_at(board, stored->starts, (uint64_t)board->rows + 1, sizeof *starts);

    if (stored->file == 0) {
        body->text = array_at(board, stored->text, stored->length, 1);
        body->length = (size_t)stored->length;
    } else if (!body_map(body, path, text_at(board, stored->file))) {
        return false;
    }
    if (starts == NULL || body->text == NULL || body->length != stored->length ||
        starts[board->rows] > body->length)
        return false;
    for (size_t row = 0; row < board->rows; row++)
        if (starts[row] >= starts[row + 1])
            return false;
    body->starts = starts;
    return true;
}

/* What is wrong, or NULL. */
static const char *
block_open(struct board *board, struct board_column **columns, struct board_raw **raws,
           const char *path)
{
    const struct board_header *header = board->bytes;

    if (board->length < sizeof *header || header->magic != board_magic)
        return "it is no board, or one of another version";
    if (header->length != board->length || header->rows >= UINT32_MAX)
        return "its length is wrong";
    board->rows = (size_t)header->rows;
    board->published_at = header->published_at;
    board->revision = text_at(board, header->revision);
    const struct board_stored *stored =
        array_at(board, header->column, header->columns, sizeof *stored);
    const struct board_stored_raw *stored_raw =
        array_at(board, header->raw, header->raws, sizeof *stored_raw);
    if (board->revision == NULL || stored == NULL || stored_raw == NULL)
        return "its head is damaged";
    *columns = mem_zero((size_t)header->columns, sizeof **columns);
    *raws = mem_zero((size_t)header->raws, sizeof **raws);
    for (; board->columns < header->columns; board->columns++)
        if (!column_open(board, &(*columns)[board->columns], &stored[board->columns]))
            return "a column is damaged";
    for (; board->raws < header->raws; board->raws++) {
        struct board_raw *raw = &(*raws)[board->raws];
        raw->name = text_at(board, stored_raw[board->raws].name);
        raw->kind = (enum cell_kind)stored_raw[board->raws].kind;
        if (raw->name == NULL || stored_raw[board->raws].kind > CELL_JSON)
            return "a column of the dataset is damaged";
    }
    for (int body = 0; body < BODY_COUNT; body++)
        for (int profile = 0; profile < PROFILE_COUNT; profile++)
            if (!body_open(board, &board->body[body][profile], &header->body[body][profile], path))
                return "one of its bodies is missing or damaged";
    return NULL;
}

static bool
open_at(struct board *board, const void *bytes, size_t length, const char *path, struct error *why)
{
    struct board_column *columns = NULL;
    struct board_raw *raws = NULL;

    *board = (struct board){ .bytes = bytes, .length = length, .mapped = path != NULL };
    const char *wrong = block_open(board, &columns, &raws, path);
    board->column = columns;
    board->raw = raws;
    if (wrong == NULL)
        return true;
    board_close(board);
    error_set(why, "a board cannot be used: %s", wrong);
    return false;
}

bool
board_open(struct board *board, const void *bytes, size_t length, struct error *why)
{
    return open_at(board, bytes, length, NULL, why);
}

bool
board_map(struct board *board, const char *path, struct error *why)
{
    size_t length = 0;
    void *bytes = map_file(path, &length);

    *board = (struct board){ 0 };
    if (bytes == NULL) {
        error_set(why, "cannot map %s: %s", path, strerror(errno));
        return false;
    }
    if (open_at(board, bytes, length, path, why))
        return true;
    error_prefix(why, "%s", path);
    return false;
}

/* What was allocated or mapped is const only to those who read it. */
static void *
owned(const void *memory)
{
    return (void *)(uintptr_t)memory;
}

void
board_forget(const struct board *board)
{
    for (int body = 0; body < BODY_COUNT; body++)
        for (int profile = 0; profile < PROFILE_COUNT; profile++)
            if (board->body[body][profile].mapped)
                madvise(owned(board->body[body][profile].text), board->body[body][profile].length,
                        MADV_DONTNEED);
    if (board->mapped)
        madvise(owned(board->bytes), board->length, MADV_DONTNEED);
}

void
board_close(struct board *board)
{
    free(owned(board->column));
    free(owned(board->raw));
    for (int body = 0; body < BODY_COUNT; body++)
        for (int profile = 0; profile < PROFILE_COUNT; profile++)
            if (board->body[body][profile].mapped)
                munmap(owned(board->body[body][profile].text), board->body[body][profile].length);
    if (board->mapped)
        munmap(owned(board->bytes), board->length);
    *board = (struct board){ 0 };
}

/* ---- reading ---- */

const struct board_column *
board_find(const struct board *board, const char *key)
{
    for (size_t i = 0; i < board->columns; i++)
        if (strcmp(board->column[i].key, key) == 0)
            return &board->column[i];
    return NULL;
}

const char *
board_word(const struct board_column *column, uint32_t code)
{
    return (const char *)column->pool + column->pool[code];
}

const char *
board_folded(const struct board_column *column, uint32_t code)
{
    return board_word(column, code) + board_folded_length(column);
}

size_t
board_folded_length(const struct board_column *column)
{
    return column->pool[column->words] - column->pool[0];
}

const char *
board_text(const struct board_column *column, size_t row)
{
    return board_word(column, column->codes[row]);
}

const char *
board_fragments(const struct board *board, enum body body, enum profile profile, size_t row,
                size_t count, size_t *length)
{
    const uint64_t *starts = board->body[body][profile].starts;

    *length = count == 0 ? 0 : (size_t)(starts[row + count] - starts[row] - 1);
    return board->body[body][profile].text + starts[row];
}

const char *
board_fragment(const struct board *board, enum body body, enum profile profile, size_t row,
               size_t *length)
{
    return board_fragments(board, body, profile, row, 1, length);
}

/* How many rows, the highest first, have a number above `number`, or one equal to it. */
static size_t
rows_above(const struct board *board, const struct board_column *column, double number, bool equal)
{
    size_t low = 0, high = board->rows;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        double other = column->numbers[column->order[middle]];
        if (other > number || (equal && other == number))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t
board_rank(const struct board *board, const struct board_column *column, size_t row, size_t *tied)
{
    double number = column->numbers[row];
    bool missing = isnan(number);
    size_t above = missing ? 0 : rows_above(board, column, number, false);

    if (tied != NULL)
        *tied = missing ? 0 : rows_above(board, column, number, true) - above;
    return missing ? 0 : above + 1;
}

/* ---- lower case ---- */

void
board_fold(char *text, size_t length)
{
    /* Letters of two bytes whose lower case has two bytes. With `paired`, capital letters are the
     * even ones (or the odd ones, where the first is) and the next is their small one. */
    static const struct {
        unsigned first, last;
        bool paired;
        unsigned add;
    } capitals[] = {
        { 0xc0, 0xd6, false, 32 },   { 0xd8, 0xde, false, 32 },   { 0x100, 0x12f, true, 1 },
        { 0x132, 0x137, true, 1 },   { 0x139, 0x148, true, 1 },   { 0x14a, 0x177, true, 1 },
        { 0x179, 0x17e, true, 1 },   { 0x386, 0x386, false, 38 }, { 0x388, 0x38a, false, 37 },
        { 0x38c, 0x38c, false, 64 }, { 0x38e, 0x38f, false, 63 }, { 0x391, 0x3a1, false, 32 },
        { 0x3a3, 0x3ab, false, 32 }, { 0x3c2, 0x3c2, false, 1 },  { 0x400, 0x40f, false, 80 },
        { 0x410, 0x42f, false, 32 }, { 0x460, 0x481, true, 1 },   { 0x48a, 0x4bf, true, 1 },
        { 0x4d0, 0x52f, true, 1 },
    };
    unsigned char *at = (unsigned char *)text, *end = at + length;

    for (; at < end; at++) {
        if (*at >= 'A' && *at <= 'Z')
            *at |= 0x20;
        if ((*at & 0xe0) != 0xc0 || end - at < 2 || (at[1] & 0xc0) != 0x80)
            continue;
        unsigned letter = (*at & 0x1fU) << 6 | (at[1] & 0x3fU);
        for (size_t i = 0; i < sizeof capitals / sizeof capitals[0]; i++) {
            if (letter < capitals[i].first || letter > capitals[i].last)
                continue;
            if (!capitals[i].paired || (letter - capitals[i].first) % 2 == 0)
                letter += capitals[i].add;
            break;
        }
        at[0] = (unsigned char)(0xc0 | letter >> 6);
        at[1] = (unsigned char)(0x80 | (letter & 0x3f));
        at++;
    }
}

void
board_put_as_of(struct buf *out, const struct board *board)
{
    char published_at[TIMESTAMP_TEXT];

    buf_byte(out, '{');
    json_put_text_member(out, "revision", board->revision);
    json_put_text_member(out, "published_at", timestamp_format(board->published_at, published_at));
    buf_byte(out, '}');
}
