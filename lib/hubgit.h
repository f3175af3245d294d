/* hubgit: git's object names, and what the Hub makes of git: LFS pointers and the rules for paths.
 *
 * The local Hub stores no git objects, but it names blobs, trees and commits as git would, so that
 * a clone made elsewhere from the same files has the same oids. */
#ifndef HUBGIT_H
#define HUBGIT_H

#include "buf.h"
#include "digest.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HUBGIT_POINTER_MAX = 160,              /* bytes of any LFS pointer, with the NUL */
    HUBGIT_REGULAR_MAX = 10 * 1024 * 1024, /* bytes; larger files must be LFS */
};

/* Appends one entry to a tree object. Entries come in git's order: by bytes, a folder's name as if
 * it ended with a slash. */
void hubgit_tree_entry(struct buf *tree, bool folder, const char *name, const char *oid);

/* The oid of a commit by "Local Hub <hub@localhost>" at `when` (Unix seconds, UTC). `parent` is
 * NULL for the first. */
void hubgit_commit(const char *tree, const char *parent, const char *message, int64_t when,
                   char oid[SHA1_HEX]);

/* Writes the text that stands in git for an LFS file; returns its length. */
size_t hubgit_pointer(char pointer[HUBGIT_POINTER_MAX], const char *sha256, int64_t size);

/* True when a file of this name and size is kept as LFS. Empty files never are. */
bool hubgit_is_lfs(const char *path, int64_t size);

/* True for a path that the Hub takes: relative, at most 1,000 bytes, no empty, "." or ".." segment,
 * no ".git", no backslash or control character. */
bool hubgit_path_valid(const char *path);

/* True for a repo id, "namespace/name". */
bool hubgit_repo_valid(const char *id);

/* True for `digits` lower-case hexadecimal digits. */
bool hubgit_hex_valid(const char *text, size_t digits);

#endif
