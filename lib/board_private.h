/* The layout of a board's block. Numbers are as the machine has them; places are counted in bytes
 * from the block's beginning, those of arrays are multiples of eight.
 *
 *   header  arrays, dictionaries and texts in any order
 *
 * A body is a text of the block, or a file in the folder of the board's own.
 *
 * A dictionary is `words` + 1 numbers of 32 bits, where each word begins and where the last one
 * ends, counted from the dictionary's own beginning; then the words, each with its NUL; then the
 * same words in lower case, which takes the same bytes. */
#ifndef BOARD_PRIVATE_H
#define BOARD_PRIVATE_H

#include "board.h"

static const uint64_t board_magic = 0x647261624c00 | (uint64_t)BOARD_LAYOUT << 48; /* "\0Lbard\2" */

struct board_header {
    uint64_t magic, length, rows, columns, raws;
    int64_t published_at;
    uint64_t revision; /* the place of a text */
    uint64_t column;   /* of struct board_stored */
    uint64_t raw;      /* of struct board_stored_raw */
    struct board_stored_body {
        uint64_t file;   /* the place of its file's name; 0: it is in the block */
        uint64_t text;   /* … at this place */
        uint64_t length; /* bytes */
        uint64_t starts; /* of rows + 1 numbers of 64 bits: where in the text each row begins, and
                            where a row after the last one would */
    } body[BODY_COUNT][PROFILE_COUNT];
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
