/* board_use: asks a board, which may have been altered on its disk, everything that can be asked of
 * one. */
#ifndef BOARD_USE_H
#define BOARD_USE_H

#include "board.h"
#include "fragment.h"
#include "mem.h"
#include "query.h"

#include <string.h>

/* Looks at every byte of a text, so that a sanitizer sees what lies outside. */
static size_t
look(const char *text, size_t length)
{
    size_t sum = 0;

    for (size_t i = 0; i < length; i++)
        sum += (unsigned char)text[i];
    return sum;
}

/* Asks a board everything that can be asked of it. */
static size_t
use_board(const struct board *board)
{
    static const char *const paths[] = { "id", "model.name", "evaluations.ifeval.value", NULL };
    size_t sum = strlen(board->revision), length, tied;
    struct buf text;

    buf_init(&text, 1 << 24);
    for (size_t i = 0; i < board->columns; i++) {
        const struct board_column *column = &board->column[i];
        sum += strlen(column->key) + strlen(column->name);
        for (uint32_t code = 0; column->kind == BOARD_TEXT && code < column->words; code++)
            sum += strlen(board_word(column, code)) + strlen(board_folded(column, code));
        for (size_t row = 0; row < board->rows; row++)
            sum += column->kind == BOARD_TEXT     ? strlen(board_text(column, row))
                   : column->kind == BOARD_NUMBER ? board_rank(board, column, row, &tied)
                                                  : column->flags[row];
    }
    for (size_t i = 0; i < board->raws; i++)
        sum += strlen(board->raw[i].name);
    for (int body = 0; body < BODY_COUNT; body++) {
        for (int profile = 0; profile < PROFILE_COUNT; profile++) {
            const char *all = board_fragments(board, (enum body)body, (enum profile)profile, 0,
                                              board->rows, &length);
            sum += look(all, length);
            for (size_t row = 0; row < board->rows; row++) {
                const char *one =
                    board_fragment(board, (enum body)body, (enum profile)profile, row, &length);
                sum += fragment_pick(&text, one, length, paths);
            }
        }
    }
    buf_free(&text);
    return sum;
}

/* Asks a query of it. */
static size_t
use_query(const struct board *board, const struct variable *given, size_t count)
{
    static const char *const others[] = { NULL };
    struct request request = { .queries = count };
    struct response response = { 0 };
    const struct query *query;
    struct query_rows rows;
    size_t sum = 0;

    memcpy(request.query, given, count * sizeof *given);
    arena_init(&request.arena, 0);
    buf_init(&response.body, 1 << 16);
    if (query_read(&query, board, &request, &response, others) == 0) {
        query_run(query, board, &request.arena, &rows);
        for (size_t i = 0; i < rows.count; i++)
            sum += rows.row[i] + rows.rank[i].overall;
    }
    buf_free(&response.body);
    arena_free(&request.arena);
    return sum;
}

/* Opens and uses a block; 1 when it could be opened. */
static int
use_block(const char *bytes, size_t length, size_t *sum)
{
    static const struct variable first[] = {
        { "search", "acme;@provider:a" },    { "sort", "-ifeval,name" }, { "rank", "true" },
        { "submitted_after", "2024-01-01" }, { "min_params", "1" },      { "hide", "merged" },
        { "precision", "bfloat16,float16" },
    };
    static const struct variable second[] = { { "weights", "ifeval:1,bbh:2" },
                                              { "rank", "true" },
                                              { "official", "false" } };
    struct board board;
    struct error why;

    if (!board_open(&board, bytes, length, &why))
        return 0;
    *sum += use_board(&board) + use_query(&board, first, sizeof first / sizeof first[0]) +
            use_query(&board, second, sizeof second / sizeof second[0]);
    board_close(&board);
    return 1;
}

#endif
