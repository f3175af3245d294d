/* confine: takes away from a program, before its first request, what it has no use for.
 *
 * Whoever takes over a program by what he sends keeps what the program may do. Three things, none
 * of which can be undone, make that little: no_new_privs; Landlock for files; seccomp for system
 * calls. systemd's unit does the same for all of lighttpd from outside; this is per program, and
 * where there is no systemd.
 *
 * Files. A program reads the state folder (and its leaderboard's file); what it may write besides
 * is in its role's row of confine.c. Rights go by folder, so files that come later, and a database
 * that was put in the place of another, are covered. The log and the memory that processes share
 * are open before. The rights that the kernel's Landlock does not know yet are left out;
 * truncation, which came with the third version (Linux 6.2), is refused by seccomp as well.
 *
 * The database. A reader may write neither the file nor its -wal, nor its -shm, by which writers
 * could be led astray. SQLite then opens all three for reading, maps the index read-only and takes
 * shared locks only. It needs somebody for that who may write and has the database open: he makes
 * -wal and -shm where they are not there, and repairs the index after a writer was killed in the
 * midst of changing it. votes.fcgi is that one, and looks after it every few seconds. Until it has,
 * a reader without -shm answers 503, and one that finds nobody keeps an index of its own, for each
 * transaction anew. (db_close() leaves both files in place. SQLite deletes them under a lock that
 * nobody gets while a program has the database open.)
 *
 * System calls. An allow-list, since nobody can list all that is dangerous. What is not on it fails
 * with EPERM and kills nothing: a libc that tries something new is told so and goes on, and a test
 * sees it. Only clone3 fails with ENOSYS, for which glibc then takes clone, whose flags can be
 * seen.
 */
#ifndef CONFINE_H
#define CONFINE_H

#include "config.h"

#include <stdbool.h>

enum confine_role {
    CONFINE_NOT,     /* stays as it is */
    CONFINE_READER,  /* reads the state folder */
    CONFINE_BOARDS,  /* and keeps past boards in its folder past/ */
    CONFINE_SYSTEM,  /* and makes files there, empty ones: a request for a sync */
    CONFINE_WRITER,  /* writes the state folder, and reaches the Hub */
    CONFINE_FETCHER, /* likewise, links files, and talks to a terminal */
    CONFINE_HUB,     /* writes the state folder and reaches nobody: the local Hub */
};

/* Confines the calling process, and with it every thread that it makes, for good. Call it while
 * there is one thread, after the log is open. What the kernel cannot do is logged, in one line, and
 * left out: a server without its confinement is better than none. Returns whether all is in force.
 */
bool confine(enum confine_role role, const struct config *config);

/* True when a program of that role has to be started anew: it resolves names, and another file took
 * the place of /etc/resolv.conf, as each renewal of a lease may do. Landlock's rule is about the
 * one that was there, and the C library takes one that it may not read for an empty one. */
bool confine_outdated(enum confine_role role);

#endif
