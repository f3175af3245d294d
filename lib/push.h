/* push: writes what lies in the outbox to the Hub, exactly once whatever breaks.
 *
 * Each round pulls the dataset first, so that the cache knows what the Hub has at commit S; leaves
 * out what is there already (a push whose answer was lost, another server's vote); and commits the
 * rest on top of S. Where somebody else has committed meanwhile the Hub says so, and the next round
 * begins. An entry leaves the outbox in the transaction that records the new commit, and not
 * before. Nothing is written over what could not be read. */
#ifndef PUSH_H
#define PUSH_H

#include "error.h"
#include "pull.h"

#include <stdbool.h>
#include <stddef.h>

enum push_result {
    PUSH_NOTHING, /* there was nothing to write */
    PUSH_DONE,    /* everything that was not parked is on the Hub */
    PUSH_FAILED,  /* something is left; `why` says what to do */
};

struct pushed {
    size_t written, there_already, parked, commits, conflicts;
};

/* Pushes DATASET_VOTES or DATASET_REQUESTS, after pulling it. *pushed counts what was done. */
enum push_result push_dataset(const struct pull *pull, enum dataset dataset, struct pushed *pushed,
                              struct error *why) __attribute__((warn_unused_result));

#endif
