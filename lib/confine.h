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
 * shared locks only.
 * It cannot make -wal and -shm, and so depends on their being left in place: db_close() does not
 * take the lock under which SQLite deletes them, and nobody else gets that lock while a program has
 * the database open, as events.fcgi always has. Where they are gone nevertheless (no server ran, or
 * a database was put in another's place without them), a program's start makes them, or the next
 * that writes: the fetcher does every minute, and until then reading is 503. For as long, a reader
 * cannot repair the index after a writer was killed in the midst of changing it.
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
    CONFINE_FETCHER, /* likewise, and talks to a terminal */
    CONFINE_HUB,     /* writes the state folder and reaches nobody: the local Hub */
};

/* Confines the calling process, and with it every thread that it makes, for good. Call it while
 * there is one thread, after the log is open. What the kernel cannot do is logged, in one line, and
 * left out: a server without its confinement is better than none. Returns whether all is in force.
 */
bool confine(enum confine_role role, const struct config *config);

#endif
