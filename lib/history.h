/* history: what earlier pulls of the contents dataset held, so that the past can be shown and what
 * changed be told.
 *
 * A snapshot is the dataset's rows after a pull that changed something. Only differences are
 * stored: a version of an entry is its row's text with the snapshots between which it held, so that
 * a snapshot is rebuilt byte for byte and in its order from the versions that were alive in it. The
 * order is a number with gaps beside each version: a row that comes in between takes a number
 * between its neighbours', and a row that stands where it stood, relative to the others, is not
 * written again. When a gap is used up, all rows are numbered anew.
 *
 * An entry is a key and an occurrence: 0 unless rows share or shared a key. Rows of one key are
 * told apart by their text first and by their order after that, so that the removal of one is no
 * change of the others.
 *
 * Several reads that must agree belong between db_snapshot_begin() and db_snapshot_end(): between
 * two of them a writer may drop old snapshots. */
#ifndef HISTORY_H
#define HISTORY_H

#include "db.h"
#include "digest.h"
#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A row of the dataset: what names its entry, and its whole text. UTF-8, never NULL. */
struct history_row {
    const char *key;
    size_t key_length;
    const char *raw;
    size_t raw_length;
};

enum history_result {
    HISTORY_SAME,     /* nothing was recorded: no row and no row's order differs, or keep is 0 */
    HISTORY_RECORDED, /* there is a new snapshot */
    HISTORY_FAILED,   /* the database refused; `why` says what: roll back */
};

/* Records the rows as the newest snapshot, inside the caller's write transaction, and drops all but
 * the newest `keep` snapshots (0: all of them, and nothing is recorded). `revision` is the
 * dataset's commit, pulled_at in Unix seconds. The rows stay the caller's. */
enum history_result history_record(struct db *db, const struct history_row *rows, size_t count,
                                   const char *revision, int64_t pulled_at, long keep,
                                   struct error *why) __attribute__((warn_unused_result));

struct history_snapshot {
    int64_t id; /* ascending with time, above 0; never given twice */
    char revision[SHA1_HEX];
    int64_t pulled_at; /* Unix seconds */
    int64_t rows;
    int64_t added, removed, changed; /* against the snapshot before; in the first, all are added */
};

/* Reads the newest snapshots whose ids are below `before` (INT64_MAX: all), newest first, at most
 * `limit` of them. Sets *count to how many there are in `snapshots`. False with `why` when the
 * database cannot be read. */
bool history_list(struct db *db, int64_t before, struct history_snapshot *snapshots, size_t limit,
                  size_t *count, struct error *why) __attribute__((warn_unused_result));

enum history_lookup {
    HISTORY_FOUND,
    HISTORY_ABSENT,     /* no such snapshot, or it is not kept any more */
    HISTORY_UNREADABLE, /* the database refused; `why` says what */
};

/* Finds a snapshot by its id; the newest whose revision begins with `prefix`; the newest that was
 * pulled at or before a time in Unix seconds. */
enum history_lookup history_find(struct db *db, int64_t id, struct history_snapshot *snapshot,
                                 struct error *why) __attribute__((warn_unused_result));
enum history_lookup history_find_revision(struct db *db, const char *prefix,
                                          struct history_snapshot *snapshot, struct error *why)
    __attribute__((warn_unused_result));
enum history_lookup history_find_time(struct db *db, int64_t time,
                                      struct history_snapshot *snapshot, struct error *why)
    __attribute__((warn_unused_result));

/* Takes one row; its texts live until it returns. False ends the reading. */
typedef bool history_put_row(void *context, const struct history_row *row);

/* Gives the rows of a snapshot in its order. HISTORY_FOUND also when `put` ended it. */
enum history_lookup history_rebuild(struct db *db, int64_t id, history_put_row *put, void *context,
                                    struct error *why) __attribute__((warn_unused_result));

struct history_change {
    enum { HISTORY_ADDED, HISTORY_REMOVED, HISTORY_CHANGED } kind;
    int64_t occurrence;        /* the later snapshot's; when the entry was removed, the earlier's */
    struct history_row before; /* .raw is NULL when the entry was added */
    struct history_row after;  /* .raw is NULL when it was removed; .key is there in both */
};

/* Takes one change; its texts live until it returns. False ends the reading. */
typedef bool history_put_change(void *context, const struct history_change *change);

/* Gives what differs in the later snapshot `to` from `from`, ordered by key: one change an entry,
 * however many snapshots lie between, and none for what came and went again or for a row that
 * merely moved. Rows of one key that differ are paired by their order, so that the changes follow
 * from what the two snapshots hold alone. HISTORY_FOUND also when `put` ended it or nothing
 * differs. */
enum history_lookup history_changes(struct db *db, int64_t from, int64_t to,
                                    history_put_change *put, void *context, struct error *why)
    __attribute__((warn_unused_result));

#endif
