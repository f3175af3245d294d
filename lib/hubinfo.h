/* hubinfo: what the Hub's API says of a repo and of its entries, as JSON. */
#ifndef HUBINFO_H
#define HUBINFO_H

#include "hubstore.h"

#include <jansson.h>

struct hubinfo {
    struct hubstore *store;
    const struct hubstore_repo *repo;
    const struct hubstore_commit *commit; /* the revision that is asked for */
    struct arena *arena;
    bool blobs;          /* siblings get size, blobId and lfs */
    const char **expand; /* only these keys; none: the usual ones */
    size_t expands;
    json_t *card; /* front matter, read when it is first needed */
    bool carded;
};

/* ISO 8601 with milliseconds, as the Hub prints times. In the arena. */
const char *hubinfo_time(int64_t when, struct arena *arena);

/* The repo's object, a new reference. */
json_t *hubinfo_repo(struct hubinfo *info);

/* One entry as the tree API gives it, with its last commit if `expand`. A new reference. */
json_t *hubinfo_entry(const struct hubinfo *info, const struct hubstore_entry *entry, bool expand);

#endif
