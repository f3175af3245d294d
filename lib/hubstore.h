/* hubstore: the repositories of the local Hub, read.
 *
 * A repo has one branch, main, whose commits are numbered from 1. Whatever a commit held can be
 * read for ever: files and folders are rows that are valid from one commit to another. Regular
 * files are git blobs; LFS files are a pointer in git and an object by its SHA-256. Writing is
 * hubcommit's and hublfs's business. One thread, and never across fork. */
#ifndef HUBSTORE_H
#define HUBSTORE_H

#include "buf.h"
#include "db.h"
#include "digest.h"
#include "error.h"
#include "mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum hubstore_result {
    HUBSTORE_OK,
    HUBSTORE_MISSING,   /* no such repo, revision, entry, object or user */
    HUBSTORE_EXISTS,    /* it is there already */
    HUBSTORE_CONFLICT,  /* main has moved past the parent that was given */
    HUBSTORE_REFUSED,   /* the request makes no sense; `why` says what is wrong */
    HUBSTORE_UNCHANGED, /* nothing to commit */
    HUBSTORE_FAILED,    /* the database failed */
};

enum hubstore_kind { HUBSTORE_MODEL, HUBSTORE_DATASET };

struct hubstore {
    struct db *db;
};

struct hubstore_user {
    int64_t id, created;
    char name[97];
    bool organization;
    bool everywhere; /* may read and write every repo */
};

struct hubstore_commit {
    int64_t number;
    char sha[SHA1_HEX], tree[SHA1_HEX];
    const char *title; /* in the arena */
    int64_t when;      /* Unix seconds */
};

struct hubstore_repo {
    int64_t id;
    enum hubstore_kind kind;
    const char *name; /* namespace/name, the caller's string */
    bool private, gated;
    int64_t likes, downloads, created;
    struct hubstore_commit head; /* main */
};

struct hubstore_entry {
    const char *path; /* in the arena */
    bool folder;
    char oid[SHA1_HEX];
    char sha256[SHA256_HEX]; /* "" unless it is an LFS file */
    int64_t size;            /* of the content, 0 for a folder */
    int64_t since;           /* number of the commit that made it what it is */
};

/* "model" or "dataset". */
const char *hubstore_kind_name(enum hubstore_kind kind);

/* Opens or creates the database. On HUBSTORE_OK the caller owns *store: hubstore_close(). */
enum hubstore_result hubstore_open(struct hubstore **store, const char *path, struct error *why)
    __attribute__((warn_unused_result));
void hubstore_close(struct hubstore *store);

/* Whose token this is: HUBSTORE_OK, HUBSTORE_MISSING or HUBSTORE_FAILED. */
enum hubstore_result hubstore_user(struct hubstore *store, const char *token,
                                   struct hubstore_user *user, struct error *why)
    __attribute__((warn_unused_result));

/* Adds a user whose token is hf_local_NAME: HUBSTORE_OK, HUBSTORE_EXISTS or HUBSTORE_FAILED. */
enum hubstore_result hubstore_user_add(struct hubstore *store, const char *name, struct error *why)
    __attribute__((warn_unused_result));

/* Looks a repo up: HUBSTORE_OK, HUBSTORE_MISSING or HUBSTORE_FAILED. */
enum hubstore_result hubstore_repo(struct hubstore *store, enum hubstore_kind kind,
                                   const char *name, struct arena *arena,
                                   struct hubstore_repo *repo, struct error *why)
    __attribute__((warn_unused_result));

/* Resolves "main", "HEAD" or a commit's 40 digits: HUBSTORE_OK, HUBSTORE_MISSING or
 * HUBSTORE_FAILED. */
enum hubstore_result hubstore_revision(struct hubstore *store, const struct hubstore_repo *repo,
                                       const char *revision, struct arena *arena,
                                       struct hubstore_commit *commit, struct error *why)
    __attribute__((warn_unused_result));

/* The commit of a number: HUBSTORE_OK, HUBSTORE_MISSING or HUBSTORE_FAILED. */
enum hubstore_result hubstore_commit(struct hubstore *store, int64_t repo, int64_t number,
                                     struct arena *arena, struct hubstore_commit *commit,
                                     struct error *why) __attribute__((warn_unused_result));

/* The file or folder at a path, at a commit's number: HUBSTORE_OK, HUBSTORE_MISSING or
 * HUBSTORE_FAILED. */
enum hubstore_result hubstore_entry(struct hubstore *store, int64_t repo, int64_t number,
                                    const char *path, struct arena *arena,
                                    struct hubstore_entry *entry, struct error *why)
    __attribute__((warn_unused_result));

struct hubstore_list {
    int64_t repo, number;
    const char *folder; /* "" for the top; hubstore_tree does not ask whether it is there */
    bool recursive;
    const char *after; /* only paths beyond this one; "" for all */
    size_t limit;
};

/* One page of a folder's entries, by path, folders included: at most `limit`, in the arena.
 * HUBSTORE_OK or HUBSTORE_FAILED. */
enum hubstore_result hubstore_tree(struct hubstore *store, const struct hubstore_list *list,
                                   struct arena *arena, struct hubstore_entry **entries,
                                   size_t *count, struct error *why)
    __attribute__((warn_unused_result));

/* Appends `length` bytes of a file's content from `offset` on (fewer at its end). With `raw` an LFS
 * file's pointer is read instead. HUBSTORE_OK, HUBSTORE_MISSING (the content is not stored) or
 * HUBSTORE_FAILED. */
enum hubstore_result hubstore_read(struct hubstore *store, const struct hubstore_entry *entry,
                                   bool raw, int64_t offset, int64_t length, struct buf *out,
                                   struct error *why) __attribute__((warn_unused_result));

/* The bytes that stand in git for a file: its size, or that of its LFS pointer. */
int64_t hubstore_git_size(const struct hubstore_entry *entry);

#endif
