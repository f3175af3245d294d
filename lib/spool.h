/* spool: bytes that may be too many for memory, in a temporary file.
 *
 * The file has no name, or loses it at once: it is this process's alone and gone with it, whatever
 * ends it. What bounds a spool is the disk. Nothing is mapped or held: whoever reads it brings a
 * buffer. */
#ifndef SPOOL_H
#define SPOOL_H

#include "digest.h"
#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spool {
    int fd;
    uint64_t length;    /* of the content; what the file has beyond is none of it */
    const char *folder; /* for messages */
};

/* An empty spool in a folder, whose name must outlive it. On true the caller owns it:
 * spool_close(). */
bool spool_open(struct spool *spool, const char *folder, struct error *why)
    __attribute__((warn_unused_result));

void spool_close(struct spool *spool);

/* Empties it. */
void spool_reset(struct spool *spool);

/* Appends; false with `why`, and the content as it was, when the disk does not take all of it. */
bool spool_put(struct spool *spool, const void *bytes, size_t length, struct error *why)
    __attribute__((warn_unused_result));

/* Reads exactly `length` bytes from `start` on; false with `why` when they are not to be had. */
bool spool_read(const struct spool *spool, uint64_t start, void *bytes, size_t length,
                struct error *why) __attribute__((warn_unused_result));

/* digest_sha256() of the content, and digest_git() of it as a "blob". */
bool spool_sha256(const struct spool *spool, char hex[SHA256_HEX], struct error *why)
    __attribute__((warn_unused_result));
bool spool_git(const struct spool *spool, char hex[SHA1_HEX], struct error *why)
    __attribute__((warn_unused_result));

#endif
