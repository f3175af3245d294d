/* file: whole files, read bounded and written so that a crash leaves the old one or the new one. */
#ifndef FILE_H
#define FILE_H

#include "buf.h"
#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Appends a file's content; false with `why` when it cannot be read or is larger than the buffer
 * admits. */
bool file_read(const char *path, struct buf *out, struct error *why)
    __attribute__((warn_unused_result));

/* Writes a file under a temporary name in the same folder, syncs it and renames it to `path`. False
 * with `why`, and nothing left behind, when that fails. The folder itself is not synced: call
 * folder_sync() once after the last file. */
bool file_publish(const char *path, const void *bytes, size_t length, struct error *why)
    __attribute__((warn_unused_result));

/* A file that is written in parts, and named once it is whole. */
struct file_draft {
    int fd;          /* may be read from while it is there */
    int failed;      /* errno of the first write that failed, or 0 */
    uint64_t length; /* of what was put */
    char path[4096]; /* its temporary name */
};

/* Begins one in a folder (temporary name: `stem`.PID.tmp). On true the caller ends it with
 * file_draft_publish() or file_draft_drop(). */
bool file_draft_open(struct file_draft *draft, const char *folder, const char *stem,
                     struct error *why) __attribute__((warn_unused_result));

/* Appends. A failure is kept until the end. */
void file_draft_put(struct file_draft *draft, const void *bytes, size_t length);

/* Syncs it and renames it to `path`, in the same folder, as file_publish() does. */
bool file_draft_publish(struct file_draft *draft, const char *path, struct error *why)
    __attribute__((warn_unused_result));

void file_draft_drop(struct file_draft *draft);

/* The folder that a path is in: "." for a bare name. */
void file_folder(char folder[4096], const char *path);

/* Locks a file (flock) that is open as `fd`, waiting up to wait_ms for it. The kernel keeps the
 * queue and gives the lock back when its holder dies. Takes SIGALRM for itself. False when it is
 * not to be had in time, or with another errno than EINTR and EWOULDBLOCK. */
bool file_lock(int fd, long wait_ms) __attribute__((warn_unused_result));

/* Syncs a folder, so that the renames in it survive a power cut. */
bool folder_sync(const char *path, struct error *why) __attribute__((warn_unused_result));

/* Makes a folder (and its parent, not deeper) unless it is there. */
bool folder_make(const char *path, struct error *why) __attribute__((warn_unused_result));

/* Maps a file that processes share, of `size` bytes. Unless it
 * has that size and begins with the first `fixed` (at most 64) bytes of `image`, it is replaced by
 * the image as a whole: processes that start at the same moment end up with one file, and those
 * that have the old one mapped keep it. NULL with `why` when it cannot be. The caller owns the
 * memory (munmap) and the descriptor in `*fd`. */
void *file_map(const char *path, const void *image, size_t fixed, size_t size, int *fd,
               struct error *why);

#endif
