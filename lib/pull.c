#include "pull_private.h"

#include "board.h"
#include "digest.h"
#include "providers.h"
#include "snapshot.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const struct {
    const char *name;
    size_t repo; /* where in struct config its id is */
} datasets[DATASET_COUNT] = {
    [DATASET_PROVIDERS] = { "official-providers", offsetof(struct config, providers_repo) },
    [DATASET_CONTENTS] = { "contents", offsetof(struct config, contents_repo) },
    [DATASET_REQUESTS] = { "requests", offsetof(struct config, requests_repo) },
    [DATASET_VOTES] = { "votes", offsetof(struct config, votes_repo) },
};

const char *
dataset_name(enum dataset dataset)
{
    return datasets[dataset].name;
}

enum dataset
dataset_parse(const char *name)
{
    int dataset = 0;

    while (dataset < DATASET_COUNT && strcmp(name, datasets[dataset].name) != 0)
        dataset++;
    return (enum dataset)dataset;
}

const char *
dataset_repo(const struct config *config, enum dataset dataset)
{
    const char *repo;

    memcpy(&repo, (const char *)config + datasets[dataset].repo, sizeof repo);
    return repo;
}

/* ---- what is known already ---- */

struct known {
    char revision[SHA1_HEX];
    char fingerprint[SHA256_HEX];
    bool same_repo;
};

static bool
known_load(const struct pull *pull, enum dataset dataset, struct known *known, struct error *why)
{
    struct error failure;
    sqlite3_stmt *row = db_query(pull->db, SQL_DATASET_FIND, DB_TEXT(dataset_name(dataset)));

    *known = (struct known){ 0 };
    if (db_next(pull->db, row, &failure)) {
        known->same_repo = strcmp(db_column_text(row, 0), dataset_repo(pull->config, dataset)) == 0;
        snprintf(known->revision, sizeof known->revision, "%s", db_column_text(row, 1));
        snprintf(known->fingerprint, sizeof known->fingerprint, "%s", db_column_text(row, 2));
        db_done(row);
        return true;
    }
    if (failure.text[0] != '\0')
        *why = failure;
    return failure.text[0] == '\0';
}

/* What entries depend on beside the dataset's rows. */
static void
contents_fingerprint(const struct pull *pull, const struct providers *providers,
                     char fingerprint[SHA256_HEX])
{
    struct buf text;

    buf_init(&text, 1 << 26);
    buf_format(&text, "%d %s", BOARD_RENDERER, pull->leaderboard->fingerprint);
    for (size_t i = 0; i < providers->count; i++)
        buf_format(&text, "\n%s", providers->names[i]);
    digest_sha256(buf_string(&text), text.length, fingerprint);
    buf_free(&text);
}

/* Closes a transaction that has done its work, or undoes it. */
bool
pull_finish(const struct pull *pull, enum dataset dataset, const char *sha, const char *fingerprint,
            size_t rows, bool good, struct error *why)
{
    good = good && db_run(pull->db, SQL_DATASET_PULLED, why, DB_TEXT(dataset_name(dataset)),
                          DB_TEXT(dataset_repo(pull->config, dataset)), DB_TEXT(sha),
                          DB_TEXT(fingerprint), DB_INTEGER(rows), DB_INTEGER(time(NULL)));
    if (good)
        return db_commit(pull->db, why) == DB_OK;
    db_rollback(pull->db);
    return false;
}

/* ---- any ---- */

/* True when what is published is there, file for file, and linked to. */
static bool
published(const struct pull *pull)
{
    struct snapshots snapshots;

    return snapshot_load(&snapshots, pull->db, NULL) &&
           snapshot_complete(&snapshots, pull->config->state_dir) &&
           snapshot_link(&snapshots, pull->config->state_dir, NULL);
}

static enum pull_result
pull_run(const struct pull *pull, enum dataset dataset, struct arena *arena, struct error *why)
{
    const char *repo = dataset_repo(pull->config, dataset);
    char sha[SHA1_HEX], fingerprint[SHA256_HEX] = "";
    struct providers providers = { 0 };
    struct known known;

    if (hub_revision(pull->hub, repo, sha, why) != HUB_OK ||
        !known_load(pull, dataset, &known, why) ||
        !providers_load(pull->db, &providers, arena, why))
        return PULL_FAILED;
    if (dataset == DATASET_CONTENTS)
        contents_fingerprint(pull, &providers, fingerprint);
    bool same = known.same_repo && strcmp(known.revision, sha) == 0 &&
                strcmp(known.fingerprint, fingerprint) == 0 &&
                (dataset != DATASET_CONTENTS || published(pull));
    if (same && !pull->force) {
        if (db_begin(pull->db, why) != DB_OK)
            return PULL_FAILED;
        if (!db_run(pull->db, SQL_DATASET_UNCHANGED, why, DB_TEXT(dataset_name(dataset)),
                    DB_INTEGER(time(NULL)))) {
            db_rollback(pull->db);
            return PULL_FAILED;
        }
        return db_commit(pull->db, why) == DB_OK ? PULL_UNCHANGED : PULL_FAILED;
    }
    bool good = false;
    switch (dataset) {
    case DATASET_PROVIDERS:
        good = pull_providers(pull, sha, why);
        break;
    case DATASET_CONTENTS:
        good = pull_contents(pull, sha, &providers, fingerprint, why);
        break;
    case DATASET_REQUESTS:
        good = pull_requests(pull, sha, why);
        break;
    case DATASET_VOTES:
        good = pull_votes(pull, sha, why);
        break;
    case DATASET_COUNT:
        break;
    }
    return good ? PULL_DONE : PULL_FAILED;
}

enum pull_result
pull_dataset(const struct pull *pull, enum dataset dataset, struct error *why)
{
    struct arena arena;
    struct error second;

    arena_init(&arena, 0);
    enum pull_result result = pull_run(pull, dataset, &arena, why);
    arena_free(&arena);
    if (result != PULL_FAILED)
        return result;
    /* The reason is kept for `fetcher status`; where even that fails, the caller still has it. */
    if (db_begin(pull->db, &second) == DB_OK) {
        if (!db_run(pull->db, SQL_DATASET_FAILED, &second, DB_TEXT(dataset_name(dataset)),
                    DB_TEXT(dataset_repo(pull->config, dataset)), DB_INTEGER(time(NULL)),
                    DB_TEXT(why->text)))
            db_rollback(pull->db);
        else if (db_commit(pull->db, &second) == DB_OK)
            return PULL_FAILED;
    }
    log_event(&pull->config->log, LEVEL_ERROR, LOG_SYNC, "cannot record the failure",
              LOG_TEXT("error", second.text));
    return PULL_FAILED;
}
