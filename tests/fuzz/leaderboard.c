/* Fuzzes what an operator writes, and tables that it does not fit: lib/leaderboard.c
 * lib/board_build.c lib/rows.c
 *
 * The input is a leaderboard's file and, after a line with ====, rows as JSON lines. */
#include "fuzz.h"

#include "board.h"
#include "rows.h"

static char path[PATH_MAX];

static void
target_start(void)
{
    snprintf(path, sizeof path, "%s", fuzz_path("leaderboard.json"));
}

static void
show(const struct leaderboard *leaderboard, const struct table *table)
{
    static const char *names[] = { "acme" };
    const struct providers providers = { 1, names };
    struct error why = { "" };
    struct view *view = view_new(leaderboard, table, &why);
    struct buf text, block;
    struct board board;

    promise(view != NULL || why.text[0] != '\0', "a table that does not fit says why");
    if (view == NULL)
        return;
    buf_init(&text, 1 << 24);
    buf_init(&block, 1 << 24);
    for (size_t row = 0; row < table->rows; row++) {
        view_put_id(&text, view, row, PROFILE_SPACE);
        view_put_raw(&text, view, row, PROFILE_SPACE);
        view_put_entry(&text, view, row, PROFILE_SPACE, &providers);
    }
    if (board_build(&block, leaderboard, view, table, &providers, "", 1718187630, &why)) {
        promise(board_open(&board, block.data, block.length, &why), why.text);
        board_close(&board);
    }
    buf_free(&text);
    buf_free(&block);
    view_free(view);
}

static void
target_run(const char *bytes, size_t length)
{
    struct leaderboard leaderboard;
    struct error why = { "" };
    struct table table;
    const char *part = bytes;
    size_t size = 0;

    fuzz_part(&bytes, &length, &part, &size);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    promise(write(file, part, size) == (ssize_t)size && close(file) == 0, path);
    bool loaded = leaderboard_load(&leaderboard, path, &why);
    promise(loaded || why.text[0] != '\0', "a file that makes no sense says why");
    if (fuzz_part(&bytes, &length, &part, &size) &&
        rows_read(ROWS_JSONL, part, size, &table, &why)) {
        if (loaded)
            show(&leaderboard, &table);
        table_free(&table);
    }
    if (loaded)
        leaderboard_free(&leaderboard);
}

#define ROW                                                                                        \
    "{\"model\":\"acme/large\",\"Model sha\":\"main\",\"Precision\":\"bfloat16\","                 \
    "\"T\":\"\xf0\x9f\x92\xac chat (RLHF)\",\"IFEval\":77.5,\"IFEval Raw\":0.775,"                 \
    "\"Flag\":true,\"Likes\":12}\n"

FUZZ_SEEDS(
    "{\"title\":\"A\",\"required\":[\"model\"],\"id\":{\"documented\":[\"model\"],\"space\":["
    "\"model\",\"Precision\",\"Flag\"]},\"model\":[{\"key\":\"name\",\"column\":\"model\","
    "\"kind\":\"text\"},{\"key\":\"type\",\"column\":[\"Type\",\"T\"],\"kind\":\"type\"},{"
    "\"key\":\"average_score\",\"column\":\"IFEval\",\"kind\":\"score\"}],\"benchmarks\":[{"
    "\"key\":\"ifeval\",\"name\":\"IFEval\",\"score\":\"IFEval\",\"raw\":\"IFEval Raw\"}],"
    "\"features\":[{\"key\":\"is_a\",\"column\":\"Flag\",\"kind\":\"negated_flag\"},{\"key\":"
    "\"is_official_provider\",\"column\":\"O\",\"kind\":\"official_flag\"}],\"metadata\":[{"
    "\"key\":\"hub_hearts\",\"column\":\"Likes\",\"kind\":\"number\",\"unknown\":-1}]}"
    "\n====\n" ROW ROW "{\"model\":null,\"IFEval\":\"x\",\"Flag\":{\"a\":[1]}}\n{}",
    "{\"title\":1}",
    "{\"title\":\"A\",\"required\":[],\"id\":{},\"model\":{},\"benchmarks\":[],"
    "\"features\":[],\"metadata\":[]}\n====\n{\"a\":1e400}\n[1]")
