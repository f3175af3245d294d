#include "hub_private.h"
#include "timestamp.h"

#include <ctype.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

enum {
    CONNECT_TIMEOUT_S = 10,
    TIMEOUT_S = 3600,      /* for any one exchange */
    LOW_SPEED_BYTES = 512, /* a second; slower than that for HUB_TIMEOUT is no progress */
    MESSAGE_MAX = 64 * 1024,
    POLL_MS = 1000,
};

void
transfer_free(struct transfer *transfer)
{
    free(transfer->link);
    free(transfer->etag);
    free(transfer->location);
    transfer->link = transfer->etag = transfer->location = NULL;
    buf_free(&transfer->message);
    curl_slist_free_all(transfer->headers);
    transfer->headers = NULL;
}

/* ---- what comes in ---- */

/* How much of the body is there. */
static uint64_t
taken(const struct transfer *transfer)
{
    return transfer->spool != NULL ? transfer->spool->length : transfer->out->length;
}

static void
take_anew(struct transfer *transfer)
{
    if (transfer->spool != NULL)
        spool_reset(transfer->spool);
    else
        buf_reset(transfer->out);
}

static bool
take(struct transfer *transfer, const char *bytes, size_t length)
{
    if (transfer->spool == NULL) {
        buf_put(transfer->out, bytes, length);
        transfer->too_large = !buf_ok(transfer->out);
    } else if (length > transfer->spool_max - transfer->spool->length) {
        transfer->too_large = true;
    } else {
        transfer->disk_failed = !spool_put(transfer->spool, bytes, length, &transfer->why);
    }
    return !transfer->too_large && !transfer->disk_failed;
}

static size_t
on_body(char *bytes, size_t one, size_t length, void *context)
{
    struct transfer *transfer = context;
    const struct hub *hub = transfer->hub;
    long status = 0;

    (void)one;
    curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
    if (!transfer_status_good(status)) {
        size_t room = transfer->message.max_bytes - transfer->message.length;
        buf_put(&transfer->message, bytes, length < room ? length : room);
        return length;
    }
    if (status == 200 && transfer->resumed != 0) {
        /* The Range was ignored: this is the whole body from its start. */
        take_anew(transfer);
        transfer->resumed = 0;
    }
    if (status == 206 && transfer->range == NULL && transfer->range_start != transfer->resumed)
        return 0; /* a part that does not join on */
    if (!take(transfer, bytes, length))
        return 0;
    if (hub->progress != NULL)
        hub->progress(hub->progress_context, taken(transfer), transfer->total);
    return length;
}

/* A number from outside: -1 where there is none, and no more than a rate limit's window. */
static long
bounded(const char *digits)
{
    if (!isdigit((unsigned char)digits[0]))
        return -1;
    unsigned long value = strtoul(digits, NULL, 10);
    return value < TRANSFER_WAIT_MAX_S ? (long)value : TRANSFER_WAIT_MAX_S;
}

/* A parameter of a structured header like `"api";r=12;t=55`, or -1. */
static long
header_parameter(const char *value, const char *name)
{
    size_t length = strlen(name);

    for (const char *in = strchr(value, ';'); in != NULL; in = strchr(in + 1, ';')) {
        const char *key = in + 1 + strspn(in + 1, " ");
        if (strncmp(key, name, length) == 0 && key[length] == '=')
            return bounded(key + length + 1);
    }
    return -1;
}

/* The address of rel="next" in a Link header, as a string of its own, or NULL. */
static char *
link_next(const char *value)
{
    for (const char *open = strchr(value, '<'); open != NULL; open = strchr(open + 1, '<')) {
        const char *close = strchr(open, '>');
        if (close == NULL)
            return NULL;
        const char *rel = strstr(close, "rel=\"next\"");
        if (rel != NULL && (size_t)(rel - close) < strcspn(close, ",")) {
            char *address = mem_string(open + 1);
            address[close - open - 1] = '\0';
            return address;
        }
    }
    return NULL;
}

static size_t
on_header(char *bytes, size_t one, size_t length, void *context)
{
    struct transfer *transfer = context;
    char line[4096];
    size_t size = length < sizeof line - 1 ? length : sizeof line - 1;

    (void)one;
    memcpy(line, bytes, size);
    while (size > 0 && strchr("\r\n", line[size - 1]) != NULL)
        size--;
    line[size] = '\0';
    char *value = strchr(line, ':');
    if (value == NULL)
        return length;
    *value++ = '\0';
    value += strspn(value, " \t");
    if (strcasecmp(line, "link") == 0 && transfer->link == NULL)
        transfer->link = link_next(value);
    else if (strcasecmp(line, "etag") == 0 && transfer->etag == NULL)
        transfer->etag = mem_string(value);
    else if (strcasecmp(line, "x-error-message") == 0)
        snprintf(transfer->error_message, sizeof transfer->error_message, "%.199s", value);
    else if (strcasecmp(line, "retry-after") == 0 && isdigit((unsigned char)value[0]))
        transfer->retry_after = bounded(value);
    else if (strcasecmp(line, "content-range") == 0)
        transfer->range_start =
            strncasecmp(value, "bytes ", 6) == 0 ? strtoull(value + 6, NULL, 10) : 0;
    else if (strcasecmp(line, "ratelimit") == 0) {
        transfer->limit_left = header_parameter(value, "r");
        transfer->limit_reset = header_parameter(value, "t");
    } else if (strcasecmp(line, "content-length") == 0)
        transfer->total = strtoull(value, NULL, 10) + transfer->resumed;
    return length;
}

/* ---- what goes out ---- */

static size_t
on_read(char *bytes, size_t one, size_t room, void *context)
{
    struct transfer *transfer = context;
    size_t left = transfer->body_length - transfer->sent;
    size_t length = left < one * room ? left : one * room;

    if (!spool_read(transfer->body_spool, transfer->body_start + transfer->sent, bytes, length,
                    &transfer->why)) {
        transfer->disk_failed = true;
        return CURL_READFUNC_ABORT;
    }
    transfer->sent += length;
    return length;
}

/* A connection that turns out to be dead makes curl begin again. */
static int
on_seek(void *context, curl_off_t offset, int origin)
{
    struct transfer *transfer = context;

    if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > transfer->body_length)
        return CURL_SEEKFUNC_FAIL;
    transfer->sent = (size_t)offset;
    return CURL_SEEKFUNC_OK;
}

/* 169.254.0.0/16 and fe80::/10: where clouds keep what only the machine itself is to know. */
static bool
is_link_local(const struct sockaddr *address)
{
    const unsigned char *bytes = (const unsigned char *)address;

    if (address->sa_family == AF_INET) {
        bytes += offsetof(struct sockaddr_in, sin_addr);
        return bytes[0] == 169 && bytes[1] == 254;
    }
    bytes += offsetof(struct sockaddr_in6, sin6_addr);
    if (address->sa_family != AF_INET6)
        return false;
    if (IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)bytes))
        return bytes[12] == 169 && bytes[13] == 254;
    return bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
}

/* No Hub is at a link-local address, however a redirect, a page or a name leads there. */
static curl_socket_t
on_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct transfer *transfer = context;

    (void)purpose;
    if (is_link_local(&address->addr)) {
        transfer->link_local = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* Scheme, host and port are what must be the same for the token to go along. */
static bool
same_origin(const char *url, const char *endpoint)
{
    const char *host = strstr(endpoint, "://");
    size_t length = host == NULL ? 0 : (size_t)(host - endpoint) + 3;

    length += strcspn(endpoint + length, "/?#");
    return strncasecmp(url, endpoint, length) == 0 && strchr("/?#", url[length]) != NULL;
}

static void
add_header(struct transfer *transfer, const char *name, const char *value)
{
    struct buf line;

    buf_init(&line, 8192);
    buf_format(&line, "%s %s", name, value);
    transfer->headers = curl_slist_append(transfer->headers, buf_string(&line));
    buf_free(&line);
}

static void
transfer_reset(struct transfer *transfer)
{
    free(transfer->link);
    free(transfer->etag);
    transfer->link = transfer->etag = NULL;
    curl_slist_free_all(transfer->headers);
    transfer->headers = NULL;
    buf_reset(&transfer->message);
    transfer->error_message[0] = '\0';
    transfer->retry_after = transfer->limit_reset = transfer->limit_left = -1;
    transfer->total = transfer->range_start = 0;
    transfer->too_large = transfer->disk_failed = transfer->link_local = false;
    transfer->status = 0;
    transfer->sent = 0;
    if (!transfer->resumable)
        take_anew(transfer);
    transfer->resumed = taken(transfer);
}

/* How many ms an exchange may take. */
static long
time_left(const struct hub *hub)
{
    int64_t left = hub->deadline_ms - monotonic_ms();

    if (hub->deadline_ms == 0 || left > TIMEOUT_S * 1000)
        return TIMEOUT_S * 1000;
    return left < 1 ? 1 : (long)left;
}

/* Sends the transfer's next request. */
static void
transfer_send(struct hub *hub, struct transfer *transfer)
{
    const struct config *config = hub->config;
    const char *url = transfer->location != NULL ? transfer->location : transfer->url;

    if (transfer->curl == NULL)
        transfer->curl = hub->idles > 0 ? hub->idle[--hub->idles] : curl_easy_init();
    CURL *curl = transfer->curl;
    transfer_reset(transfer);
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L); /* a resolver that hangs is left behind */
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR,
                     strncmp(config->hf_endpoint, "https:", 6) == 0 ? "https" : "http,https");
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_TIMEOUT_S);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, time_left(hub));
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, (long)LOW_SPEED_BYTES);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, config->hub_timeout);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "leaderboard-backend/1.0");
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, transfer);
    if (transfer->resumed != 0) {
        /* Not CURLOPT_RESUME_FROM, which takes a whole body (200) for an error. */
        char range[32];
        snprintf(range, sizeof range, "%" PRIu64 "-", transfer->resumed);
        curl_easy_setopt(curl, CURLOPT_RANGE, range);
    } else if (transfer->range != NULL) {
        curl_easy_setopt(curl, CURLOPT_RANGE, transfer->range);
    }
    if (transfer->verb != VERB_GET) {
        curl_easy_setopt(curl, CURLOPT_POST, 1L);
        if (transfer->body_spool == NULL) {
            curl_easy_setopt(curl, CURLOPT_POSTFIELDS, transfer->body);
        } else {
            curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
            curl_easy_setopt(curl, CURLOPT_READDATA, transfer);
            curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, on_seek);
            curl_easy_setopt(curl, CURLOPT_SEEKDATA, transfer);
        }
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)transfer->body_length);
        if (transfer->verb == VERB_PUT)
            curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "PUT");
        add_header(transfer,
                   "Content-Type:", transfer->content_type == NULL ? "" : transfer->content_type);
        add_header(transfer, "Expect:", "");
    }
    if (transfer->accept != NULL)
        add_header(transfer, "Accept:", transfer->accept);
    for (size_t i = 0; transfer->extra != NULL && transfer->extra[i] != NULL; i++)
        transfer->headers = curl_slist_append(transfer->headers, transfer->extra[i]);
    const char *token = transfer->token != NULL ? transfer->token : config->hf_token;
    if (token != NULL && !transfer->anonymous && same_origin(url, config->hf_endpoint))
        add_header(transfer, "Authorization: Bearer", token);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, transfer->headers);
    hub->requests++;
    if (curl_multi_add_handle(hub->multi, curl) != CURLM_OK)
        mem_exhausted(sizeof curl); /* nothing else is in its way */
}

/* ---- what follows an exchange ---- */

/* How long to wait before the next try, in seconds. */
static long
retry_wait(const struct transfer *transfer)
{
    long wait = 1L << (transfer->attempts < 8 ? transfer->attempts : 8);

    if (transfer->result == HUB_LIMITED && transfer->limit_left == 0 && transfer->limit_reset >= 0)
        wait = transfer->limit_reset + 1;
    else if (transfer->retry_after >= 0)
        wait = transfer->retry_after + 1;
    return wait < TRANSFER_WAIT_MAX_S ? wait : TRANSFER_WAIT_MAX_S;
}

/* Takes a redirect up; false when this is none to follow. */
static bool
transfer_redirect(struct transfer *transfer, CURLcode *code)
{
    char *target = NULL;

    if (*code != CURLE_OK || transfer->status < 301 || transfer->status > 308 ||
        transfer->status == 304 || (transfer->verb != VERB_GET && transfer->status < 307))
        return false;
    curl_easy_getinfo(transfer->curl, CURLINFO_REDIRECT_URL, &target);
    if (target == NULL || transfer->hops++ >= TRANSFER_HOPS_MAX) {
        *code = CURLE_TOO_MANY_REDIRECTS;
        return false;
    }
    char *copy = mem_string(target);
    free(transfer->location);
    transfer->location = copy;
    return true;
}

/* Decides what follows an exchange. True when the transfer is done, else it is to be sent again at
 * wait_until_ms. */
static bool
transfer_step(struct hub *hub, struct transfer *transfer, CURLcode code)
{
    transfer->wait_until_ms = 0;
    if (code == CURLE_OK)
        curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &transfer->status);
    if (transfer_redirect(transfer, &code))
        return false;
    if (transfer->resumed != 0 && (transfer->status == 416 || code == CURLE_WRITE_ERROR) &&
        !transfer->too_large && !transfer->disk_failed) {
        /* The part that was asked for is not to be had: from the start, then. */
        take_anew(transfer);
        code = CURLE_PARTIAL_FILE;
    }
    transfer->result = transfer_judge(transfer, code, &transfer->why);
    if (transfer->limit_left == 0 && transfer->limit_reset > 0) {
        int64_t reset = monotonic_ms() + (transfer->limit_reset + 1) * 1000;
        if (hub->config->hub_retries > 0 && hub->deadline_ms == 0 && reset > hub->paused_until_ms)
            hub->paused_until_ms = reset;
    }
    bool passing = transfer->result == HUB_UNAVAILABLE || transfer->result == HUB_LIMITED;
    if (passing && !transfer->once && hub->deadline_ms == 0 &&
        transfer->attempts < hub->config->hub_retries) {
        long wait = retry_wait(transfer);
        log_event(&hub->config->log, LEVEL_WARNING, LOG_HUB, "trying again",
                  LOG_INTEGER("wait_s", wait), LOG_TEXT("error", transfer->why.text));
        transfer->wait_until_ms = monotonic_ms() + wait * 1000;
        transfer->attempts++;
        transfer->hops = 0;
        free(transfer->location);
        transfer->location = NULL;
        return false;
    }
    log_event(&hub->config->log, LEVEL_DEBUG, LOG_HUB, "answer", LOG_TEXT("what", transfer->what),
              LOG_INTEGER("status", transfer->status), LOG_INTEGER("bytes", taken(transfer)));
    if (hub->idles < sizeof hub->idle / sizeof hub->idle[0])
        hub->idle[hub->idles++] = transfer->curl;
    else
        curl_easy_cleanup(transfer->curl);
    transfer->curl = NULL;
    return true;
}

/* ---- several at a time ---- */

struct queue {
    struct transfer *waiting; /* to be sent at their wait_until_ms */
    size_t active;            /* waiting and under way */
    bool took;                /* the last queue_collect() found something */
};

/* When a waiting transfer may be sent. */
static int64_t
due_ms(const struct hub *hub, const struct transfer *transfer)
{
    return transfer->wait_until_ms > hub->paused_until_ms ? transfer->wait_until_ms
                                                          : hub->paused_until_ms;
}

/* Sends those whose time has come. */
static void
queue_send(struct hub *hub, struct queue *queue)
{
    int64_t now = monotonic_ms();

    for (struct transfer **place = &queue->waiting; *place != NULL;) {
        struct transfer *transfer = *place;
        if (due_ms(hub, transfer) > now) {
            place = &transfer->next;
            continue;
        }
        *place = transfer->next;
        transfer_send(hub, transfer);
    }
}

/* How many ms lie before the next one is due, at most POLL_MS. */
static int
queue_rest(const struct hub *hub, const struct queue *queue)
{
    int64_t now = monotonic_ms(), soonest = now + POLL_MS;

    for (const struct transfer *waiting = queue->waiting; waiting != NULL; waiting = waiting->next)
        if (due_ms(hub, waiting) < soonest)
            soonest = due_ms(hub, waiting);
    return soonest > now ? (int)(soonest - now) : 0;
}

static void
queue_wait_for(struct queue *queue, struct transfer *transfer)
{
    transfer->next = queue->waiting;
    queue->waiting = transfer;
}

/* Takes the exchanges that have ended. Returns false when the sink wants no more. */
static bool
queue_collect(struct hub *hub, struct queue *queue, transfer_sink *sink, void *context)
{
    bool more = true;
    CURLMsg *message;
    int left;

    queue->took = false;
    while ((message = curl_multi_info_read(hub->multi, &left)) != NULL) {
        struct transfer *transfer;
        queue->took = true;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        curl_multi_remove_handle(hub->multi, message->easy_handle);
        if (!transfer_step(hub, transfer, code)) {
            queue_wait_for(queue, transfer);
            continue;
        }
        queue->active--;
        more = sink(context, transfer) && more;
    }
    return more;
}

void
transfer_run(struct hub *hub, transfer_source *source, transfer_sink *sink, void *context,
             size_t parallel)
{
    struct queue queue = { 0 };
    bool more = true;
    int running;

    for (;;) {
        while (more && queue.active < parallel) {
            struct transfer *transfer = source(context);
            if (transfer == NULL) {
                more = false;
                break;
            }
            transfer->hub = hub;
            buf_init(&transfer->message, MESSAGE_MAX);
            queue_wait_for(&queue, transfer);
            queue.active++;
        }
        if (queue.active == 0)
            return;
        queue_send(hub, &queue);
        curl_multi_perform(hub->multi, &running);
        more = queue_collect(hub, &queue, sink, context) && more;
        if (!queue.took && (running > 0 || queue.waiting != NULL))
            curl_multi_poll(hub->multi, NULL, 0, queue_rest(hub, &queue), NULL);
    }
}

struct one {
    struct transfer *transfer;
    bool started;
};

static struct transfer *
one_source(void *context)
{
    struct one *one = context;

    if (one->started)
        return NULL;
    one->started = true;
    return one->transfer;
}

static bool
one_sink(void *context, struct transfer *transfer)
{
    (void)context;
    (void)transfer;
    return true;
}

enum hub_result
transfer_one(struct hub *hub, struct transfer *transfer)
{
    struct one one = { .transfer = transfer };

    transfer_run(hub, one_source, one_sink, &one, 1);
    return transfer->result;
}
