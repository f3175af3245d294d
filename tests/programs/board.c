/* A published board on the command line. Exits 1 when it cannot be used. */
#include "board.h"
#include "query.h"

#include "file.h"
#include "fragment.h"
#include "mem.h"

#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] = "usage: board columns FILE   its columns: group, kind, key and name\n"
                            "       board damage FILE    use it with each byte changed, and cut\n"
                            "                            off at each length\n"
                            "       board fold TEXT      the text in lower case\n";

static void
print_columns(const struct board *board)
{
    static const char *const groups[] = { "model",   "evaluation", "value",
                                          "feature", "metadata",   "derived" };
    static const char *const kinds[] = { "text", "number", "flag" };

    for (size_t i = 0; i < board->columns; i++)
        printf("%s %s %s %s\n", groups[board->column[i].group], kinds[board->column[i].kind],
               board->column[i].key, board->column[i].name);
}

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

static void
damage(const struct buf *file)
{
    size_t refused = 0, used = 0, sum = 0;

    for (size_t i = 0; i < file->length; i++) {
        static const unsigned char changes[] = { 0x01, 0x80, 0xff };
        for (size_t c = 0; c < sizeof changes; c++) {
            file->data[i] = (char)(file->data[i] ^ changes[c]);
            int opened = use_block(file->data, file->length, &sum);
            used += (size_t)opened;
            refused += !opened;
            file->data[i] = (char)(file->data[i] ^ changes[c]);
        }
    }
    /* Cut off, once with the length in the head as it was and once as it is then. */
    for (size_t length = 0; length < file->length; length++) {
        char *cut = mem_alloc(length);
        uint64_t claimed = length;
        memcpy(cut, file->data, length);
        if (use_block(cut, length, &sum) != 0)
            errx(1, "cut off after %zu bytes, it was taken", length);
        if (length >= 2 * sizeof claimed)
            memcpy(cut + sizeof claimed, &claimed, sizeof claimed);
        int opened = use_block(cut, length, &sum);
        used += (size_t)opened;
        refused += !opened;
        free(cut);
    }
    printf("refused %zu used %zu\n", refused, used);
    if (sum == 0)
        errx(1, "nothing was read");
}

int
main(int argc, char **argv)
{
    struct buf file;
    struct error why;
    struct board board;

    if (argc != 3) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "fold") == 0) {
        board_fold(argv[2], strlen(argv[2]));
        puts(argv[2]);
        return 0;
    }
    if (!board_map(&board, argv[2], &why))
        errx(1, "%s", why.text);
    if (strcmp(argv[1], "columns") == 0)
        print_columns(&board);
    board_close(&board);
    buf_init(&file, 1 << 30);
    if (strcmp(argv[1], "damage") == 0) {
        if (!file_read(argv[2], &file, &why))
            errx(1, "%s", why.text);
        damage(&file);
    }
    buf_free(&file);
    return 0;
}
