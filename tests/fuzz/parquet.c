/* Fuzzes lib/parquet: reads what it is given and, where that is a table, prints it.
 *
 * tests/fuzz/run.sh builds it with libFuzzer. With -DFUZZ_REPLAY it is a program that does the same
 * with each of the files it is given, for any compiler. */
#include "parquet.h"
#include "buf.h"
#include "table.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { PRINT_MAX = 8 << 20 }; /* rows may share their texts, so printing could take for ever */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

/* What the header promises about every answer. */
static void
promise(bool kept)
{
    if (!kept)
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    struct error why = { "" };
    struct table table;
    struct buf rows;

    if (parquet_read(data, length, &table, &why) != PARQUET_OK) {
        promise(why.text[0] != '\0' && table.columns == 0 && table.rows == 0);
        promise(table.arena.blocks == NULL);
        return 0;
    }
    promise(table.columns != 0 && table.arena.used <= parquet_memory_max(length));
    buf_init(&rows, PRINT_MAX);
    for (size_t i = 0; i < table.rows && buf_ok(&rows); i++)
        table_put_row(&rows, &table, i);
    buf_free(&rows);
    table_free(&table);
    return 0;
}

#ifdef FUZZ_REPLAY
#include "file.h"

#include <stdio.h>

int
main(int count, char **path)
{
    for (int i = 1; i < count; i++) {
        struct buf file;
        struct error why;
        buf_init(&file, SIZE_MAX / 2);
        if (!file_read(path[i], &file, &why)) {
            fprintf(stderr, "%s\n", why.text);
            return 1;
        }
        /* A copy of just that size, so that a sanitizer sees a byte read beyond it. */
        uint8_t *copy = malloc(file.length == 0 ? 1 : file.length);
        if (copy == NULL)
            return 111;
        memcpy(copy, buf_string(&file), file.length);
        LLVMFuzzerTestOneInput(copy, file.length);
        free(copy);
        buf_free(&file);
    }
    return 0;
}
#endif
