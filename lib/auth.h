/* auth: whose token a request carries.
 *
 * A write needs `Authorization: Bearer <token of the Hub>`, whose owner the Hub names. The answer
 * is kept under the token's SHA-256 for AUTH_CACHE_TTL seconds; the token itself is written
 * nowhere. Where the Hub cannot be asked and nothing is kept, nobody passes. */
#ifndef AUTH_H
#define AUTH_H

#include "gate.h"
#include "http.h"
#include "store.h"

/* Reads the header. Returns 0 with *token (in the request's arena), or the status of an answer
 * (401) that it has written. */
int auth_token(struct request *request, struct response *response, const char **token)
    __attribute__((warn_unused_result));

/* Requires that the token is `user_id`'s own, in any case of letters. Returns 0 with request->user,
 * the name as the Hub spells it, or the status of an answer: 401 nobody's token, 403 another's or
 * an organisation's, 429 too many unknown tokens from this address, 503 the Hub cannot be asked. */
int auth_user(struct store *store, struct gate *gate, struct request *request,
              struct response *response, const char *token, const char *user_id)
    __attribute__((warn_unused_result));

#endif
