/* pull: takes datasets from the Hub into the database, whole or not at all.
 *
 * A pull asks for the dataset's commit; where that and the settings are the same as last time it is
 * done, at the price of one request. Otherwise it lists the files at that commit, downloads,
 * checks, renders and publishes, and replaces what was there in one transaction. Whatever fails
 * before that leaves rows and published bodies as they were, and the reason in `datasets`. */
#ifndef PULL_H
#define PULL_H

#include "config.h"
#include "db.h"
#include "error.h"
#include "hub.h"
#include "leaderboard.h"

#include <stdbool.h>

enum dataset {
    DATASET_PROVIDERS,
    DATASET_CONTENTS,
    DATASET_REQUESTS,
    DATASET_VOTES,
    DATASET_COUNT
};

enum pull_result {
    PULL_UNCHANGED, /* the Hub has what we have */
    PULL_DONE,      /* taken and published */
    PULL_FAILED,    /* nothing changed; `why` says what to do */
};

/* Called after each of many files: how many of how many there are. */
typedef void pull_progress(void *context, size_t done, size_t total);

struct pull {
    const struct config *config;
    struct db *db; /* a writer */
    struct hub *hub;
    const struct leaderboard *leaderboard;
    bool force;       /* take it even when the revision is the same */
    bool accept_loss; /* take it even though columns, or all rows, that were there are gone */
    pull_progress *progress; /* whom to tell of files that are taken; NULL for nobody */
    void *progress_context;
};

/* "contents", "official-providers", "requests", "votes": as on the command line and in the table
 * `datasets`. */
const char *dataset_name(enum dataset dataset);

/* The dataset of that name, or DATASET_COUNT. */
enum dataset dataset_parse(const char *name);

/* The id of its repository in the settings. */
const char *dataset_repo(const struct config *config, enum dataset dataset);

/* Pulls one dataset. Where several are pulled, official-providers goes before contents, whose
 * entries it feeds. */
enum pull_result pull_dataset(const struct pull *pull, enum dataset dataset, struct error *why)
    __attribute__((warn_unused_result));

#endif
