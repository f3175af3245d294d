/* hubcall: one call of the local Hub's API: who calls, which repo at which revision, and the
 * answers that all calls share.
 *
 * The functions that return `int` give 0 or the status of an error that they have written, in the
 * Hub's order: limit, token, repo, revision, entry. */
#ifndef HUBCALL_H
#define HUBCALL_H

#include "http.h"
#include "hubquota.h"
#include "hubstore.h"

#include "json.h"

struct hubcall {
    struct hubstore *store;
    struct hubquota *quota;
    struct request *request;
    struct response *response;
    long address_s; /* for how long signed addresses are good, in seconds */
    bool known;     /* the caller has shown a good token */
    struct hubstore_user user;
    struct hubstore_repo repo;
    struct hubstore_commit commit; /* of the revision asked for */
};

/* Counts the call and reads the token. */
int hubcall_begin(struct hubcall *call, enum hubquota_bucket bucket)
    __attribute__((warn_unused_result));

/* Refuses anonymous callers. */
int hubcall_login(struct hubcall *call) __attribute__((warn_unused_result));

/* Finds the repo namespace/name, if the caller may know of it. */
int hubcall_repo(struct hubcall *call, enum hubstore_kind kind, const char *namespace,
                 const char *name) __attribute__((warn_unused_result));

/* Refuses callers who may not read the files of a gated repo. */
int hubcall_gate(struct hubcall *call) __attribute__((warn_unused_result));

/* True for callers who may write in a namespace. */
bool hubcall_owns(const struct hubcall *call, const char *repo);

/* Refuses callers who may not write the repo. */
int hubcall_write(struct hubcall *call) __attribute__((warn_unused_result));

/* Resolves the route's {rev}. */
int hubcall_revision(struct hubcall *call) __attribute__((warn_unused_result));

/* Finds the entry at a path of the revision. */
int hubcall_entry(struct hubcall *call, const char *path, struct hubstore_entry *entry)
    __attribute__((warn_unused_result));

/* Answers with a JSON value, whose reference it takes. */
int hubcall_json(struct hubcall *call, int status, json_t *value);

/* Answers {"error": text}, X-Error-Message and, unless it is NULL, X-Error-Code. */
int hubcall_error(struct hubcall *call, int status, const char *code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The answer to a failure of the store: 400 for HUBSTORE_REFUSED, 404 EntryNotFound, 409, 412, 500.
 */
int hubcall_failed(struct hubcall *call, enum hubstore_result result, const struct error *why);

/* The body as JSON, a new reference; NULL when a 400 has been written. */
json_t *hubcall_body(struct hubcall *call);

/* Answers with a file's content, or the range of it that is asked for: 200, 206 or 416. `raw` as in
 * hubstore_read(); the ETag is given without quotes. */
int hubcall_content(struct hubcall *call, const struct hubstore_entry *entry, bool raw,
                    const char *etag);

/* "http://HOST" as the client named it; with `other` the same port under another host's name. In
 * the arena. */
const char *hubcall_origin(const struct hubcall *call, bool other);

/* A signed address on the other host: origin, path, the query `query` ("" or "size=1&"), expiry and
 * signature. NULL when it cannot be signed. In the arena. */
const char *hubcall_signed(const struct hubcall *call, const char *path, const char *query,
                           const char *what);

/* Checks a signed call: no Authorization (400), a signature for `what` that has not expired (403).
 */
int hubcall_signature(struct hubcall *call, const char *what) __attribute__((warn_unused_result));

#endif
