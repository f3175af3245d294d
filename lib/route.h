/* route: which handler answers a path.
 *
 * A program's routes are one const table. Paths are matched by whole segments: the raw path is
 * split at its slashes first and each segment is percent-decoded once after that, so an encoded
 * slash never changes which route matches. In a pattern
 *
 *   /api/models     matches itself, with or without a trailing slash
 *   {name}          matches one segment, which may not be empty
 *   {name*}         as the last one, matches one or more segments, joined again with '/'
 *
 * The first pattern in the table that matches wins; 404, 405 with Allow, and OPTIONS fall out. */
#ifndef ROUTE_H
#define ROUTE_H

#include "error.h"
#include "mem.h"

#include <stdbool.h>
#include <stddef.h>

enum method {
    METHOD_GET = 1, /* HEAD is routed as GET */
    METHOD_POST = 2,
    METHOD_PUT = 4,
    METHOD_DELETE = 8,
    METHOD_OPTIONS = 16,
    METHOD_HEAD = 32,
    METHOD_OTHER = 64,
};

struct request;
struct response;

/* Answers a request: fills the response and returns its HTTP status. */
typedef int route_handler(void *context, struct request *request, struct response *response);

struct route {
    enum method method;
    const char *pattern;
    route_handler *handle;
    size_t max_body; /* bytes; a longer body is 413, and 0 admits none */
};

enum { ROUTE_SEGMENTS = 64, ROUTE_VARIABLES = 8 };

/* A path, split and decoded. */
struct path {
    size_t segments;
    const char *segment[ROUTE_SEGMENTS];
};

/* Splits the raw path (without query) and decodes its segments into the arena. One trailing slash
 * is dropped. False with `why` when it is no absolute path, has too many segments, or a segment
 * decodes to a NUL byte or to what is no UTF-8. */
bool path_split(struct path *path, const char *raw, struct arena *arena, struct error *why)
    __attribute__((warn_unused_result));

struct route_variable {
    const char *name; /* in the pattern: of name_length bytes, and no NUL after it */
    size_t name_length;
    const char *value;
};

struct route_match {
    const struct route *route; /* NULL: none */
    unsigned allowed;          /* methods (bits) that some route has for this path; 0: 404 */
    size_t variables;
    struct route_variable variable[ROUTE_VARIABLES];
};

/* Looks the route up. Variables' values live in the path or the arena. */
void route_find(struct route_match *match, const struct route *routes, size_t count,
                enum method method, const struct path *path, struct arena *arena);

/* Decodes one percent-encoded segment (`plus` turns '+' into a space, as in queries) into the
 * arena. NULL when an escape is malformed, or it decodes to a NUL byte or to no UTF-8. */
const char *percent_decode(const char *text, size_t length, bool plus, struct arena *arena);

#endif
