/* The layout of a board's block. Numbers are as the machine has them; places are counted in bytes
 * from the block's beginning, those of arrays are multiples of eight.
 *
 *   header  fragments, with a comma after each  arrays, dictionaries and texts in any order
 *
 * A dictionary is `words` + 1 numbers of 32 bits, where each word begins and where the last one
 * ends, counted from the dictionary's own beginning; then the words, each with its NUL; then the
 * same words in lower case, which takes the same bytes. */
#ifndef BOARD_PRIVATE_H
#define BOARD_PRIVATE_H

#include "board.h"

static const uint64_t board_magic = 0x3130647261624c00; /* "\0Lboard01": another layout, another */

struct board_header {
    uint64_t magic, length, rows, columns, raws;
    int64_t published_at;
    uint64_t revision; /* the place of a text */
    uint64_t column;   /* of struct board_stored */
    uint64_t raw;      /* of struct board_stored_raw */
    /* Of rows + 1 numbers of 64 bits: where each fragment begins, and one byte after the last
     * comma. */
    uint64_t fragment[BODY_COUNT][PROFILE_COUNT];
};

struct board_stored {
    uint64_t key, name;
    uint32_t group, kind, words, unused;
    uint64_t codes, pool, numbers, order, flags;
};

struct board_stored_raw {
    uint64_t name, kind;
};

#endif
