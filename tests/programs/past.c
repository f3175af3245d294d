/* A body of the leaderboard as it was, put together from the board of a past snapshot. Exits 1 when
 * there is none. */
#include "past.h"

#include "config.h"

#include <err.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK_MAX = 1 << 30 };

static void
read_providers(struct db *db, struct providers *providers, struct arena *arena)
{
    static const char *names[4096];
    struct error why;
    sqlite3_stmt *row = db_query(db, SQL_PROVIDER_LIST, DB_NULL);

    providers->names = names;
    while (providers->count < sizeof names / sizeof names[0] && db_next(db, row, &why))
        names[providers->count++] = arena_format(arena, "%s", db_column_text(row, 0));
    db_done(row);
}

int
main(int argc, char **argv)
{
    struct history_snapshot snapshot;
    struct leaderboard leaderboard;
    struct providers providers = { 0 };
    enum profile profile;
    struct arena arena;
    struct board board;
    struct buf block;
    struct error why;
    struct db *db;
    size_t length = 0;

    if (argc != 6 || !profile_parse(argv[4], &profile))
        errx(EXIT_USAGE, "usage: past DB LEADERBOARD leaderboard|formatted PROFILE SNAPSHOT");
    enum body body = strcmp(argv[3], "formatted") == 0 ? BODY_FORMATTED : BODY_LEADERBOARD;
    if (db_open(&db, argv[1], SQL_DATABASE_CACHE, DB_READER, &why) != DB_OK ||
        !leaderboard_load(&leaderboard, argv[2], &why) || !db_snapshot_begin(db, &why))
        errx(EXIT_SYSTEM, "%s", why.text);
    arena_init(&arena, 0);
    buf_init(&block, BLOCK_MAX);
    read_providers(db, &providers, &arena);
    if (past_find(db, argv[5], &snapshot, &why) != PAST_FOUND ||
        past_board(db, &leaderboard, &snapshot, &providers, &block, &board, &why) != PAST_FOUND)
        errx(1, "%s", why.text);
    const char *rows = board_fragments(&board, body, profile, 0, board.rows, &length);
    const char *head = profile == PROFILE_SPACE ? "[" : "{\"models\":[";
    const char *tail = profile == PROFILE_SPACE ? "]" : "]}";
    bool good = write(1, head, strlen(head)) == (ssize_t)strlen(head) &&
                write(1, rows, length) == (ssize_t)length &&
                write(1, tail, strlen(tail)) == (ssize_t)strlen(tail);
    board_close(&board);
    buf_free(&block);
    db_snapshot_end(db);
    db_close(db);
    leaderboard_free(&leaderboard);
    arena_free(&arena);
    return good ? 0 : EXIT_SYSTEM;
}
