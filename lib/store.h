/* store: the cache database as a program holds it between requests.
 *
 * It is opened at the first use, and anew every CACHE_TTL seconds and within a second after another
 * file has taken its place, so a program outlives a restored database. */
#ifndef STORE_H
#define STORE_H

#include "db.h"
#include "http.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

struct store {
    const struct config *config;
    enum db_mode mode;
    struct db *db;               /* NULL before the first use */
    time_t opened_at, looked_at; /* … whether its file is still the one */
    dev_t device;                /* which file is open */
    ino_t inode;
    uint64_t opened; /* counts how often it was: what was read from another file no longer holds */
    uint64_t state;  /* store_state() */
    int64_t version; /* of the database when that was last asked; -1 before */
    char path[PATH_MAX];
};

/* Where there is a database of an older version, it becomes one of this version here, and -wal and
 * -shm, where they are missing, are made: later, confined, a reader cannot (confine.h). */
void store_init(struct store *store, const struct config *config, enum db_mode mode);
void store_close(struct store *store);

/* Has `store->db` open. Returns 0, or the status of an answer (503) that it has written. */
int store_open(struct store *store, struct response *response) __attribute__((warn_unused_result));

/* The same where there is no request; false when it could not be opened, which is logged unless
 * there is no database yet. */
bool store_ready(struct store *store) __attribute__((warn_unused_result));

/* A number from 1, which is a higher one once another connection has committed, or the file was
 * opened anew: what was read after it was asked holds for as long as it stays. Call it after
 * store_open(). */
uint64_t store_state(struct store *store);

/* Logs why the database could not be read or written and answers 503. */
int store_failed(const struct store *store, struct response *response, const struct error *why);

#endif
