/* backup: the cache database as one file, and back.
 *
 * A backup is taken while everybody reads and writes: it is one read transaction, which in a WAL
 * database holds no writer up, sees one state, and never has to begin anew; so it takes neither the
 * writers' lock nor steps of a few pages. All that it costs is that the WAL is not truncated in the
 * meantime.
 *
 * It holds whatever cannot be fetched anew: the outbox, the votes and submissions, quotas, the
 * history, events and states of requests. Published bodies and the past's boards are made from
 * that and from the Hub, so STATE_DIR has nothing else that a backup needs. */
#ifndef BACKUP_H
#define BACKUP_H

#include "error.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

enum { BACKUP_ASIDE = PATH_MAX };

/* Writes the state that the database has now to `path`: to a temporary file beside it (mode 0600)
 * that is checked, synced and renamed. A file at `path` is replaced only when it is a backup of
 * such a database. *bytes is the size. False with `why`, and nothing changed, when it failed. */
bool backup_make(const char *database, const char *path, uint64_t *bytes, struct error *why)
    __attribute__((warn_unused_result));

/* Puts a backup in the place of the database, which need not be there or be readable. The backup is
 * checked and brought to this program's schema first; one of a newer schema is refused. The
 * database that was there is kept as `aside`, with its WAL ("" when there was none). Programs that
 * run notice: the readers at their next request, and a writer cannot commit to the old one any more
 * (db_begin()). No other restore or fetcher may run. False with `why`, and the old database in
 * place, when it failed. */
bool backup_restore(const char *path, const char *database, char aside[BACKUP_ASIDE],
                    struct error *why) __attribute__((warn_unused_result));

#endif
