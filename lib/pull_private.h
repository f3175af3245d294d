/* pull_private: what the parts of pull share. */
#ifndef PULL_PRIVATE_H
#define PULL_PRIVATE_H

#include "pull.h"

#include <jansson.h>

/* Ends the transaction that replaced a dataset's rows: records the revision and commits, or with
 * `good` false rolls back. Returns whether it was committed. */
bool pull_finish(const struct pull *pull, enum dataset dataset, const char *sha,
                 const char *fingerprint, size_t rows, bool good, struct error *why);

/* The rows of a dataset at a commit, from its parquet or JSON files. On true the caller owns the
 * table. Where they are one parquet file its bytes go into `own` (an empty buffer; NULL: nobody
 * wants them). */
bool pull_table(const struct pull *pull, const char *repo, const char *sha, struct table *table,
                struct buf *own, struct error *why);

/* The official providers that a table holds in its first row's CURATED_SET: a new reference to a
 * list that is not empty, or NULL with `why`. */
json_t *pull_curated_set(const struct table *table, const char *repo, struct error *why);

/* Each takes one dataset at a commit: true when it is committed, else nothing has changed. */
bool pull_providers(const struct pull *pull, const char *sha, struct error *why);
bool pull_contents(const struct pull *pull, const char *sha, const struct providers *providers,
                   const char *fingerprint, struct error *why);
bool pull_requests(const struct pull *pull, const char *sha, struct error *why);
bool pull_votes(const struct pull *pull, const char *sha, struct error *why);

#endif
