/* ending: when a FastCGI program is to end.
 *
 * It is told so by SIGTERM or SIGINT, which it reads from a descriptor, so that none can come
 * between a look and a wait, or in the midst of a request. lighttpd tells its programs so when it
 * ends, but one that it has only just started does not hear it (until exec() the signal is
 * lighttpd's own handler's), and one whose lighttpd was killed is told nothing. These notice that
 * they have another parent, or, since a lighttpd that reloads waits for all of them before it goes
 * on, that the socket at which they could be reached was removed. */
#ifndef ENDING_H
#define ENDING_H

#include <stdbool.h>
#include <sys/types.h>

struct ending {
    int signals;  /* readable when it is time */
    pid_t parent; /* lighttpd, or 0 when it had gone before the start */
};

enum { ENDING_CHECK_MS = 5000 }; /* how often ending_missed() is worth a look */

/* Blocks the signals (and sends itself one that was missed already), and makes the listening socket
 * (descriptor 0) non-blocking: a connection may be gone before it is taken. */
void ending_init(struct ending *ending);
void ending_close(const struct ending *ending);

/* True when the program was to end and did not hear it: the parent is not lighttpd any more, which
 * is not seen where it could not be told at the start, since /proc was not there; or its socket is
 * gone. */
bool ending_missed(const struct ending *ending);

#endif
