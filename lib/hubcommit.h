/* hubcommit: how the local Hub's repos change: a commit is made whole, in one transaction, or not
 * at all. */
#ifndef HUBCOMMIT_H
#define HUBCOMMIT_H

#include "hubstore.h"

enum hubcommit_act {
    HUBCOMMIT_FILE,          /* a regular file of `bytes` */
    HUBCOMMIT_LFS,           /* an LFS file: `bytes`, or (NULL) the object `sha256` stored before */
    HUBCOMMIT_DELETE_FILE,   /* HUBSTORE_MISSING when there is none */
    HUBCOMMIT_DELETE_FOLDER, /* likewise, with all that is in it */
    HUBCOMMIT_DELETE,        /* a file or a folder */
};

struct hubcommit_operation {
    enum hubcommit_act act;
    const char *path;
    const char *bytes;
    size_t length;
    const char *sha256; /* HUBCOMMIT_LFS without bytes */
};

struct hubcommit {
    const char *parent; /* NULL, or the sha (or its first 5 digits or more) that main must be at */
    const char *title, *description; /* description may be NULL */
    const struct hubcommit_operation *operations;
    size_t count;
    bool empty; /* commit even if it changes nothing; else HUBSTORE_UNCHANGED */
};

/* Makes the commit on main and sets repo->head to it. HUBSTORE_OK, HUBSTORE_MISSING (a file to
 * delete), HUBSTORE_CONFLICT, HUBSTORE_REFUSED, HUBSTORE_UNCHANGED or HUBSTORE_FAILED; on all but
 * HUBSTORE_OK nothing has changed, and `why` has the reason. */
enum hubstore_result hubcommit_make(struct hubstore *store, struct hubstore_repo *repo,
                                    const struct hubcommit *commit, struct arena *arena,
                                    struct error *why) __attribute__((warn_unused_result));

/* Creates a repo with an empty first commit: HUBSTORE_OK, HUBSTORE_EXISTS, HUBSTORE_REFUSED (its
 * name) or HUBSTORE_FAILED. */
enum hubstore_result hubcommit_create_repo(struct hubstore *store, enum hubstore_kind kind,
                                           const char *name, bool private, bool gated,
                                           struct error *why) __attribute__((warn_unused_result));

#endif
