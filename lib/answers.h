/* answers: what a program answered lately, for whoever asks the same.
 *
 * An answer is kept under the address that was asked for, as it was sent, and under the state of
 * what it was made from, a number (store_state(), boards_state()). It is given as long as that is
 * the same and not 0, and goes when its place is taken by another address. There are ANSWERS_PLACES
 * places of ANSWERS_MAX bytes each; a longer body is made each time anew.
 *
 * Only what everybody gets alike belongs here: a 200 to a GET that depends on the address and on
 * the state alone. */
#ifndef ANSWERS_H
#define ANSWERS_H

#include "http.h"

#include <stdbool.h>
#include <stdint.h>

enum { ANSWERS_PLACES = 128, ANSWERS_MAX = 32 * 1024 };

struct answers;

/* Never NULL; free it with answers_free(). */
struct answers *answers_new(void);
void answers_free(struct answers *answers);

/* True where the answer to the request is there: then the response has it, and the handler returns
 * 200. It holds until the next answers_keep(). */
bool answers_give(const struct request *request, struct response *response, uint64_t state)
    __attribute__((warn_unused_result));

/* Keeps the answer that was put together and its headers, with the hash of the body as its entity
 * tag where it has none. To be called last, as `return answers_keep(…)`: it returns 200. */
int answers_keep(struct request *request, struct response *response, uint64_t state);

#endif
