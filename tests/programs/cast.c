/* cast: writes votes and submissions as the API's programs do, for tests.
 *
 *   cast DB vote MODEL REVISION USER up|down    one vote
 *   cast DB votes COUNT SEED                    many, over few models and users, so that some are
 * double cast DB request PATH FILE [BASE_OID]        a request file
 *
 * Each acknowledged vote is printed as its line, after its commit. Exit codes: 0, 1 refused, 100.
 */
#include "config.h"
#include "db.h"
#include "file.h"
#include "outbox.h"
#include "submission.h"
#include "vote.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
vote_once(struct db *db, const struct vote *vote)
{
    struct error why;
    struct buf line;
    enum vote_result result;

    vote_add(db, vote, 1, &result, &why);

    if (result == VOTE_UNSAVED)
        fprintf(stderr, "cast: %s\n", why.text);
    if (result != VOTE_COUNTED)
        return 1;
    buf_init(&line, 16384);
    vote_put(&line, vote);
    printf("%s\n", buf_string(&line));
    fflush(stdout);
    buf_free(&line);
    return 0;
}

static int
vote_many(struct db *db, long count, unsigned seed)
{
    char model[32], user[32];

    for (long i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        snprintf(model, sizeof model, "acme/m%u", (seed >> 8) % 20);
        snprintf(user, sizeof user, "user%u", (seed >> 16) % 500);
        const struct vote vote = { model, "0123456789abcdef0123456789abcdef01234567", user,
                                   "2024-08-05T10:20:30Z", seed & 0x80 ? "up" : "down" };
        vote_once(db, &vote);
    }
    return 0;
}

static int
request_once(struct db *db, const char *path, const char *file, const char *base_oid)
{
    struct submission submission;
    struct arena arena;
    struct buf content;
    struct error why;

    arena_init(&arena, 0);
    buf_init(&content, 1 << 20);
    bool good = file_read(file, &content, &why) &&
                submission_parse(&submission, buf_string(&content), content.length, &arena, &why) &&
                db_begin(db, &why) == DB_OK;
    if (good) {
        good =
            submission_put(db, path, base_oid, &submission, content.data, content.length, &why) &&
            outbox_add_request(db, path, base_oid, content.data, &why);
        if (good)
            good = db_commit(db, &why) == DB_OK;
        else
            db_rollback(db);
    }
    if (!good)
        fprintf(stderr, "cast: %s\n", why.text);
    buf_free(&content);
    arena_free(&arena);
    return good ? 0 : 1;
}

int
main(int argc, char **argv)
{
    struct db *db;
    struct error why;
    int code = EXIT_USAGE;

    if (argc < 5) {
        fputs("usage: cast DB vote MODEL REVISION USER up|down | votes COUNT SEED | request PATH "
              "FILE\n",
              stderr);
        return EXIT_USAGE;
    }
    if (db_open(&db, argv[1], SQL_DATABASE_CACHE, DB_WRITER, &why) != DB_OK) {
        fprintf(stderr, "cast: %s\n", why.text);
        return 1;
    }
    if (strcmp(argv[2], "vote") == 0 && argc == 7) {
        const struct vote vote = { argv[3], argv[4], argv[5], "2024-08-05T10:20:30Z", argv[6] };
        code = vote_once(db, &vote);
    } else if (strcmp(argv[2], "votes") == 0) {
        code = vote_many(db, strtol(argv[3], NULL, 10), (unsigned)strtoul(argv[4], NULL, 10));
    } else if (strcmp(argv[2], "request") == 0) {
        code = request_once(db, argv[3], argv[4], argc > 5 ? argv[5] : "");
    }
    db_close(db);
    return code;
}
