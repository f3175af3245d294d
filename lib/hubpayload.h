/* hubpayload: the body of a commit call: a JSON object a line, the header first. */
#ifndef HUBPAYLOAD_H
#define HUBPAYLOAD_H

#include "hubcommit.h"

/* Reads the lines into *commit, all of it in the arena. False with `why`, which names the line,
 * when one makes no sense. */
bool hubpayload_read(struct hubcommit *commit, const char *text, size_t length, struct arena *arena,
                     struct error *why) __attribute__((warn_unused_result));

#endif
