#include "pull_private.h"

#include "lines.h"
#include "vote.h"

enum { NAMED_MAX = 20 }; /* malformed lines that are named in the log one by one */

struct tally {
    size_t votes, duplicates, malformed;
    int64_t number; /* of this pull */
};

static void
malformed(const struct pull *pull, struct tally *tally, size_t number, const char *reason)
{
    if (tally->malformed++ < NAMED_MAX)
        log_event(&pull->config->log, LEVEL_WARNING, LOG_SYNC, "skipped a line that is no vote",
                  LOG_INTEGER("line", number), LOG_TEXT("reason", reason));
}

static bool
apply_line(const struct pull *pull, struct tally *tally, const struct lines *line,
           struct error *why)
{
    struct vote vote;
    struct arena arena;
    struct error reason;
    bool good = true;

    arena_init(&arena, 0);
    if (!vote_parse(&vote, line->text, line->length, &arena, &reason)) {
        malformed(pull, tally, line->number, reason.text);
    } else {
        good = db_run(pull->db, SQL_VOTE_PULLED, why, DB_TEXT(vote.model), DB_TEXT(vote.revision),
                      DB_TEXT(vote.username), DB_TEXT(vote.vote_type), DB_TEXT(vote.timestamp),
                      DB_INTEGER(tally->number));
        if (sqlite3_changes(pull->db->handle) == 0)
            tally->duplicates++;
        else
            tally->votes++;
    }
    arena_free(&arena);
    return good;
}

static bool
apply_lines(const struct pull *pull, struct tally *tally, const struct spool *content,
            struct error *why)
{
    enum lines_result result;
    struct lines lines;

    lines_of_spool(&lines, content);
    while ((result = lines_next(&lines, why)) == LINES_ONE || result == LINES_LONG) {
        if (result == LINES_LONG)
            malformed(pull, tally, lines.number, "it is longer than 64 KiB");
        else if (lines.length != 0 && !apply_line(pull, tally, &lines, why))
            return false;
    }
    return result == LINES_END;
}

/* The votes of a file, in one transaction. A file without any, where there were some, is more
 * likely a mishap than a wish: the votes stay. */
static bool
apply(const struct pull *pull, const struct spool *content, const char *sha, struct error *why)
{
    const char *repo = pull->config->votes_repo;
    struct tally tally = { 0 };

    if (db_begin(pull->db, why) != DB_OK)
        return false;
    int64_t before = db_number(db_query(pull->db, SQL_VOTE_COUNT, DB_NULL), 0);
    tally.number = db_number(db_query(pull->db, SQL_VOTE_LAST_PULL, DB_NULL), 0) + 1;
    bool good = apply_lines(pull, &tally, content, why);
    if (good && tally.votes == 0 && before != 0 && !pull->accept_loss) {
        error_set(why,
                  "dataset %s has no votes where there were %lld: what was there stays; if that "
                  "is meant, run fetcher pull votes --accept-loss",
                  repo, (long long)before);
        good = false;
    }
    good = good && db_run(pull->db, SQL_VOTE_GONE, why, DB_INTEGER(tally.number));
    good = pull_finish(pull, DATASET_VOTES, sha, "", tally.votes, good, why);
    if (good)
        log_event(&pull->config->log, tally.malformed != 0 ? LEVEL_WARNING : LEVEL_INFO, LOG_SYNC,
                  "votes", LOG_INTEGER("votes", tally.votes),
                  LOG_INTEGER("duplicates", tally.duplicates),
                  LOG_INTEGER("malformed", tally.malformed));
    return good;
}

bool
pull_votes(const struct pull *pull, const char *sha, struct error *why)
{
    const char *repo = pull->config->votes_repo;
    const struct hub_file *file = NULL;
    struct hub_tree tree;
    struct spool content;
    bool good = false;

    if (hub_list(pull->hub, repo, sha, &tree, why) != HUB_OK)
        return false;
    file = hub_tree_find(&tree, VOTE_FILE);
    if (file == NULL && db_number(db_query(pull->db, SQL_VOTE_COUNT, DB_NULL), 0) != 0) {
        error_set(why, "dataset %s has no file " VOTE_FILE ": what was there stays", repo);
    } else if (hub_download_spool(pull->hub, repo, sha, file, &content, why) == HUB_OK) {
        good = apply(pull, &content, sha, why);
        spool_close(&content);
    }
    hub_tree_free(&tree);
    return good;
}
