/* hub: a client of the Hugging Face Hub's HTTP API, as far as a leaderboard needs it.
 *
 * One connection pool, one thread. Redirects are followed by hand, so that the token goes to the
 * Hub's own origin and to nobody else. Passing failures (408, 429, 5xx, a connection that breaks or
 * stalls) are tried again HUB_RETRIES times, waiting as RateLimit or Retry-After say, else 1, 2, 4,
 * 8… seconds; a download goes on where it broke off. What was downloaded is checked against its
 * size and its hash before anybody sees it.
 *
 * Source: the Hub's API documentation and the behaviour of the official Python and JavaScript
 * clients. */
#ifndef HUB_H
#define HUB_H

#include "buf.h"
#include "config.h"
#include "digest.h"
#include "error.h"
#include "mem.h"
#include "spool.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum hub_result {
    HUB_OK,
    HUB_MISSING,     /* 404: no such dataset, revision or file, or not for this token */
    HUB_DENIED,      /* 401 or 403 */
    HUB_LIMITED,     /* 429, and waiting did not help */
    HUB_UNAVAILABLE, /* unreachable, stalled, or 5xx, after all retries */
    HUB_BROKEN,      /* an answer that makes no sense: not JSON, wrong hash, redirects for ever */
    HUB_TOO_LARGE,   /* a body beyond HUB_MAX_MB */
    HUB_CONFLICT,    /* 412: the branch is not at parentCommit any more */
    HUB_REFUSED,     /* another 4xx to a write: trying again will not help */
    HUB_DISK,        /* this machine could not keep, or read, a temporary file */
};

struct hub;

/* Called while a download goes on; `total` is 0 when unknown. */
typedef void hub_progress(void *context, uint64_t done, uint64_t total);

/* A client for config->hf_endpoint. `config` must outlive it; free it with hub_close(). NULL with
 * `why` when libcurl cannot start. */
struct hub *hub_open(const struct config *config, struct error *why);
void hub_close(struct hub *hub);

/* Whom to tell of downloads; NULL for nobody. */
void hub_watch(struct hub *hub, hub_progress *progress, void *context);

/* How many HTTP requests were sent so far, retries and redirects included. */
unsigned hub_requests(const struct hub *hub);

/* From now on exchanges must end within `ms` milliseconds and nothing is tried again, for callers
 * who wait; 0 lifts that. */
void hub_deadline(struct hub *hub, long ms);

struct hub_file {
    const char *path;
    char oid[SHA1_HEX];      /* git blob */
    char sha256[SHA256_HEX]; /* "" unless it is an LFS file */
    uint64_t size;           /* bytes of the content, not of an LFS pointer */
};

struct hub_tree {
    size_t count;
    struct hub_file *files;
    struct arena arena; /* owns both */
};

void hub_tree_free(struct hub_tree *tree);

/* The file of that path, or NULL. */
const struct hub_file *hub_tree_find(const struct hub_tree *tree, const char *path);

/* The commit that a dataset's main branch is at: one request. */
enum hub_result hub_revision(struct hub *hub, const char *repo, char sha[SHA1_HEX],
                             struct error *why) __attribute__((warn_unused_result));

/* All files of a dataset at a commit, over as many pages as there are. The caller owns the tree on
 * HUB_OK: hub_tree_free(). */
enum hub_result hub_list(struct hub *hub, const char *repo, const char *sha, struct hub_tree *tree,
                         struct error *why) __attribute__((warn_unused_result));

/* Is told of each download: its result, and with HUB_OK its verified content, which the sink may
 * read until it returns. Returns false to start no more. */
typedef bool hub_sink(void *context, const struct hub_file *file, enum hub_result result,
                      struct buf *content, const struct error *why);

/* Downloads files, eight at a time, in no particular order. */
void hub_download_all(struct hub *hub, const char *repo, const char *sha,
                      const struct hub_file *const *files, size_t count, hub_sink *sink,
                      void *context);

/* One file's content, verified, into an empty buffer. */
enum hub_result hub_download(struct hub *hub, const char *repo, const char *sha,
                             const struct hub_file *file, struct buf *out, struct error *why)
    __attribute__((warn_unused_result));

/* One file's content, verified, in a spool in STATE_DIR. It may have any length: HUB_MAX_MB is for
 * what goes into memory, here the disk is the limit. `file` may be NULL, for a file that is not
 * there: the spool is empty then. The caller owns the spool on HUB_OK: spool_close(). */
enum hub_result hub_download_spool(struct hub *hub, const char *repo, const char *sha,
                                   const struct hub_file *file, struct spool *out,
                                   struct error *why) __attribute__((warn_unused_result));

/* A file to write. */
struct hub_upload {
    const char *path;
    const void *bytes;
    size_t length;
    const struct spool *spool; /* instead of `bytes`: all that it has, `length` bytes */
};

/* Writes files to a dataset's main branch in one commit on top of the commit `parent`, through git
 * or LFS as the Hub says. What goes through LFS is sent out of its spool piece by piece; what goes
 * through git is put together in memory, which is bounded, as git takes small files only. HUB_OK:
 * *commit is the new commit. HUB_CONFLICT: the branch is elsewhere by now and nothing was written.
 * HUB_UNAVAILABLE: it may have been written all the same; look before trying again. */
enum hub_result hub_commit(struct hub *hub, const char *repo, const char *parent,
                           const char *summary, const struct hub_upload *uploads, size_t count,
                           char commit[SHA1_HEX], struct error *why)
    __attribute__((warn_unused_result));

/* ---- users and models ---- */

struct hub_user {
    char name[128]; /* as the Hub spells it */
    bool person;    /* not an organisation or an application */
};

/* Whose token it is. HUB_DENIED: nobody's, or it has expired. */
enum hub_result hub_whoami(struct hub *hub, const char *token, struct hub_user *user,
                           struct error *why) __attribute__((warn_unused_result));

/* What the Hub knows of a model at a revision (branch, tag or commit), with HF_READ_TOKEN where
 * there is one. `id` must have passed model_id_valid(). On HUB_OK *info is a new reference. */
enum hub_result hub_model(struct hub *hub, const char *id, const char *revision, json_t **info,
                          struct error *why) __attribute__((warn_unused_result));

/* A model's file at a commit, or with `range` ("0-7") a part of it, into an empty buffer, whose
 * maximum bounds it (HUB_TOO_LARGE). */
enum hub_result hub_model_file(struct hub *hub, const char *id, const char *sha, const char *path,
                               const char *range, struct buf *out, struct error *why)
    __attribute__((warn_unused_result));

#endif
