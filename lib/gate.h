/* gate: how many requests may wait for the Hub at once.
 *
 * A program of few processes must not have them all wait for a Hub that is slow or gone: a gate has
 * fewer places than there are processes, and where the Hub has just failed to answer nobody passes
 * for a few seconds. Questions of whose token it is have a gate of their own, so that what somebody
 * asks about models keeps nobody else out. A place is a locked file, which a killed process gives
 * back by dying. */
#ifndef GATE_H
#define GATE_H

#include "config.h"
#include "error.h"
#include "hub.h"

#include <stdbool.h>

struct gate {
    const struct config *config;
    const char *name; /* each has its own places */
    int places;
    struct hub *hub; /* while inside */
    int place;       /* descriptor of the locked file, -1 outside */
};

void gate_init(struct gate *gate, const struct config *config, const char *name, int places);
void gate_close(struct gate *gate);

/* Enters, with HUB_DEADLINE seconds for all that is asked of gate->hub until gate_leave(). True at
 * once when it is inside already. Where all places are taken it waits half a second for one; false
 * with `why` (for the log) when there is none, or when the Hub has just failed. */
bool gate_enter(struct gate *gate, struct error *why) __attribute__((warn_unused_result));

/* Says that the Hub did not answer a question that it answers to anybody: nobody enters for some
 * seconds. (A question about a model is none: its owner could make the Hub fail at it.) */
void gate_failed(const struct gate *gate);

/* Gives the place back; outside it does nothing. */
void gate_leave(struct gate *gate);

#endif
