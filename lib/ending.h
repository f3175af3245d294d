/* ending: when a FastCGI program is to end.
 *
 * It is told so by SIGTERM or SIGINT, which it reads from a descriptor, so that none can come
 * between a look and a wait, or in the midst of a request. lighttpd tells its programs so when it
 * ends, but one that it has only just started may not hear it, and one whose lighttpd was killed is
 * told nothing: these notice that they have another parent. */
#ifndef ENDING_H
#define ENDING_H

#include <stdbool.h>
#include <sys/types.h>

struct ending {
    int signals;  /* readable when it is time */
    pid_t parent; /* lighttpd, or 0 when it had gone before the start */
};

enum { ENDING_CHECK_MS = 5000 }; /* how often ending_orphaned() is worth a look */

/* Blocks the signals, and makes the listening socket (descriptor 0) one that only poll() waits for:
 * a connection may be gone before it is taken. */
void ending_init(struct ending *ending);
void ending_close(const struct ending *ending);

/* True when the parent is not lighttpd any more. False also where that could not be told at the
 * start, since /proc was not there. */
bool ending_orphaned(const struct ending *ending);

#endif
