/* board: one snapshot of the leaderboard, laid out to be searched where it lies.
 *
 * A board is one block of bytes without pointers: columns (texts as codes into a sorted dictionary,
 * numbers with their order, flags) and where each row stands in the rendered bodies, which lie in
 * the block or in files beside it. The fetcher publishes it beside the bodies; every program maps
 * those files, so that a query costs no parsing, no SQL and no memory of its own. A past snapshot
 * is the same, built from history, with the bodies in its block.
 *
 * The columns are what an entry of profile `documented` shows, under the keys of the API: "name",
 * "sha", "precision", "average_score"…, a benchmark's key ("ifeval": its normalized score;
 * "ifeval.value": the raw one), the features' and metadata's keys; and "provider", the part of
 * "name" before the slash. All texts of a board are UTF-8 and NUL-terminated. */
#ifndef BOARD_H
#define BOARD_H

#include "buf.h"
#include "error.h"
#include "leaderboard.h"
#include "snapshot.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    /* The version of the texts that entries are rendered as: where those change, this does, and
     * what an older version rendered is made anew. */
    BOARD_RENDERER = 4,
    BOARD_LAYOUT = 2, /* of the block; another one can be told apart, and is not read */
};

/* What a column was in the leaderboard's file. */
enum board_group {
    BOARD_MODEL,
    BOARD_EVALUATION,
    BOARD_VALUE,
    BOARD_FEATURE,
    BOARD_METADATA,
    BOARD_DERIVED, /* made of another: "provider" */
    BOARD_GROUPS
};

enum board_kind { BOARD_TEXT, BOARD_NUMBER, BOARD_FLAG, BOARD_KINDS };

struct board_column {
    const char *key, *name; /* name: as people read it (a benchmark's), else the key */
    enum board_group group;
    enum board_kind kind;
    const uint32_t *codes; /* BOARD_TEXT: of each row, into the dictionary; 0 is a missing text */
    uint32_t words;        /* BOARD_TEXT: entries of the dictionary, which is sorted by strcmp */
    const uint32_t *pool;  /* BOARD_TEXT: the dictionary: board_word() */
    uint64_t bytes[4];     /* BOARD_TEXT: a bit for each byte that occurs in the folded words */
    const double *numbers; /* BOARD_NUMBER: of each row, NaN where it is missing */
    const uint32_t *order; /* BOARD_NUMBER: the rows, the highest first, missing ones last */
    const uint8_t *flags;  /* BOARD_FLAG: 0 or 1 */
};

/* A column of the dataset. */
struct board_raw {
    const char *name;
    enum cell_kind kind; /* that its cells fit into: numbers of two kinds are CELL_REAL, other
                            mixtures CELL_TEXT; CELL_NULL when it holds nothing */
};

/* A body: what GET /api/leaderboard answers. */
struct board_body {
    const char *text;
    size_t length;
    const uint64_t *starts; /* of each row, and of the one that would come after the last */
    bool mapped;
};

struct board {
    size_t rows, columns, raws;
    const struct board_column *column; /* in the order of the leaderboard's file */
    const struct board_raw *raw;       /* in the dataset's order */
    int64_t published_at;              /* Unix seconds */
    const char *revision;              /* the dataset's commit, "" when it is not known */
    const void *bytes;                 /* the block */
    size_t length;
    struct board_body body[BODY_COUNT][PROFILE_COUNT];
    bool mapped;
};

/* Replaces the content of `out` by the board of a view's table. `revision` as in struct board.
 * False with `why` when it does not fit into `out`. */
bool board_build(struct buf *out, const struct leaderboard *leaderboard, const struct view *view,
                 const struct table *table, const struct providers *providers, const char *revision,
                 int64_t published_at, struct error *why) __attribute__((warn_unused_result));

/* Who takes the bodies. */
struct board_shelf {
    void *context;
    /* Takes the next part of a body; those of several bodies come in turns. */
    void (*put)(void *context, enum body body, enum profile profile, const char *text,
                size_t length);
    /* Ends it. The name of its file, or NULL with `why`. */
    const char *(*end)(void *context, enum body body, enum profile profile, struct error *why);
};

/* The same, but the bodies go to the shelf, a window at a time, and the block names their files. */
bool board_build_apart(struct buf *out, const struct leaderboard *leaderboard,
                       const struct view *view, const struct table *table,
                       const struct providers *providers, const char *revision,
                       int64_t published_at, const struct board_shelf *shelf, struct error *why)
    __attribute__((warn_unused_result));

/* Reads a block (aligned as malloc and mmap align), which must outlive the board; every offset in
 * it is checked; its bodies must be in it. On true the caller owns the board (not the block):
 * board_close(). */
bool board_open(struct board *board, const void *bytes, size_t length, struct error *why)
    __attribute__((warn_unused_result));

/* The same of a file, which is mapped until board_close(), as are the files of its bodies, which
 * must be in the same folder. */
bool board_map(struct board *board, const char *path, struct error *why)
    __attribute__((warn_unused_result));

/* Gives back the memory in which a mapped board lies, to be read from its files when it is used. */
void board_forget(const struct board *board);

/* Also of a board that is all zeroes. */
void board_close(struct board *board);

/* The column of that key, or NULL. */
const struct board_column *board_find(const struct board *board, const char *key);

/* An entry of a column's dictionary; 0 is "". */
const char *board_word(const struct board_column *column, uint32_t code);

/* The same in lower case, as board_fold() makes it. The folded words lie one after the other, so
 * that board_folded(column, 0) begins a text of all, of board_folded_length() bytes. */
const char *board_folded(const struct board_column *column, uint32_t code);
size_t board_folded_length(const struct board_column *column);

/* The text of a row in a BOARD_TEXT column; "" where it is missing. */
const char *board_text(const struct board_column *column, size_t row);

/* A rendered row: what the body of that kind and profile has between its commas. */
const char *board_fragment(const struct board *board, enum body body, enum profile profile,
                           size_t row, size_t *length);

/* `count` rows from `row` on, with a comma between each two. */
const char *board_fragments(const struct board *board, enum body body, enum profile profile,
                            size_t row, size_t count, size_t *length);

/* The rank of a row by a numeric column: 1 + how many rows have a higher number; 0 where it is
 * missing. *tied (may be NULL) is how many rows share it, itself included. */
size_t board_rank(const struct board *board, const struct board_column *column, size_t row,
                  size_t *tied);

/* Appends {"revision", "published_at"}: which data it is. */
void board_put_as_of(struct buf *out, const struct board *board);

/* Turns the letters of the Latin, Greek and Cyrillic scripts into lower case, in place; the length
 * stays. */
void board_fold(char *text, size_t length);

#endif
