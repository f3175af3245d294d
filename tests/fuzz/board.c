/* Fuzzes published boards that were altered or cut off on their disk: lib/board.c lib/query.c
 * lib/query_run.c lib/fragment.c
 *
 * The input is a board's file. */
#include "fuzz.h"

#include "board_use.h"
#include "rows.h"

static void
target_start(void)
{
}

static void
target_run(const char *bytes, size_t length)
{
    /* As malloc and mmap align it. */
    char *copy = mem_alloc(length);
    size_t sum = 0;

    memcpy(copy, bytes, length);
    (void)use_block(copy, length, &sum);
    free(copy);
}

/* The board of some rows, as the default leaderboard reads them. */
static bool __attribute__((unused)) target_seed(size_t number, struct buf *out)
{
    static const char *const seeds[] = {
        "{\"eval_name\":\"a\",\"fullname\":\"acme/large\",\"Model "
        "sha\":\"0123\",\"Precision\":\"bfloat16\",\"IFEval\":"
        "77.5,\"IFEval Raw\":0.775,\"Average \xe2\xac\x86\xef\xb8\x8f\":30.5,\"#Params (B)\":8.03,"
        "\"Submission Date\":\"2024-06-12\",\"Merged\":true}\n"
        "{\"eval_name\":\"b\",\"fullname\":\"\xc3\x9c/"
        "b\",\"Precision\":null,\"IFEval\":null,\"Merged\":false}\n",
        "{\"eval_name\":\"c\",\"fullname\":\"a\",\"Precision\":\"4bit\",\"Average "
        "\xe2\xac\x86\xef\xb8\x8f\":1,\"IFEval\":1}\n",
    };
    const struct providers providers = { 0 };
    struct leaderboard leaderboard;
    struct error why = { "" };
    struct table table;

    if (number >= sizeof seeds / sizeof seeds[0])
        return false;
    promise(leaderboard_load(&leaderboard, "leaderboards/open-llm.json", &why) &&
                rows_read(ROWS_JSONL, seeds[number], strlen(seeds[number]), &table, &why),
            why.text);
    struct view *view = view_new(&leaderboard, &table, &why);
    promise(view != NULL &&
                board_build(out, &leaderboard, view, &table, &providers, "main", 1718187630, &why),
            why.text);
    view_free(view);
    table_free(&table);
    leaderboard_free(&leaderboard);
    return true;
}
