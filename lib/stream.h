/* stream: a FastCGI program that holds many clients at once and tells all of them the same
 * (server-sent events).
 *
 * One thread waits for new clients, for the end of those it has, and for the next second. A client
 * costs its connection and some buffers. Nobody is waited for: connections are non-blocking, and a
 * client whose buffers are full, because it reads more slowly than there is to tell, is let go. It
 * comes back by itself and says what it had last. */
#ifndef STREAM_H
#define STREAM_H

#include "buf.h"
#include "config.h"
#include "confine.h"

enum {
    STREAM_CLIENTS = 1000,    /* beyond them 503; a quarter of them of one address, beyond it 429 */
    STREAM_HEARTBEAT_S = 15,  /* a comment, where there is nothing else to tell for so long */
    STREAM_BYTES = 64 * 1024, /* what may be told at once: less than the buffers on the way hold */
};

struct stream {
    const char *name; /* in logs, and the group of the rate limit */
    const char *path; /* what it answers */
    const struct config *config;
    enum confine_role role; /* what it may do once it serves */
    void *context;
    /* Appends what a new client is told first. `resume` is its Last-Event-ID, or NULL. */
    void (*greet)(void *context, const char *resume, struct buf *out);
    /* Once a second: appends what all are told, if anything. */
    void (*poll)(void *context, struct buf *out);
};

/* Serves until SIGTERM or SIGINT, which end it at once. Returns an exit code. */
int stream_run(const struct stream *stream);

#endif
