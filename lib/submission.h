/* submission: what somebody asked to have evaluated, as a request file of the requests dataset.
 *
 * A request file is one JSON object, in
 * {org}/{name}_eval_request_False_{precision}_{weight_type}.json. The Hub's files were written by
 * several programs over the years: only model, revision, precision and status must be there. */
#ifndef SUBMISSION_H
#define SUBMISSION_H

#include "db.h"
#include "error.h"
#include "mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct submission {
    const char *model; /* org/name */
    const char *revision;
    const char *precision;
    const char *weight_type;    /* "Original" where the file has none */
    const char *status;         /* in upper case */
    const char *sender;         /* "" where the file has none */
    const char *model_type;     /* likewise */
    const char *submitted_time; /* as in the file, "" where it has none */
    int64_t submitted_at;       /* the same in Unix seconds, 0 where it cannot be read */
};

/* True for the paths that are meant to be request files: they end in .json and are not hidden.
 * Other files of the dataset (a README) are none of ours. */
bool submission_path(const char *path);

/* Reads a request file. False with `why` when it is none. The texts live in the arena. */
bool submission_parse(struct submission *submission, const char *content, size_t length,
                      struct arena *arena, struct error *why) __attribute__((warn_unused_result));

/* Makes a request file's row, within the caller's transaction; `oid` is what the Hub has at the
 * path,
 * "" for nothing yet. */
bool submission_put(struct db *db, const char *path, const char *oid,
                    const struct submission *submission, const char *content, size_t length,
                    struct error *why) __attribute__((warn_unused_result));

/* How many submissions a user may make, within how many seconds. */
struct submission_quota {
    long count;
    int64_t period_s;
};

enum submission_verdict {
    SUBMISSION_FREE,       /* nothing stands against it; submission_add(): it is taken, on disk */
    SUBMISSION_TWICE,      /* this revision waits, is evaluated or is finished in this precision */
    SUBMISSION_OCCUPIED,   /* another revision has the file and is not through yet */
    SUBMISSION_OFFICIAL,   /* an official provider's model, finished in this precision */
    SUBMISSION_OVER_QUOTA, /* the user has submitted as many as may be */
    SUBMISSION_FAILED,     /* the database refused; nothing is left of it; `why` says what */
};

/* Whether a user may submit now. With SUBMISSION_OVER_QUOTA *retry_s is when. */
enum submission_verdict submission_quota(struct db *db, const char *user,
                                         struct submission_quota quota, int64_t *retry_s,
                                         struct error *why) __attribute__((warn_unused_result));

/* What stands against a submission in the database. The path of the request that does goes into
 * `existing`, in the arena. */
enum submission_verdict submission_judge(struct db *db, const struct submission *submission,
                                         const char *path, struct arena *arena,
                                         const char **existing, struct error *why)
    __attribute__((warn_unused_result));

struct vote;

/* Adds a submission: its request file `content`, the submitter's vote (unless there is one), and
 * the outbox entries of both, in one transaction of its own, in which all of the above is asked
 * again. */
enum submission_verdict submission_add(struct db *db, const struct submission *submission,
                                       const char *path, const char *content,
                                       const struct vote *vote, struct submission_quota quota,
                                       struct error *why) __attribute__((warn_unused_result));

#endif
