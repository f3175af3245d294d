#include "spool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE_BYTES = 65536 };

/* Not every file system knows files without a name. */
static int
open_named(const char *folder)
{
    char path[PATH_MAX];

    if ((size_t)snprintf(path, sizeof path, "%s/spool.XXXXXX", folder) >= sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    return fd;
}

bool
spool_open(struct spool *spool, const char *folder, struct error *why)
{
    *spool = (struct spool){ .folder = folder };
    spool->fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (spool->fd < 0)
        spool->fd = open_named(folder);
    if (spool->fd < 0)
        error_set(why, "cannot make a temporary file in %s: %s", folder, strerror(errno));
    return spool->fd >= 0;
}

void
spool_close(struct spool *spool)
{
    if (spool->fd >= 0)
        close(spool->fd);
    spool->fd = -1;
    spool->length = 0;
}

void
spool_reset(struct spool *spool)
{
    spool->length = 0;
}

bool
spool_put(struct spool *spool, const void *bytes, size_t length, struct error *why)
{
    const char *left = bytes;

    for (size_t done = 0; done < length;) {
        ssize_t put = pwrite(spool->fd, left + done, length - done, (off_t)(spool->length + done));
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0) {
            error_set(why, "cannot write a temporary file of %" PRIu64 " bytes in %s: %s",
                      spool->length + length, spool->folder, strerror(put < 0 ? errno : ENOSPC));
            return false;
        }
        done += (size_t)put;
    }
    spool->length += length;
    return true;
}

bool
spool_read(const struct spool *spool, uint64_t start, void *bytes, size_t length, struct error *why)
{
    char *into = bytes;

    for (size_t done = 0; done < length;) {
        ssize_t got = pread(spool->fd, into + done, length - done, (off_t)(start + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            error_set(why, "cannot read a temporary file in %s: %s", spool->folder,
                      got < 0 ? strerror(errno) : "it ends too early");
            return false;
        }
        done += (size_t)got;
    }
    return true;
}

/* Ends the digest in any case. */
static bool
hash(const struct spool *spool, struct digest *digest, char *hex, struct error *why)
{
    char piece[PIECE_BYTES];
    bool good = true;

    for (uint64_t done = 0; good && done < spool->length;) {
        uint64_t left = spool->length - done;
        size_t length = left < sizeof piece ? (size_t)left : sizeof piece;
        good = spool_read(spool, done, piece, length, why);
        if (good)
            digest_put(digest, piece, length);
        done += length;
    }
    digest_end(digest, good ? hex : NULL);
    return good;
}

bool
spool_sha256(const struct spool *spool, char hex[SHA256_HEX], struct error *why)
{
    return hash(spool, digest_begin(), hex, why);
}

bool
spool_git(const struct spool *spool, char hex[SHA1_HEX], struct error *why)
{
    return hash(spool, digest_git_begin("blob", spool->length), hex, why);
}
