/* providers: the official providers, as the database has them. */
#ifndef PROVIDERS_H
#define PROVIDERS_H

#include "db.h"
#include "leaderboard.h"
#include "mem.h"

/* Reads their names, sorted, into the arena. False with `why` when the database cannot be read. */
bool providers_load(struct db *db, struct providers *providers, struct arena *arena,
                    struct error *why) __attribute__((warn_unused_result));

#endif
