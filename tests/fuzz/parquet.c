/* Fuzzes the parquet reader: lib/parquet.c lib/parquet_cell.c lib/parquet_codec.c
 * lib/parquet_meta.c lib/parquet_page.c lib/parquet_schema.c lib/thrift.c
 *
 * The input is a file; what is a table is printed. Its seeds are those of seeds.c. */
#include "fuzz.h"

#include "parquet.h"
#include "table.h"

enum { PRINT_MAX = 8 << 20 }; /* rows may share their texts, so printing could take for ever */

static void
target_start(void)
{
}

static void
target_run(const char *bytes, size_t length)
{
    struct error why = { "" };
    struct table table;
    struct buf rows;

    if (parquet_read(bytes, length, &table, &why) != PARQUET_OK) {
        promise(why.text[0] != '\0' && table.columns == 0 && table.rows == 0, "an empty table");
        promise(table.arena.blocks == NULL, "an arena without blocks");
        return;
    }
    promise(table.columns != 0 && table.arena.used <= parquet_memory_max(length), "a bound");
    buf_init(&rows, PRINT_MAX);
    for (size_t i = 0; i < table.rows && buf_ok(&rows); i++)
        table_put_row(&rows, &table, i);
    buf_free(&rows);
    table_free(&table);
}

FUZZ_SEEDS("PAR1")
