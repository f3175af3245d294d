#include "push.h"

#include "outbox.h"
#include "vote.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum {
    ROUNDS_MAX = 40,
    VOTES_MAX = 5000,    /* lines a commit */
    FILES_MAX = 50,      /* files a commit */
    BYTES_MAX = 8 << 20, /* new bytes a commit */
    BACKOFF_MS = 100,
    BACKOFF_MAX_MS = 5000,
};

/* What a round found of each entry. */
enum fate { FATE_WRITE, FATE_THERE, FATE_PARK, FATE_LATER };

struct round {
    const struct pull *pull;
    enum dataset dataset;
    const char *repo;
    char parent[SHA1_HEX];
    struct outbox_entries entries;
    enum fate *fates;
    size_t writes;
    struct pushed *pushed;
};

/* The commit that the cache holds. */
static bool
parent_load(struct round *round, struct error *why)
{
    struct db *db = round->pull->db;
    sqlite3_stmt *row = db_query(db, SQL_DATASET_FIND, DB_TEXT(dataset_name(round->dataset)));

    if (!db_next(db, row, why))
        return false;
    snprintf(round->parent, sizeof round->parent, "%s", db_column_text(row, 1));
    db_done(row);
    return true;
}

/* Two servers that ran into each other must not do so again at once. */
static void
back_off(int rounds)
{
    unsigned random = 0;
    long limit = BACKOFF_MS << (rounds < 6 ? rounds : 6);

    if (getrandom(&random, sizeof random, 0) < 0)
        random = (unsigned)time(NULL);
    limit = limit < BACKOFF_MAX_MS ? limit : BACKOFF_MAX_MS;
    long ms = limit / 2 + (long)(random % (unsigned)(limit / 2 + 1));
    struct timespec rest = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
    while (nanosleep(&rest, &rest) != 0 && errno == EINTR)
        continue;
}

/* ---- votes ---- */

static void
votes_judge(struct round *round)
{
    size_t bytes = 0;

    for (size_t i = 0; i < round->entries.count; i++) {
        const struct outbox_entry *entry = &round->entries.entries[i];
        int64_t seen = db_number(db_query(round->pull->db, SQL_VOTE_PULL, DB_TEXT(entry->model),
                                          DB_TEXT(entry->revision), DB_TEXT(entry->username)),
                                 0);
        bytes += entry->length + 1;
        round->fates[i] = seen > 0 ? FATE_THERE : bytes > BYTES_MAX ? FATE_LATER : FATE_WRITE;
        round->writes += round->fates[i] == FATE_WRITE;
    }
}

/* The votes file at the parent commit, byte for byte; empty where there is none yet. On HUB_OK the
 * caller owns the spool. */
static enum hub_result
votes_file(const struct round *round, struct spool *content, struct error *why)
{
    struct hub_tree tree;
    enum hub_result result = hub_list(round->pull->hub, round->repo, round->parent, &tree, why);

    if (result != HUB_OK)
        return result;
    result = hub_download_spool(round->pull->hub, round->repo, round->parent,
                                hub_tree_find(&tree, VOTE_FILE), content, why);
    hub_tree_free(&tree);
    return result;
}

/* Appends the round's votes. */
static bool
votes_append(const struct round *round, struct spool *content, struct error *why)
{
    char last = '\n';
    bool good = content->length == 0 || spool_read(content, content->length - 1, &last, 1, why);

    if (good && last != '\n')
        good = spool_put(content, "\n", 1, why);
    for (size_t i = 0; good && i < round->entries.count; i++) {
        const struct outbox_entry *entry = &round->entries.entries[i];
        if (round->fates[i] == FATE_WRITE)
            good = spool_put(content, entry->content, entry->length, why) &&
                   spool_put(content, "\n", 1, why);
    }
    return good;
}

static enum hub_result
votes_write(struct round *round, char commit[SHA1_HEX], struct error *why)
{
    struct spool content;
    char summary[64];
    enum hub_result result = votes_file(round, &content, why);

    if (result != HUB_OK)
        return result;
    snprintf(summary, sizeof summary, "Add %zu vote%s", round->writes,
             round->writes == 1 ? "" : "s");
    if (votes_append(round, &content, why)) {
        const struct hub_upload upload = { .path = VOTE_FILE,
                                           .length = content.length,
                                           .spool = &content };
        result = hub_commit(round->pull->hub, round->repo, round->parent, summary, &upload, 1,
                            commit, why);
    } else {
        result = HUB_DISK;
    }
    spool_close(&content);
    return result;
}

/* ---- requests ---- */

static void
requests_judge(struct round *round)
{
    struct db *db = round->pull->db;
    char oid[SHA1_HEX], there[SHA1_HEX];
    size_t bytes = 0;

    for (size_t i = 0; i < round->entries.count; i++) {
        const struct outbox_entry *entry = &round->entries.entries[i];
        sqlite3_stmt *row = db_query(db, SQL_REQUEST_OID, DB_TEXT(entry->path));
        bool found = db_next(db, row, NULL);
        snprintf(there, sizeof there, "%s", found ? db_column_text(row, 0) : "");
        db_done(row);
        digest_git("blob", entry->content, entry->length, oid);
        bytes += entry->length;
        round->fates[i] = strcmp(oid, there) == 0                                   ? FATE_THERE
                          : there[0] != '\0' && strcmp(entry->base_oid, there) != 0 ? FATE_PARK
                          : bytes > BYTES_MAX                                       ? FATE_LATER
                                                                                    : FATE_WRITE;
        round->writes += round->fates[i] == FATE_WRITE;
    }
}

static enum hub_result
requests_write(struct round *round, char commit[SHA1_HEX], struct error *why)
{
    struct hub_upload uploads[FILES_MAX];
    char summary[64];
    size_t count = 0;

    for (size_t i = 0; i < round->entries.count; i++)
        if (round->fates[i] == FATE_WRITE)
            uploads[count++] = (struct hub_upload){ .path = round->entries.entries[i].path,
                                                    .bytes = round->entries.entries[i].content,
                                                    .length = round->entries.entries[i].length };
    snprintf(summary, sizeof summary, "Add %zu submission%s", count, count == 1 ? "" : "s");
    return hub_commit(round->pull->hub, round->repo, round->parent, summary, uploads, count, commit,
                      why);
}

/* ---- any ---- */

/* Marks an entry's row as one that the Hub has. */
static bool
row_pushed(struct round *round, const struct outbox_entry *entry, int64_t pull_number,
           struct error *why)
{
    char oid[SHA1_HEX];

    if (round->dataset == DATASET_VOTES)
        return db_run(round->pull->db, SQL_VOTE_PUSHED, why, DB_TEXT(entry->model),
                      DB_TEXT(entry->revision), DB_TEXT(entry->username), DB_INTEGER(pull_number));
    digest_git("blob", entry->content, entry->length, oid);
    return db_run(round->pull->db, SQL_REQUEST_PUSHED, why, DB_TEXT(entry->path), DB_TEXT(oid));
}

/* Settles the round in one transaction: what the Hub has leaves the outbox, and with `commit` the
 * new revision is recorded. */
static bool
settle(struct round *round, const char *commit, struct error *why)
{
    struct db *db = round->pull->db;

    if (db_begin(db, why) != DB_OK)
        return false;
    int64_t pull_number = db_number(db_query(db, SQL_VOTE_LAST_PULL, DB_NULL), 0);
    bool good = true;
    for (size_t i = 0; good && i < round->entries.count; i++) {
        const struct outbox_entry *entry = &round->entries.entries[i];
        if (round->fates[i] == FATE_PARK)
            good = outbox_refused(
                db, entry, true, "the Hub has another file at this path by now; submit again", why);
        else if (round->fates[i] == FATE_THERE)
            good = outbox_done(db, entry->id, why);
        else if (round->fates[i] == FATE_WRITE && commit != NULL)
            good = row_pushed(round, entry, pull_number < 1 ? 1 : pull_number, why) &&
                   outbox_done(db, entry->id, why);
        round->pushed->parked += round->fates[i] == FATE_PARK;
        round->pushed->there_already += round->fates[i] == FATE_THERE;
        round->pushed->written += round->fates[i] == FATE_WRITE && commit != NULL;
    }
    if (good && commit != NULL) {
        enum sql_id count = round->dataset == DATASET_VOTES ? SQL_VOTE_COUNT : SQL_REQUEST_COUNT;
        int64_t rows = db_number(db_query(db, count, DB_NULL), 0);
        good = db_run(db, SQL_DATASET_PUSHED, why, DB_TEXT(dataset_name(round->dataset)),
                      DB_TEXT(commit), DB_INTEGER(time(NULL)), DB_INTEGER(rows));
    }
    if (good)
        return db_commit(db, why) == DB_OK;
    db_rollback(db);
    return false;
}

/* Counts a refusal of what the round wanted to write. */
static bool
refuse(struct round *round, const struct error *reason)
{
    struct db *db = round->pull->db;
    struct error why;

    if (db_begin(db, &why) != DB_OK)
        return false;
    bool good = true;
    for (size_t i = 0; good && i < round->entries.count; i++) {
        const struct outbox_entry *entry = &round->entries.entries[i];
        if (round->fates[i] != FATE_WRITE)
            continue;
        good = outbox_refused(db, entry, false, reason->text, &why);
        if (entry->tries + 1 >= OUTBOX_TRIES)
            round->pushed->parked++;
    }
    if (good)
        return db_commit(db, &why) == DB_OK;
    db_rollback(db);
    return false;
}

static enum hub_result
round_write(struct round *round, struct error *why)
{
    char commit[SHA1_HEX];
    struct error failure;
    enum hub_result result = round->dataset == DATASET_VOTES ? votes_write(round, commit, why)
                                                             : requests_write(round, commit, why);

    if (result == HUB_OK) {
        round->pushed->commits++;
        if (!settle(round, commit, why))
            return HUB_BROKEN; /* the next run finds it there */
    } else if (result == HUB_REFUSED || result == HUB_DENIED || result == HUB_TOO_LARGE ||
               result == HUB_MISSING) {
        if (!refuse(round, why))
            log_event(&round->pull->config->log, LEVEL_ERROR, LOG_SYNC, "cannot record a refusal",
                      LOG_TEXT("error", why->text));
    } else if (result == HUB_CONFLICT && !settle(round, NULL, &failure)) {
        *why = failure;
        result = HUB_BROKEN;
    }
    return result;
}

/* One file that the Hub refuses must not hold the others up: each goes alone. */
static enum hub_result
round_write_alone(struct round *round, struct error *why)
{
    enum fate *fates = round->fates;
    size_t count = round->entries.count;
    enum hub_result worst = HUB_OK;
    struct error failure;

    for (size_t i = 0; i < count && worst != HUB_CONFLICT; i++) {
        if (fates[i] != FATE_WRITE)
            continue;
        struct round one = *round;
        one.entries.entries = &round->entries.entries[i];
        one.entries.count = 1;
        one.fates = &fates[i];
        one.writes = 1;
        if (!parent_load(&one, &failure))
            return HUB_BROKEN;
        enum hub_result result = round_write(&one, &failure);
        if (result != HUB_OK) {
            worst = result;
            *why = failure;
        }
    }
    return worst;
}

/* One round. Sets *again when another one is to follow. */
static enum push_result
round_run(struct round *round, bool *again, struct error *why)
{
    bool votes = round->dataset == DATASET_VOTES;
    size_t max = votes ? VOTES_MAX : FILES_MAX;

    if (!parent_load(round, why) ||
        !outbox_read(round->pull->db, dataset_name(round->dataset), max, &round->entries, why))
        return PUSH_FAILED;
    if (round->entries.count == 0)
        return PUSH_NOTHING;
    round->fates = mem_zero(round->entries.count, sizeof *round->fates);
    if (votes)
        votes_judge(round);
    else
        requests_judge(round);
    enum hub_result result = HUB_OK;
    if (round->writes == 0)
        result = settle(round, NULL, why) ? HUB_OK : HUB_BROKEN;
    else if (votes || round->writes == 1)
        result = round_write(round, why);
    else {
        /* Together first; a refusal is not counted until it is known whose it is. */
        char commit[SHA1_HEX];
        result = requests_write(round, commit, why);
        if (result == HUB_OK) {
            round->pushed->commits++;
            result = settle(round, commit, why) ? HUB_OK : HUB_BROKEN;
        } else if (result == HUB_REFUSED || result == HUB_TOO_LARGE) {
            result = round_write_alone(round, why);
        } else if (result == HUB_DENIED || result == HUB_MISSING) {
            refuse(round, why);
        }
    }
    *again = result == HUB_OK || result == HUB_CONFLICT;
    if (result == HUB_CONFLICT)
        round->pushed->conflicts++;
    return *again ? PUSH_DONE : PUSH_FAILED;
}

enum push_result
push_dataset(const struct pull *pull, enum dataset dataset, struct pushed *pushed,
             struct error *why)
{
    struct outbox_depth depth;
    enum push_result result = PUSH_NOTHING;
    size_t conflicts = 0;

    *pushed = (struct pushed){ 0 };
    if (!outbox_depth(pull->db, dataset_name(dataset), &depth, why))
        return PUSH_FAILED;
    if (depth.waiting == 0)
        return PUSH_NOTHING;
    const size_t waited = (size_t)depth.waiting;
    for (int rounds = 0; rounds < ROUNDS_MAX; rounds++) {
        struct round round = { .pull = pull,
                               .dataset = dataset,
                               .repo = dataset_repo(pull->config, dataset),
                               .pushed = pushed };
        bool again = false;
        if (pull_dataset(pull, dataset, why) == PULL_FAILED)
            return PUSH_FAILED;
        enum push_result outcome = round_run(&round, &again, why);
        outbox_free(&round.entries);
        free(round.fates);
        if (outcome == PUSH_NOTHING)
            return result;
        result = outcome;
        /* What was acknowledged since is the next run's: this one would go on for as long as people
         * vote. */
        if (!again || pushed->written + pushed->there_already + pushed->parked >= waited)
            return result;
        if (pushed->conflicts != conflicts) {
            conflicts = pushed->conflicts;
            back_off(rounds);
        }
    }
    error_set(why,
              "dataset %s: somebody else committed %zu times meanwhile; the rest is written by the "
              "next run",
              dataset_repo(pull->config, dataset), pushed->conflicts);
    return PUSH_FAILED;
}
