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

/* Reads "2024-06-12T10:20:30Z", also with a fraction, an offset or without "Z" (then UTC), as Unix
 * seconds; 0 when it is no such time. */
int64_t time_parse(const char *text);

#endif
