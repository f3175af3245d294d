/* ending: when a FastCGI program is to end.
 *
 * It is told so by SIGTERM or SIGINT, which it reads from a descriptor, so that none can come
 * between a look and a wait, or in the midst of a request. lighttpd tells its programs so when it
 * ends, but one that it has only just started may not hear it, and one whose lighttpd was killed is
 * told nothing: these notice that they are orphans. */
#ifndef ENDING_H
#define ENDING_H

#include <stdbool.h>
#include <sys/types.h>

struct ending {
    int signals; /* readable when it is time */
    pid_t parent;
    char socket[108]; /* where lighttpd finds the program; "": unknown */
    ino_t inode;
};

enum { ENDING_CHECK_MS = 5000 }; /* how often ending_orphaned() is worth a look */

/* Blocks the signals, and makes the listening socket (descriptor 0) one that only poll() waits for:
 * a connection may be gone before it is taken. */
void ending_init(struct ending *ending);
void ending_close(const struct ending *ending);

/* True when lighttpd is gone, or has given the socket's place to another. */
bool ending_orphaned(const struct ending *ending);

#endif
