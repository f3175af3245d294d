#include "stream.h"

#include "ending.h"
#include "http.h"

#include <errno.h>
#include <fcgiapp.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_MAX = 16 * 1024, RETRY_AFTER_S = 30, TICK_US = 1000000, ID_MAX = 64 };

/* Where the descriptors stand that are waited for; the clients' come after them. */
enum { ON_SIGNAL, ON_LISTEN, ON_CLIENTS };

enum { ENDING_TICKS = 5 }; /* between two looks whether lighttpd is still there */

struct client {
    FCGX_Request fcgi; /* its streams point to it: it stays where it is */
    char id[ID_MAX + 1], key[ADDRESS_TEXT];
    int64_t since_us;
    uint64_t bytes;
};

struct server {
    struct ending ending;
    const struct stream *stream;
    struct ratelimit *limit;
    struct metrics *metrics;
    size_t count;
    struct client *client[STREAM_CLIENTS];
    struct pollfd polled[ON_CLIENTS + STREAM_CLIENTS];
};

static int64_t
now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* ---- one client ---- */

/* False when it is gone, or its buffers are full. */
static bool
client_send(struct client *client, const char *text, size_t length)
{
    client->bytes += length;
    return FCGX_PutStr(text, (int)length, client->fcgi.out) == (int)length &&
           FCGX_FFlush(client->fcgi.out) == 0;
}

/* Closes the connection without waiting for the other end; what was sent still arrives. */
static void
client_free(struct client *client, bool whole)
{
    FCGX_Detach(&client->fcgi);
    if (whole)
        FCGX_Finish_r(&client->fcgi);
    else
        FCGX_Free(&client->fcgi, 1); /* a record may be cut: nothing can follow it */
    free(client);
}

/* Takes the client's X-Request-Id over when it is short and plain, else makes one. */
static void
client_identify(struct client *client, const char *given)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
    uint64_t number = 0;

    if (given != NULL && given[0] != '\0' && strlen(given) <= ID_MAX &&
        given[strspn(given, plain)] == '\0') {
        snprintf(client->id, sizeof client->id, "%s", given);
        return;
    }
    if (getrandom(&number, sizeof number, 0) < 0)
        number = (uint64_t)now_us();
    snprintf(client->id, sizeof client->id, "%016jx", (uintmax_t)number);
}

/* ---- answering ---- */

static void
put_cors(const struct config *config, const struct request *request, struct response *response)
{
    const char *origin = request_header(request, "Origin");

    response_header(response, "Vary", "Origin");
    for (char **allowed = config->cors_origins; origin != NULL && *allowed != NULL; allowed++) {
        bool any = strcmp(*allowed, "*") == 0;
        if (!any && strcasecmp(*allowed, origin) != 0)
            continue;
        response_header(response, "Access-Control-Allow-Origin", any ? "*" : origin);
        response_header(response, "Access-Control-Allow-Methods", "GET, HEAD, OPTIONS");
        response_header(response, "Access-Control-Allow-Headers", "Last-Event-ID, X-Request-Id");
        response_header(response, "Access-Control-Expose-Headers", "Retry-After, X-Request-Id");
        return;
    }
}

static int
refuse(struct server *server, struct response *response, int status, long retry_s,
       const char *detail)
{
    if (status == 429)
        metrics_count(server->metrics, METRIC_RATE_LIMITED);
    buf_format(&response->headers, "Retry-After: %ld\r\n", retry_s);
    return response_detail(response, status, "%s", detail);
}

/* Whether there is room for a client. Returns 0, or the status of an answer. */
static int
admit(struct server *server, const struct client *client, struct response *response)
{
    const struct config *config = server->stream->config;
    const struct rate rate = { config->rate_requests, config->rate_window };
    size_t own = 0;

    if (server->limit != NULL) {
        struct rate_state state =
            ratelimit_take(server->limit, server->stream->name, client->key, rate, 1);
        if (!state.admitted)
            return refuse(server, response, 429, state.retry_s,
                          "too many requests from your address");
    }
    if (server->count == STREAM_CLIENTS)
        return refuse(server, response, 503, RETRY_AFTER_S,
                      "as many clients as can be are connected; try again later");
    for (size_t i = 0; i < server->count; i++)
        own += strcmp(server->client[i]->key, client->key) == 0;
    if (own < STREAM_CLIENTS / 4)
        return 0;
    return refuse(server, response, 429, RETRY_AFTER_S,
                  "your address has as many connections as it may; close some");
}

/* Returns 200 for a client that stays, or has asked with HEAD; the status of an answer otherwise.
 */
static int
answer(struct server *server, const struct client *client, const struct request *request,
       struct response *response)
{
    const char *path = server->stream->path, *method = request_parameter(request, "REQUEST_METHOD");
    size_t length = strcspn(request->target, "?");
    int status;

    put_cors(server->stream->config, request, response);
    length -= length != 0 && request->target[length - 1] == '/';
    if (length != strlen(path) || strncmp(request->target, path, length) != 0)
        return response_detail(response, 404, "there is nothing at this path");
    bool get = method != NULL && strcmp(method, "GET") == 0;
    bool head = method != NULL && strcmp(method, "HEAD") == 0;
    if (!get && !head) {
        response_header(response, "Allow", "GET, HEAD, OPTIONS");
        if (method != NULL && strcmp(method, "OPTIONS") == 0)
            return 204;
        return response_detail(response, 405, "this path answers GET, HEAD and OPTIONS only");
    }
    if ((status = admit(server, client, response)) != 0)
        return status;
    response->type = "text/event-stream";
    /* A proxy that buffers would say nothing. */
    response_header(response, "X-Accel-Buffering", "no");
    if (get)
        server->stream->greet(server->stream->context, request_header(request, "Last-Event-ID"),
                              &response->body);
    return 200;
}

/* Answers a new client, and keeps it if it is to be told what happens. */
static void
take(struct server *server, struct client *client)
{
    struct request request = { .environment = client->fcgi.envp, .config = server->stream->config };
    struct response response = { 0 };
    const char *method = request_parameter(&request, "REQUEST_METHOD");
    struct buf head;

    buf_init(&head, HEAD_MAX * 2 + STREAM_BYTES * 2);
    buf_init(&response.headers, HEAD_MAX);
    buf_init(&response.body, STREAM_BYTES * 2);
    request.target = request_parameter(&request, "REQUEST_URI");
    if (request.target == NULL)
        request.target = "";
    client_identify(client, request_header(&request, "X-Request-Id"));
    address_client(request.client, request_parameter(&request, "REMOTE_ADDR"),
                   request_header(&request, "X-Forwarded-For"),
                   server->stream->config->trusted_proxies);
    address_key(client->key, request.client);
    int status = answer(server, client, &request, &response);
    bool stays = status == 200 && strcmp(method, "GET") == 0;
    buf_format(&head, "Status: %d\r\nX-Request-Id: %s\r\nCache-Control: no-store\r\n", status,
               client->id);
    if (response.type != NULL)
        buf_format(&head, "Content-Type: %s\r\n", response.type);
    buf_put(&head, buf_string(&response.headers), response.headers.length);
    buf_text(&head, "\r\n");
    if (method != NULL && strcmp(method, "HEAD") != 0)
        buf_put(&head, buf_string(&response.body), response.body.length);
    bool sent = client_send(client, buf_string(&head), head.length);
    int64_t us = now_us() - client->since_us;
    metrics_request(server->metrics, method == NULL ? "" : method,
                    status == 404 ? "-" : server->stream->path, status, head.length, (uint64_t)us);
    log_event(&request.config->log, LEVEL_INFO, LOG_HTTP, "request", LOG_TEXT("id", client->id),
              LOG_TEXT("method", method), LOG_TEXT("route", server->stream->path),
              LOG_INTEGER("status", status), LOG_INTEGER("bytes", head.length),
              LOG_INTEGER("us", us), LOG_TEXT("client", request.client));
    if (stays && sent) {
        server->polled[ON_CLIENTS + server->count] =
            (struct pollfd){ .fd = client->fcgi.ipcFd, .events = POLLRDHUP };
        server->client[server->count++] = client;
    } else {
        client_free(client, sent);
    }
    buf_free(&head);
    buf_free(&response.headers);
    buf_free(&response.body);
}

/* ---- all clients ---- */

static void
drop(struct server *server, size_t index, const char *reason)
{
    struct client *client = server->client[index];

    log_event(&server->stream->config->log, LEVEL_INFO, LOG_HTTP, "stream ended",
              LOG_TEXT("id", client->id), LOG_TEXT("reason", reason),
              LOG_INTEGER("bytes", client->bytes),
              LOG_INTEGER("seconds", (now_us() - client->since_us) / 1000000));
    client_free(client, false);
    server->count--;
    server->client[index] = server->client[server->count];
    server->polled[ON_CLIENTS + index] = server->polled[ON_CLIENTS + server->count];
}

/* Takes whoever waits at the socket; false when it is broken. */
static bool
accept_one(struct server *server)
{
    struct client *client = mem_zero(1, sizeof *client);

    FCGX_InitRequest(&client->fcgi, STDIN_FILENO, FCGI_FAIL_ACCEPT_ON_INTR);
    int result = FCGX_Accept_r(&client->fcgi);
    if (result == 0) {
        fcntl(client->fcgi.ipcFd, F_SETFL, O_NONBLOCK);
        client->since_us = now_us();
        take(server, client);
        return true;
    }
    free(client);
    if (result == -EAGAIN || result == -EINTR || result == -ECONNABORTED)
        return true;
    log_event(&server->stream->config->log, LEVEL_ERROR, LOG_HTTP, "cannot accept a connection",
              LOG_TEXT("error", strerror(-result)));
    return false;
}

static void
tell(struct server *server, const struct buf *text)
{
    for (size_t i = server->count; i > 0; i--)
        if (!client_send(server->client[i - 1], text->data, text->length))
            drop(server, i - 1, "it does not read");
}

/* Serves until a signal or an error; true when it was a signal. */
static bool
serve(struct server *server)
{
    int64_t tick_us = now_us(), told_us = tick_us;
    unsigned ticks = 0;
    struct buf text;
    bool good = true;

    buf_init(&text, STREAM_BYTES * 2);
    while (good) {
        int64_t wait = tick_us + TICK_US - now_us();
        int ready =
            poll(server->polled, ON_CLIENTS + server->count, wait < 0 ? 0 : (int)(wait / 1000) + 1);
        if (ready > 0 && server->polled[ON_SIGNAL].revents != 0)
            break;
        for (size_t i = ready > 0 ? server->count : 0; i > 0; i--)
            if (server->polled[ON_CLIENTS + i - 1].revents != 0)
                drop(server, i - 1, "it is gone");
        if (ready > 0 && server->polled[ON_LISTEN].revents != 0)
            good = accept_one(server);
        if (now_us() < tick_us + TICK_US)
            continue;
        tick_us = now_us();
        if (++ticks % ENDING_TICKS == 0 && ending_missed(&server->ending))
            break;
        buf_reset(&text);
        server->stream->poll(server->stream->context, &text);
        if (text.length == 0 && tick_us - told_us >= STREAM_HEARTBEAT_S * 1000000)
            buf_text(&text, ":\n\n");
        if (text.length == 0)
            continue;
        told_us = tick_us;
        tell(server, &text);
    }
    buf_free(&text);
    return good;
}

int
stream_run(const struct stream *stream)
{
    struct server *server = mem_zero(1, sizeof *server);
    struct error why;
    char path[PATH_MAX];

    ending_init(&server->ending);
    if (server->ending.signals < 0) {
        log_event(&stream->config->log, LEVEL_ERROR, LOG_HTTP, "cannot wait for signals",
                  LOG_TEXT("error", strerror(errno)));
        free(server);
        return EXIT_SYSTEM;
    }
    server->stream = stream;
    server->polled[ON_SIGNAL] = (struct pollfd){ .fd = server->ending.signals, .events = POLLIN };
    server->polled[ON_LISTEN] = (struct pollfd){ .fd = STDIN_FILENO, .events = POLLIN };
    log_event(&stream->config->log, LEVEL_INFO, LOG_HTTP, "ready",
              LOG_TEXT("program", stream->name));
    snprintf(path, sizeof path, "%s/run/metrics", stream->config->state_dir);
    server->metrics = metrics_open(path, &why);
    snprintf(path, sizeof path, "%s/run/ratelimit", stream->config->state_dir);
    if (stream->config->rate_requests != 0)
        server->limit = ratelimit_open(path, &why);
    confine(stream->role, stream->config);
    bool good = serve(server);
    while (server->count != 0)
        client_free(server->client[--server->count], false);
    ratelimit_close(server->limit);
    metrics_close(server->metrics);
    ending_close(&server->ending);
    free(server);
    log_event(&stream->config->log, LEVEL_INFO, LOG_HTTP, "stopped",
              LOG_TEXT("program", stream->name));
    return good ? 0 : EXIT_SYSTEM;
}
