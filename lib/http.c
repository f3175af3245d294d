#include "http.h"

#include "answers.h"
#include "ending.h"
#include "json.h"
#include "timestamp.h"

#include <errno.h>
#include <fcgiapp.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    HEADERS_MAX = 32 * 1024,
    BODY_MAX = 1 << 30,
    TARGET_MAX = 8 * 1024,
    ID_MAX = 64,
    PREFLIGHT_AGE_S = 86400,
    ENCODE_MIN = 500, /* bytes; shorter bodies are not worth encoding */
    LOOK_EVERY = 8,   /* requests: see loop_serve() */
    OUTDATED_S = 16,  /* between two looks of a busy program; each has a second of its own */
    LOG_MS = 2,       /* at the least between two writes of a busy program into the log */
};

/* ---- what a handler asks of a request ---- */

const char *
request_parameter(const struct request *request, const char *name)
{
    size_t length = strlen(name);

    for (char **entry = request->environment; *entry != NULL; entry++)
        if (**entry == *name && strncmp(*entry, name, length) == 0 && (*entry)[length] == '=')
            return *entry + length + 1;
    return NULL;
}

const char *
request_header(const struct request *request, const char *name)
{
    char parameter[64] = "HTTP_";
    size_t length = 5;

    for (; *name != '\0' && length + 1 < sizeof parameter; name++)
        parameter[length++] = *name == '-' ? '_' : (char)(*name & (*name >= 'a' ? ~0x20 : ~0));
    parameter[length] = '\0';
    return request_parameter(request, parameter);
}

const char *
request_query(const struct request *request, const char *name)
{
    for (size_t i = request->queries; i > 0; i--)
        if (strcmp(request->query[i - 1].name, name) == 0)
            return request->query[i - 1].value;
    return NULL;
}

const char *
request_variable(const struct request *request, const char *name)
{
    for (size_t i = 0; i < request->match.variables; i++) {
        const struct route_variable *variable = &request->match.variable[i];
        if (strncmp(variable->name, name, variable->name_length) == 0 &&
            name[variable->name_length] == '\0')
            return variable->value;
    }
    return NULL;
}

int
request_integer(const struct request *request, struct response *response, const char *name,
                long min, long max, long *value)
{
    const char *text = request_query(request, name);
    char *end;

    if (text == NULL)
        return 0;
    errno = 0;
    long number = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || number < min || number > max)
        return response_detail(response, 400, "%s: expected a whole number from %ld to %ld", name,
                               min, max);
    *value = number;
    return 0;
}

int
request_only(const struct request *request, struct response *response, const char *const *names)
{
    for (size_t i = 0; i < request->queries; i++) {
        const char *const *name = names;
        while (*name != NULL && strcmp(*name, request->query[i].name) != 0)
            name++;
        if (*name == NULL)
            return response_detail(response, 400, "%.96s: there is no such parameter here",
                                   request->query[i].name);
    }
    return 0;
}

/* What limits by address count by. */
static const char *
client_key(const struct request *request, char key[ADDRESS_TEXT])
{
    address_key(key, request->client);
    return key;
}

static bool
admitted(const struct request *request, struct response *response, const struct rate_state *state)
{
    if (state->admitted)
        return true;
    metrics_count(request->metrics, METRIC_RATE_LIMITED);
    buf_format(&response->headers, "Retry-After: %ld\r\n", state->retry_s);
    return false;
}

bool
request_admitted(const struct request *request, struct response *response, const char *group,
                 const char *key, struct rate rate, unsigned cost, long *retry_s)
{
    char address[ADDRESS_TEXT];

    if (request->limit == NULL)
        return true;
    struct rate_state state = ratelimit_take(
        request->limit, group, key != NULL ? key : client_key(request, address), rate, cost);
    *retry_s = state.retry_s;
    return admitted(request, response, &state);
}

/* ---- what a handler puts into a response ---- */

void
response_header(struct response *response, const char *name, const char *value)
{
    buf_text(&response->headers, name);
    buf_text(&response->headers, ": ");
    size_t start = response->headers.length;
    buf_text(&response->headers, value);
    for (char *c = response->headers.data + start; buf_ok(&response->headers) && *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = ' ';
    buf_text(&response->headers, "\r\n");
}

void
response_date(struct response *response, const char *name, time_t when)
{
    char text[64];
    struct tm utc;

    gmtime_r(&when, &utc);
    strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &utc);
    response_header(response, name, text);
}

int
response_detail(struct response *response, int status, const char *format, ...)
{
    char detail[1024];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    buf_reset(&response->body);
    response->file = NULL;
    response->kept = NULL;
    response->type = "application/json";
    buf_text(&response->body, "{\"detail\":");
    json_put_text(&response->body, detail, strlen(detail));
    buf_text(&response->body, "}");
    return status;
}

int
response_unavailable(struct response *response, long retry_after_s, const char *detail)
{
    buf_format(&response->headers, "Retry-After: %ld\r\n", retry_after_s);
    return response_detail(response, 503, "%s", detail);
}

void
kept_take(struct kept *kept, struct buf *body)
{
    kept_free(kept);
    kept->coded[ENCODING_IDENTITY] = *body;
    digest_sha256(buf_string(body), body->length, kept->etag);
    buf_init(body, body->max_bytes);
}

void
kept_free(struct kept *kept)
{
    for (int i = 0; i < ENCODING_COUNT; i++)
        buf_free(&kept->coded[i]);
}

bool
etag_matches(const char *if_none_match, const char *etag)
{
    size_t length = strlen(etag);

    for (const char *in = if_none_match; in != NULL && *in != '\0'; in++) {
        in += strspn(in, " \t,");
        if (*in == '*')
            return true;
        if (in[0] == 'W' && in[1] == '/')
            in += 2;
        if (*in != '"')
            return false;
        const char *end = strchr(++in, '"');
        if (end == NULL)
            return false;
        if ((size_t)(end - in) == length && memcmp(in, etag, length) == 0)
            return true;
        in = end;
    }
    return false;
}

/* ---- one request ---- */

static enum method
method_parse(const char *name)
{
    static const struct {
        const char *name;
        enum method method;
    } methods[] = { { "GET", METHOD_GET },       { "HEAD", METHOD_HEAD },
                    { "POST", METHOD_POST },     { "PUT", METHOD_PUT },
                    { "DELETE", METHOD_DELETE }, { "OPTIONS", METHOD_OPTIONS } };

    for (size_t i = 0; name != NULL && i < sizeof methods / sizeof methods[0]; i++)
        if (strcmp(name, methods[i].name) == 0)
            return methods[i].method;
    return METHOD_OTHER;
}

/* "GET, HEAD, OPTIONS" */
static const char *
methods_list(unsigned allowed, struct arena *arena)
{
    return arena_format(arena, "%s%s%s%sOPTIONS", allowed & METHOD_GET ? "GET, HEAD, " : "",
                        allowed & METHOD_POST ? "POST, " : "", allowed & METHOD_PUT ? "PUT, " : "",
                        allowed & METHOD_DELETE ? "DELETE, " : "");
}

/* Takes the client's X-Request-Id over when it is short and plain, else makes one. */
static const char *
request_identify(struct request *request, uint64_t number)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
    const char *given = request_parameter(request, "HTTP_X_REQUEST_ID");

    if (given != NULL && given[0] != '\0' && strlen(given) <= ID_MAX &&
        given[strspn(given, plain)] == '\0')
        return given;
    char *made = arena_copy(&request->arena, "0000000000000000", 16);
    for (int i = 15; i >= 0; i--, number >>= 4)
        made[i] = "0123456789abcdef"[number & 15];
    return made;
}

/* Splits the query and decodes it. Returns 0 or the status of an error. */
static int
request_parse_query(struct request *request, const char *query, const char **detail)
{
    while (query != NULL && *query != '\0') {
        size_t length = strcspn(query, "&");
        size_t name = strcspn(query, "&=");
        if (length != 0) {
            if (request->queries == sizeof request->query / sizeof request->query[0]) {
                *detail = "too many query parameters";
                return 400;
            }
            struct variable *variable = &request->query[request->queries++];
            bool valued = name < length;
            variable->name = percent_decode(query, name, true, &request->arena);
            variable->value = percent_decode(query + name + valued, length - name - valued, true,
                                             &request->arena);
            if (variable->name == NULL || variable->value == NULL) {
                *detail = "the query is not percent-encoded UTF-8 text without NUL bytes";
                return 400;
            }
        }
        query += length;
        query += *query == '&';
    }
    return 0;
}

/* Reads the whole body, of a length that the route admits. Returns 0 or the status of an error. */
static int
request_read_body(struct request *request, FCGX_Stream *in, const char **detail)
{
    const char *text = request_parameter(request, "CONTENT_LENGTH");
    size_t max = request->match.route->max_body;
    unsigned long long length = 0;
    char *end;

    if (text != NULL && text[0] != '\0') {
        errno = 0;
        length = strtoull(text, &end, 10);
        if (errno != 0 || *end != '\0' || text[0] == '-') {
            *detail = "Content-Length is no number";
            return 400;
        }
    }
    if (length == 0 || (max == 0 && request->method != METHOD_POST))
        return 0;
    if (length > max) {
        *detail = arena_format(&request->arena, "the body has %llu bytes, at most %zu are taken",
                               length, max);
        return 413;
    }
    char *body = arena_alloc(&request->arena, (size_t)length + 1);
    size_t have = 0;
    while (have < length) {
        size_t want = (size_t)length - have;
        int got = FCGX_GetStr(body + have, want > INT_MAX ? INT_MAX : (int)want, in);
        if (got <= 0)
            break;
        have += (size_t)got;
    }
    body[have] = '\0';
    request->body = body;
    request->body_length = have;
    if (have == length)
        return 0;
    *detail = arena_format(&request->arena, "the body ended after %zu of %llu bytes", have, length);
    return 400;
}

static void
response_cors(const struct app *app, struct request *request, struct response *response)
{
    const char *origin = request_parameter(request, "HTTP_ORIGIN");

    buf_text(&response->headers, "Vary: " CORS_VARY "\r\n");
    for (char **allowed = app->config->cors_origins; origin != NULL && *allowed != NULL;
         allowed++) {
        bool any = strcmp(*allowed, "*") == 0;
        if (!any && strcasecmp(*allowed, origin) != 0)
            continue;
        response_header(response, "Access-Control-Allow-Origin", any ? "*" : origin);
        buf_text(&response->headers, "Access-Control-Expose-Headers: " CORS_EXPOSED "\r\n");
        if (request->method != METHOD_OPTIONS)
            return;
        response_header(response, "Access-Control-Allow-Methods",
                        methods_list(request->match.allowed, &request->arena));
        response_header(response, "Access-Control-Allow-Headers",
                        "Authorization, Content-Type, X-Request-Id");
        buf_format(&response->headers, "Access-Control-Max-Age: %d\r\n", PREFLIGHT_AGE_S);
        return;
    }
}

/* A header of a limit. */
static void
put_limit(struct buf *out, const char *header, const char *name, const char *first, long one,
          const char *second, long two)
{
    buf_text(out, header);
    buf_text(out, name);
    buf_text(out, first);
    json_put_integer(out, one);
    buf_text(out, second);
    json_put_integer(out, two);
    buf_text(out, "\r\n");
}

/* Counts the request against its address's limit. Returns 0 or the status of an error. */
static int
app_limit(const struct app *app, struct request *request, struct response *response)
{
    const struct rate rate = { app->config->rate_requests, app->config->rate_window };
    char key[ADDRESS_TEXT];

    if (request->limit == NULL || rate.requests == 0 || request->method == METHOD_OPTIONS)
        return 0;
    struct rate_state state =
        ratelimit_take(request->limit, app->name, client_key(request, key), rate, 1);
    put_limit(&response->headers, "RateLimit-Policy: \"", app->name, "\";q=", rate.requests,
              ";w=", rate.window_s);
    put_limit(&response->headers, "RateLimit: \"", app->name, "\";r=", state.remaining,
              ";t=", state.reset_s);
    if (admitted(request, response, &state))
        return 0;
    /* Whoever goes on has to connect anew, which the kernel counts (leaderboard.nft). A proxy's
     * connection is others' as well. */
    if (network_contains(request->client, request_parameter(request, "REMOTE_ADDR")))
        response_header(response, "Connection", "close");
    return response_detail(response, 429,
                           "too many requests from your address: at most %ld in %ld s are taken; "
                           "go on in %ld s",
                           rate.requests, rate.window_s, state.retry_s);
}

static int
app_error(const struct app *app, struct response *response, int status, const char *detail)
{
    response_detail(response, status, "%s", detail);
    if (app->error != NULL) {
        buf_reset(&response->body);
        app->error(response, status, detail);
    }
    return status;
}

/* Routes and answers; returns the status. */
static int
app_answer(const struct app *app, struct request *request, struct response *response,
           FCGX_Stream *in)
{
    char *query = strchr(request->target, '?');
    const char *detail = NULL;
    struct error why;
    int status;

    const char *raw = query == NULL ? request->target
                                    : arena_copy(&request->arena, request->target,
                                                 (size_t)(query - request->target));
    bool routed = path_split(&request->path, raw, &request->arena, &why);
    if (routed)
        route_find(&request->match, app->routes, app->routes_count,
                   request->method == METHOD_HEAD ? METHOD_GET : request->method, &request->path,
                   &request->arena);
    if (app->cors)
        response_cors(app, request, response);
    if ((status = app_limit(app, request, response)) != 0)
        return status;
    if (!routed)
        return app_error(app, response, 400, why.text);
    if (request->match.allowed == 0)
        return app_error(app, response, 404, "there is nothing at this path");
    if (request->match.route == NULL) {
        const char *allow = methods_list(request->match.allowed, &request->arena);
        response_header(response, "Allow", allow);
        if (request->method == METHOD_OPTIONS) {
            response->cache_control = "public, max-age=86400";
            return 204;
        }
        return app_error(app, response, 405,
                         arena_format(&request->arena, "this path answers %s only", allow));
    }
    if ((status = request_parse_query(request, query == NULL ? NULL : query + 1, &detail)) != 0 ||
        (status = request_read_body(request, in, &detail)) != 0)
        return app_error(app, response, status, detail);
    response->common = response->headers.length;
    return request->match.route->handle(app->context, request, response);
}

/* The body in a coding that the client takes, which its ETag names; NULL when it cannot be made. */
static const struct buf *
response_encode(const struct request *request, struct response *response, enum encoding encoding,
                struct buf *encoded)
{
    const struct buf *body =
        response->kept == NULL ? &response->body : &response->kept->coded[ENCODING_IDENTITY];
    struct buf *out = response->kept == NULL ? encoded : &response->kept->coded[encoding];

    if (encoding == ENCODING_IDENTITY)
        return body;
    if (out->length == 0) {
        buf_init(out, BODY_MAX);
        if (!encoding_encode(encoding, EFFORT_QUICK, buf_string(body), body->length, out)) {
            log_event(&request->config->log, LEVEL_ERROR, LOG_HTTP, "cannot encode a body",
                      LOG_TEXT("id", request->id), LOG_TEXT("coding", encoding_name(encoding)));
            buf_free(out);
            return NULL;
        }
    }
    response_header(response, "Content-Encoding", encoding_name(encoding));
    return out;
}

/* The coding of a body that a program put together. */
static enum encoding
response_encoding(const struct app *app, const struct request *request,
                  const struct response *response)
{
    const struct buf *body =
        response->kept == NULL ? &response->body : &response->kept->coded[ENCODING_IDENTITY];

    return app->api && response->file == NULL && body->length > ENCODE_MIN
               ? encoding_choose(request_parameter(request, "HTTP_ACCEPT_ENCODING"))
               : ENCODING_IDENTITY;
}

/* Validators and caching, and whether the client has the answer already (304). */
static void
response_validate(struct request *request, struct response *response, enum encoding encoding)
{
    const char *known = request_parameter(request, "HTTP_IF_NONE_MATCH");
    const char *since = request_parameter(request, "HTTP_IF_MODIFIED_SINCE");
    struct tm date = { 0 };
    bool fresh = false;
    bool plain = encoding == ENCODING_IDENTITY;

    if (response->cache_control != NULL)
        response_header(response, "Cache-Control", response->cache_control);
    else
        buf_text(&response->headers, "Cache-Control: no-store\r\n");
    if (response->status != 200 || response->etag == NULL)
        return;
    /* A strong tag names one coding of a body. A file has one of its own for each. */
    const char *etag =
        plain ? response->etag
              : arena_format(&request->arena, "%s-%s", response->etag, encoding_name(encoding));
    buf_text(&response->headers, "ETag: \"");
    buf_text(&response->headers, etag);
    buf_text(&response->headers, "\"\r\n");
    if (response->modified != 0)
        response_date(response, "Last-Modified", response->modified);
    if (known != NULL)
        fresh = etag_matches(known, etag);
    else if (since != NULL && response->modified != 0 &&
             strptime(since, "%a, %d %b %Y %H:%M:%S GMT", &date) != NULL)
        fresh = timegm(&date) >= response->modified;
    if (!fresh)
        return;
    response->status = 304;
    response->file = NULL;
    metrics_count(request->metrics, METRIC_NOT_MODIFIED);
}

static void
put_line(struct buf *out, const char *header, const char *value)
{
    buf_text(out, header);
    buf_text(out, value);
    buf_text(out, "\r\n");
}

/* What is sent where there is no memory for an answer, not even for its headers. */
static bool
response_exhausted(struct response *response, bool headed, FCGX_Stream *out, size_t *bytes)
{
    static const char head[] = "Status: 500\r\nContent-Type: application/json\r\n"
                               "Cache-Control: no-store\r\n\r\n";
    static const char body[] = "{\"detail\":\"the server is out of memory; try again later\"}";

    response->status = 500;
    *bytes = headed ? 0 : sizeof body - 1;
    return FCGX_PutStr(head, sizeof head - 1, out) == sizeof head - 1 &&
           (headed || FCGX_PutStr(body, sizeof body - 1, out) == sizeof body - 1);
}

/* Puts the answer on the wire; false when lighttpd did not take it. *bytes is the body's length. */
static bool
response_send(const struct app *app, struct request *request, struct response *response,
              struct buf *head, FCGX_Stream *out, size_t *bytes)
{
    enum encoding encoding = response_encoding(app, request, response);
    const struct buf *body = &response->body;
    struct buf encoded = { 0 };

    response_validate(request, response, encoding);
    bool bodiless = response->status == 204 || response->status == 304;
    if (!bodiless && response->file == NULL)
        body = response_encode(request, response, encoding, &encoded);
    bool headed = bodiless || request->method == METHOD_HEAD;
    if (body == NULL)
        return response_exhausted(response, request->method == METHOD_HEAD, out, bytes);
    *bytes = headed ? 0 : response->file != NULL ? response->file_length : body->length;
    buf_reset(head);
    buf_text(head, "Status: ");
    json_put_integer(head, response->status);
    put_line(head, "\r\nX-Request-Id: ", request->id);
    if (response->type != NULL && !bodiless)
        put_line(head, "Content-Type: ", response->type);
    buf_put(head, buf_string(&response->headers), response->headers.length);
    if (response->file != NULL)
        put_line(head, "X-Sendfile: ", response->file);
    else if (!bodiless) {
        buf_text(head, "Content-Length: ");
        json_put_integer(head, (int64_t)body->length);
        buf_text(head, "\r\n");
    }
    buf_text(head, "\r\n");
    if (!buf_ok(head) || !buf_ok(&response->headers)) {
        buf_free(&encoded);
        return response_exhausted(response, request->method == METHOD_HEAD, out, bytes);
    }
    bool sent = FCGX_PutStr(head->data, (int)head->length, out) == (int)head->length;
    if (response->file == NULL && !headed) {
        for (size_t done = 0; sent && done < body->length;) {
            size_t part = body->length - done;
            int size = part > INT_MAX ? INT_MAX : (int)part;
            sent = FCGX_PutStr(body->data + done, size, out) == size;
            done += (size_t)size;
        }
    }
    buf_free(&encoded);
    return sent;
}

/* One line in the log, and in the counts. */
static void
request_log(const struct app *app, const struct request *request, const struct response *response,
            bool sent, size_t bytes, const struct timespec *start)
{
    struct timespec end;
    const char *method = request_parameter(request, "REQUEST_METHOD");
    const char *route = request->match.route == NULL ? "-" : request->match.route->pattern;

    clock_gettime(CLOCK_MONOTONIC, &end);
    int64_t us = (end.tv_sec - start->tv_sec) * 1000000 + (end.tv_nsec - start->tv_nsec) / 1000;
    metrics_request(request->metrics, method == NULL ? "" : method, route, response->status, bytes,
                    (uint64_t)us);
    log_event(&app->config->log, response->status >= 500 ? LEVEL_ERROR : LEVEL_INFO, LOG_HTTP,
              sent ? "request" : "request (client gone)", LOG_TEXT("id", request->id),
              LOG_TEXT("method", method), LOG_TEXT("route", route),
              LOG_INTEGER("status", response->status), LOG_INTEGER("bytes", bytes),
              LOG_INTEGER("us", us), LOG_TEXT("client", request->client),
              LOG_TEXT("user", request->user == NULL ? "-" : request->user));
}

/* A request on its way. Arena and headers' buffer stay from one to the next. */
struct exchange {
    struct exchange *next;
    FCGX_Request fcgi;
    struct request request;
    struct response response;
    struct timespec start;
};

/* What a program keeps between requests. */
struct loop {
    const struct app *app;
    struct ratelimit *limit;
    struct metrics *metrics;
    struct answers *answers;
    uint64_t id;
    struct buf head, log; /* empty, but for the log's lines that wait */
    int64_t logged_ms;    /* when such were last written; monotonic */
    struct exchange exchanges[PUT_OFF_MAX];
    struct exchange *unused, *put_off, **put_off_end; /* lists of them */
    unsigned served;
    bool crowded; /* where a second request was looked for, there was one */
};

static void
exchange_end(struct loop *loop, struct exchange *exchange)
{
    struct request *request = &exchange->request;
    struct response *response = &exchange->response;
    size_t bytes;

    if (!buf_ok(&response->headers) || !buf_ok(&response->body)) {
        buf_reset(&response->headers);
        response->cache_control = NULL;
        response->status = app_error(loop->app, response, 500, "the answer does not fit");
    }
    bool sent =
        response_send(loop->app, request, response, &loop->head, exchange->fcgi.out, &bytes);
    request_log(loop->app, request, response, sent, bytes, &exchange->start);
    buf_free(&response->body);
    buf_reset(&response->headers);
    arena_reset(&request->arena);
    /* Where nothing is left to be read, the connection is closed at once. FCGX_Finish_r() alone
     * waits until lighttpd has closed it: bytes that nobody reads would take the answer with them.
     */
    if (FCGX_GetChar(exchange->fcgi.in) == EOF)
        FCGX_Detach(&exchange->fcgi);
    FCGX_Finish_r(&exchange->fcgi);
    exchange->next = loop->unused;
    loop->unused = exchange;
}

/* Answers what was accepted, or puts it off. */
static void
exchange_serve(struct loop *loop, struct exchange *exchange)
{
    const struct app *app = loop->app;
    struct request *request = &exchange->request;
    struct response *response = &exchange->response;

    clock_gettime(CLOCK_MONOTONIC, &exchange->start);
    *request = (struct request){ .arena = request->arena,
                                 .environment = exchange->fcgi.envp,
                                 .config = app->config,
                                 .limit = loop->limit,
                                 .metrics = loop->metrics,
                                 .answers = loop->answers,
                                 .loop = loop };
    *response = (struct response){ .status = 500, .headers = response->headers };
    buf_init(&response->body, BODY_MAX);
    request->method = method_parse(request_parameter(request, "REQUEST_METHOD"));
    request->target = request_parameter(request, "REQUEST_URI");
    request->body = "";
    /* Far apart, and all different until 2^64 of them have been given. */
    request->id = request_identify(request, loop->id += UINT64_C(0x9e3779b97f4a7c15));
    address_client(request->client, request_parameter(request, "REMOTE_ADDR"),
                   request_parameter(request, "HTTP_X_FORWARDED_FOR"),
                   app->config->trusted_proxies);
    if (request->target == NULL || strlen(request->target) > TARGET_MAX)
        response->status = app_error(app, response, 414, "the address is too long");
    else
        response->status = app_answer(app, request, response, exchange->fcgi.in);
    if (response->status != PUT_OFF) {
        exchange_end(loop, exchange);
        return;
    }
    exchange->next = NULL;
    *loop->put_off_end = exchange;
    loop->put_off_end = &exchange->next;
}

static void
loop_settle(struct loop *loop)
{
    if (loop->put_off == NULL)
        return;
    loop->app->settle(loop->app->context);
    for (struct exchange *exchange = loop->put_off, *next; exchange != NULL; exchange = next) {
        next = exchange->next;
        exchange_end(loop, exchange);
    }
    loop->put_off = NULL;
    loop->put_off_end = &loop->put_off;
}

void
request_waits(const struct request *request)
{
    loop_settle(request->loop);
}

bool
app_start(struct config *config, const char *name, const char *about, unsigned secrets, int argc,
          char **argv, int *code)
{
    struct error why;
    struct buf path;

    /* A program that lighttpd starts anew while it is ending itself would outlive it. */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (argc > 1) {
        bool help = strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0;
        fprintf(help ? stdout : stderr,
                "%s.fcgi: %s\nIt is started by lighttpd and takes no arguments.\n", name, about);
        if (help)
            config_help(stdout);
        *code = help ? 0 : EXIT_USAGE;
        return false;
    }
    if (!config_load(config, secrets, &why)) {
        fprintf(stderr, "%s.fcgi: %s\n", name, why.text);
        *code = EXIT_USAGE;
        return false;
    }
    if (FCGX_Init() != 0) {
        fprintf(stderr, "%s.fcgi: FastCGI cannot be set up: %s\n", name, strerror(errno));
        config_free(config);
        *code = EXIT_SYSTEM;
        return false;
    }
    if (FCGX_IsCGI()) {
        fprintf(stderr, "%s.fcgi: this is a FastCGI program; lighttpd starts it (see --help)\n",
                name);
        config_free(config);
        *code = EXIT_USAGE;
        return false;
    }
    umask(0027);
    buf_init(&path, PATH_MAX);
    buf_text(&path, config->state_dir);
    mkdir(buf_string(&path), 0750);
    buf_text(&path, "/log");
    mkdir(buf_string(&path), 0750);
    buf_format(&path, "/%s.log", name);
    int fd = open(buf_string(&path), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (fd >= 0)
        config->log.fd = fd;
    else
        log_event(&config->log, LEVEL_ERROR, LOG_HTTP, "cannot open the log file",
                  LOG_TEXT("path", buf_string(&path)), LOG_TEXT("error", strerror(errno)));
    buf_free(&path);
    return true;
}

/* A descriptor that is readable when a request waits, or the signal to end, or < 0. */
static int
waiting_open(const struct ending *ending)
{
    struct epoll_event request = { .events = EPOLLIN, .data.fd = STDIN_FILENO };
    struct epoll_event signal = { .events = EPOLLIN, .data.fd = ending->signals };
    int waiting = epoll_create1(EPOLL_CLOEXEC);

    if (waiting >= 0 && (epoll_ctl(waiting, EPOLL_CTL_ADD, STDIN_FILENO, &request) != 0 ||
                         epoll_ctl(waiting, EPOLL_CTL_ADD, ending->signals, &signal) != 0)) {
        close(waiting);
        return -1;
    }
    return waiting;
}

/* Waits for a request; false when it is time to end: for good, or to be started anew. */
static bool
app_wait(struct loop *loop, const struct ending *ending, int waiting)
{
    const struct app *app = loop->app;
    struct epoll_event events[2];

    for (;;) {
        bool lines = loop->log.length != 0;
        int64_t now_ms = lines ? monotonic_ms() : 0;
        if (lines && now_ms - loop->logged_ms >= LOG_MS) {
            loop->logged_ms = now_ms;
            log_flush(&app->config->log);
            lines = false;
        }
        int ready = epoll_wait(waiting, events, 2, lines ? LOG_MS : ENDING_CHECK_MS);
        if (ready == 0 && lines)
            continue;
        for (int i = 0; i < ready; i++)
            if (events[i].data.fd == ending->signals)
                return false;
        if ((ready < 0 && errno != EINTR) ||
            (ready == 0 && (ending_missed(ending) || confine_outdated(app->role))))
            return false;
        if (ready > 0)
            return true;
        if (ready == 0 && app->idle != NULL)
            app->idle(app->context);
    }
}

/* A server without its limit or its counts is better than none; the log says so. */
static struct loop *
loop_open(const struct app *app)
{
    struct loop *loop = mem_zero(1, sizeof *loop);
    struct error why;
    struct buf path;

    loop->app = app;
    loop->put_off_end = &loop->put_off;
    for (size_t i = 0; i < PUT_OFF_MAX; i++) {
        struct exchange *exchange = &loop->exchanges[i];
        FCGX_InitRequest(&exchange->fcgi, STDIN_FILENO, FCGI_FAIL_ACCEPT_ON_INTR);
        arena_init(&exchange->request.arena, 0);
        buf_init(&exchange->response.headers, HEADERS_MAX);
        exchange->next = loop->unused;
        loop->unused = exchange;
    }
    loop->answers = answers_new();
    buf_init(&loop->head, HEADERS_MAX + 1024);
    buf_init(&loop->log, 0);
    app->config->log.waiting = &loop->log;
    if (getrandom(&loop->id, sizeof loop->id, 0) < 0)
        loop->id = (uint64_t)time(NULL) << 32 | (uint64_t)getpid();
    if (!app->api)
        return loop;
    buf_init(&path, PATH_MAX);
    buf_format(&path, "%s/run", app->config->state_dir);
    mkdir(buf_string(&path), 0750);
    buf_text(&path, "/metrics");
    loop->metrics = metrics_open(buf_string(&path), &why);
    if (loop->metrics == NULL)
        log_event(&app->config->log, LEVEL_ERROR, LOG_HTTP, "no metrics",
                  LOG_TEXT("error", why.text));
    buf_reset(&path);
    buf_format(&path, "%s/run/ratelimit", app->config->state_dir);
    if (app->limited) {
        loop->limit = ratelimit_open(buf_string(&path), &why);
        if (loop->limit == NULL)
            log_event(&app->config->log, LEVEL_ERROR, LOG_HTTP, "no rate limit",
                      LOG_TEXT("error", why.text));
    }
    buf_free(&path);
    return loop;
}

static void
loop_close(struct loop *loop)
{
    for (size_t i = 0; i < PUT_OFF_MAX; i++) {
        struct exchange *exchange = &loop->exchanges[i];
        FCGX_Free(&exchange->fcgi, 1);
        arena_free(&exchange->request.arena);
        buf_free(&exchange->response.headers);
    }
    ratelimit_close(loop->limit);
    metrics_close(loop->metrics);
    answers_free(loop->answers);
    buf_free(&loop->head);
    log_flush(&loop->app->config->log);
    loop->app->config->log.waiting = NULL;
    buf_free(&loop->log);
    free(loop);
}

/* Whether another request is worth a look, which costs as much as a wait. */
static bool
loop_looks(const struct loop *loop)
{
    return loop->crowded || loop->put_off != NULL || loop->served % LOOK_EVERY == 0;
}

/* Serves a request, and others that wait, but no longer than until the clock's next second. The
 * result of the last FCGX_Accept_r(): 0, or a negated errno. */
static int
loop_serve(struct loop *loop)
{
    time_t began = time(NULL);
    int result = 0;

    /* The others need no epoll_wait(), and their lines in the log are written together. */
    for (int i = 0; i == 0 || (i < PUT_OFF_MAX && loop_looks(loop) && time(NULL) == began); i++) {
        struct exchange *exchange = loop->unused;
        result = FCGX_Accept_r(&exchange->fcgi);
        if (i > 0)
            loop->crowded = result == 0;
        if (result != 0)
            break;
        loop->served++;
        loop->unused = exchange->next;
        exchange_serve(loop, exchange);
    }
    loop_settle(loop);
    return result;
}

int
app_run(const struct app *app)
{
    struct ending ending;
    time_t looked = 0;

    ending_init(&ending);
    log_event(&app->config->log, LEVEL_INFO, LOG_HTTP, "ready", LOG_TEXT("program", app->name));
    int waiting = waiting_open(&ending);
    if (waiting < 0) {
        log_event(&app->config->log, LEVEL_ERROR, LOG_HTTP, "cannot wait for requests",
                  LOG_TEXT("error", strerror(errno)));
        return EXIT_SYSTEM;
    }
    struct loop *loop = loop_open(app);
    confine(app->role, app->config);
    if (app->idle != NULL)
        app->idle(app->context);
    while (app_wait(loop, &ending, waiting)) {
        time_t now = time(NULL);
        int result = loop_serve(loop);
        if (result != 0 && result != -EAGAIN && result != -EINTR && result != -ECONNABORTED)
            break;
        /* Nobody waits, and the others of its kind go on. */
        if (result == -EAGAIN && now != looked && (now - getpid()) % OUTDATED_S == 0) {
            looked = now;
            if (confine_outdated(app->role))
                break;
        }
    }
    close(waiting);
    ending_close(&ending);
    log_event(&app->config->log, LEVEL_INFO, LOG_HTTP, "stopped", LOG_TEXT("program", app->name));
    loop_close(loop);
    return 0;
}
