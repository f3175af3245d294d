/* A published board on the command line. Exits 1 when it cannot be used. */
#include "../fuzz/board_use.h"
#include "file.h"

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
