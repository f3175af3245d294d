/* parquet-cat FILE: prints the rows of a parquet file as JSON, one object a line. */
#include "buf.h"
#include "error.h"
#include "file.h"
#include "parquet.h"
#include "table.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: parquet-cat FILE\n"
    "Prints the rows of a parquet file as JSON, one object a line, columns in the file's order.\n"
    "Exits 1, with the reason on stderr, when the file cannot be read; 100 on wrong usage.\n";

static int
refuse(const char *text)
{
    fprintf(stderr, "parquet-cat: %s\n", text);
    return 1;
}

static bool
table_print(const struct table *table)
{
    struct buf line;
    bool ok = true;

    buf_init(&line, SIZE_MAX / 2);
    for (size_t row = 0; ok && row < table->rows; row++) {
        buf_reset(&line);
        table_put_row(&line, table, row);
        buf_byte(&line, '\n');
        ok = buf_ok(&line) && fwrite(line.data, line.length, 1, stdout) == 1;
    }
    buf_free(&line);
    return fflush(stdout) == 0 && ok;
}

int
main(int count, char **argument)
{
    struct buf file;
    struct error why;
    struct table table;

    if (count == 2 && strcmp(argument[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    if (count != 2 || argument[1][0] == '-') {
        fputs(usage, stderr);
        return 100;
    }
    buf_init(&file, SIZE_MAX / 2);
    if (!file_read(argument[1], &file, &why))
        return refuse(why.text);
    enum parquet_result result = parquet_read(buf_string(&file), file.length, &table, &why);
    buf_free(&file);
    if (result != PARQUET_OK) {
        error_prefix(&why, "%s", argument[1]);
        return refuse(why.text);
    }
    bool printed = table_print(&table);
    table_free(&table);
    return printed ? 0 : refuse("the rows could not be written");
}
