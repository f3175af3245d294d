/* http: one FastCGI program's loop, from the request to the answer.
 *
 * Every request goes the same way: identity (X-Request-Id), the route table, CORS, the rate limit,
 * the body, the handler, the writer, one log line. A handler parses, queries and writes; what it
 * allocates lives in the request's arena and is freed after the answer. The writer answers
 * If-None-Match and encodes what is worth it. */
#ifndef HTTP_H
#define HTTP_H

#include "address.h"
#include "buf.h"
#include "config.h"
#include "confine.h"
#include "digest.h"
#include "encoding.h"
#include "error.h"
#include "mem.h"
#include "metrics.h"
#include "ratelimit.h"
#include "route.h"

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

/* A parameter of the query, decoded. */
struct variable {
    const char *name, *value;
};

struct request {
    struct arena arena;
    enum method method; /* METHOD_HEAD stays apart here; routes see it as GET */
    const char *target; /* as sent, with the query */
    const char *id;     /* X-Request-Id, taken over from the client or made */
    struct path path;
    struct route_match match;
    struct variable query[32];
    size_t queries;
    const char *body; /* NUL-terminated after `body_length` bytes */
    size_t body_length;
    char **environment; /* FastCGI parameters; read with request_header and request_parameter */
    char client[ADDRESS_TEXT]; /* who asks: address_client() */
    const char *user;          /* whose token it carries, once a handler knows; for the log */
    const struct config *config;
    struct ratelimit *limit; /* NULL where there is none */
    struct metrics *metrics; /* likewise */
    struct answers *answers; /* that the program gave lately: answers.h */
    struct loop *loop;       /* that the request came by */
};

/* A body that a program keeps between requests, in the codings that were asked for so far. */
struct kept {
    struct buf coded[ENCODING_COUNT]; /* ENCODING_IDENTITY is the body itself */
    char etag[SHA256_HEX];
};

struct response {
    int status;
    const char *type;   /* Content-Type, NULL for none */
    struct buf headers; /* complete lines */
    size_t common;      /* bytes of them that are there before the handler is called */
    struct buf body;
    struct kept *kept;  /* the body, instead of `body` */
    const char *file;   /* absolute path that lighttpd sends (X-Sendfile) instead of `body` */
    size_t file_length; /* its bytes, for the log */
    const char *etag;   /* strong validator, without quotes; of a 200 only, NULL for none */
    time_t modified;    /* Last-Modified, 0 for none */
    const char *cache_control; /* NULL: no-store */
};

/* A header's value ("If-None-Match"), or NULL. */
const char *request_header(const struct request *request, const char *name);

/* A FastCGI parameter ("REMOTE_ADDR"), or NULL. */
const char *request_parameter(const struct request *request, const char *name);

/* A query parameter's decoded value, or NULL; the last one counts when it is given twice. */
const char *request_query(const struct request *request, const char *name);

/* What a {name} of the route's pattern matched; never NULL for a name that the pattern has. */
const char *request_variable(const struct request *request, const char *name);

/* Reads a query parameter as a whole number from min to max into *value, which keeps its default
 * when the parameter is absent. Returns 0, or the status of an answer that it has written. */
int request_integer(const struct request *request, struct response *response, const char *name,
                    long min, long max, long *value) __attribute__((warn_unused_result));

/* Refuses query parameters that are none of `names` (NULL-terminated). Returns 0, or the status of
 * an answer. */
int request_only(const struct request *request, struct response *response, const char *const *names)
    __attribute__((warn_unused_result));

/* Has the answers that were put off settled and sent now (see struct app): for a handler that is
 * going to wait for something. */
void request_waits(const struct request *request);

/* Counts `cost` against a limit of the group `group`, of `key` or, where that is NULL, of the
 * client's address. Where it is too much: false, with *retry_s, Retry-After added and the refusal
 * counted; the caller answers 429 in its own words. True where there is no limit. */
bool request_admitted(const struct request *request, struct response *response, const char *group,
                      const char *key, struct rate rate, unsigned cost, long *retry_s)
    __attribute__((warn_unused_result));

/* Adds a header line. Control characters in the value become spaces. */
void response_header(struct response *response, const char *name, const char *value);

/* Adds a header with an HTTP date. */
void response_date(struct response *response, const char *name, time_t when);

/* Answers {"detail": text} with the status, which it returns. What was put together is dropped. */
int response_detail(struct response *response, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Answers 503 with Retry-After. */
int response_unavailable(struct response *response, long retry_after_s, const char *detail);

/* Takes the body that was put together, with the hash of its content as its entity tag, and leaves
 * an empty one. */
void kept_take(struct kept *kept, struct buf *body);
void kept_free(struct kept *kept);

/* True when an If-None-Match header (may be NULL) names the entity tag, given without quotes. */
bool etag_matches(const char *if_none_match, const char *etag);

/* Headers of an app with `cors`. */
#define CORS_VARY "Accept-Encoding, Origin"
#define CORS_EXPOSED                                                                               \
    "Content-Disposition, ETag, Link, Retry-After, RateLimit, RateLimit-Policy, X-Request-Id, "    \
    "X-Total-Count"

enum {
    PUT_OFF = -1,     /* instead of a status: the answer is for app->settle() to write */
    PUT_OFF_MAX = 32, /* requests at once */
};

struct app {
    const char *name; /* in logs: "leaderboard" */
    const struct route *routes;
    size_t routes_count;
    void *context;          /* handed to the handlers */
    struct config *config;  /* app_run() lets lines of its log wait while requests do */
    enum confine_role role; /* what it may do once it serves */
    /* Writes the body of an error that the loop itself answers (404, 405, 413…); NULL: {"detail"}.
     */
    void (*error)(struct response *response, int status, const char *detail);
    /* Called at the start, and when there was no request for some seconds; NULL: nothing to do. */
    void (*idle)(void *context);
    /* Answers all the requests whose handlers returned PUT_OFF: it fills in their responses, status
     * included. Called when no other request waits, when there are PUT_OFF_MAX, and before one of
     * them would have to wait; so what is put off costs nobody time, and what one call does for
     * all (a commit, say) is done once. NULL for a program whose handlers never do. */
    void (*settle)(void *context);
    bool cors;    /* add CORS headers, and answer preflights */
    bool api;     /* metrics and encoded answers */
    bool limited; /* RATE_LIMIT_REQUESTS counts its requests, as those of the group `name` */
};

/* The beginning of every FastCGI program's main(): answers --help with `about` and the settings,
 * reads the settings (`secrets` as in config_load), and opens STATE_DIR/log/NAME.log for the log.
 * Returns true when the program may go on (and owns the config), else *code is its exit code. */
bool app_start(struct config *config, const char *name, const char *about, unsigned secrets,
               int argc, char **argv, int *code) __attribute__((warn_unused_result));

/* Serves until SIGTERM or SIGINT. Returns an exit code. */
int app_run(const struct app *app);

#endif
