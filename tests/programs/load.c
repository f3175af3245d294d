/* load: clients that ask often, or never finish asking, from addresses of their own.
 *
 * One thread and epoll. Requests are offered at a fixed rate, whatever the server does: how long an
 * answer took is counted from when its request was due, so that a server that falls behind cannot
 * hide it. */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char usage[] =
    "usage: load ask|hold|read --port PORT [--path PATH] [--from ADDRESS] [--addresses N]\n"
    "            [--connections N] [--rate N] [--anew] [--every MS] [--seconds N] [--file PATH]\n"
    "\n"
    "Connects to 127.0.0.1 from the address FROM (127.0.0.1) and the N - 1 that follow it.\n"
    "  ask   sends what FILE holds, or a GET of PATH, for SECONDS; RATE times a second in all, "
    "or,\n"
    "        without RATE, on each connection as soon as the last is answered. Connections are\n"
    "        kept, or, with --anew, each request has its own, from the next address\n"
    "  hold  sends what FILE holds, and then a byte of x every MS on each connection\n"
    "  read  sends what FILE holds, and takes a byte of the answer every MS\n"
    "hold and read end when the server has closed all connections; all end after SECONDS, or when\n"
    "told to by SIGTERM. A line at the end tells what came of it.\n";

enum {
    CONNECTIONS_MAX = 20000,
    ADDRESSES_MAX = 1000000,
    ANSWER_BYTES = 65536,
    SAMPLES_MAX = 1 << 20,
    RECEIVE_BYTES = 4096,
    AGAIN_US = 100000,
    CONNECTING_MAX = 512, /* at once in hold and read: half of lighttpd's backlog */
    CONNECT_MS = 1500,    /* the kernel tries a second time after one second */
    DRAIN_US = 10000000
};

struct settings {
    char mode; /* 'a', 'h', 'r' */
    uint16_t port;
    const char *path, *from, *file;
    long addresses, connections, rate, every_ms, seconds;
    bool anew;
};

struct connection {
    int fd; /* -1: none */
    bool connecting;
    bool busy;      /* has a request that is to be sent or answered */
    int64_t due_us; /* when its request was due */
    size_t length;  /* of the head so far */
    int64_t body;   /* bytes that are to come, -1: the head is not over */
    int status;
    char head[4096];
};

struct load {
    struct settings settings;
    int epoll;
    struct connection *connections;
    char *bytes; /* what is sent */
    size_t bytes_length;
    long answers, good, refused, other, broken, offered, connected, unreached, closed;
    long connecting; /* connections that do */
    size_t tried;    /* connections so far */
    uint32_t *samples;
    size_t taken;
};

static volatile sig_atomic_t told_to_end;

static void
tell_to_end(int signal)
{
    (void)signal;
    told_to_end = 1;
}

static int64_t
now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void
connection_close(struct load *load, struct connection *connection)
{
    if (connection->fd >= 0)
        close(connection->fd);
    load->connecting -= connection->connecting;
    connection->fd = -1;
    connection->connecting = connection->busy = false;
}

/* Begins to connect the i-th connection; false when it cannot be. */
static bool
connection_open(struct load *load, size_t i)
{
    struct connection *connection = &load->connections[i];
    struct sockaddr_in local = { .sin_family = AF_INET }, peer = { .sin_family = AF_INET };
    struct epoll_event event = { .events = EPOLLOUT, .data.u64 = i };
    size_t turn = load->settings.anew ? load->tried++ : i;
    int one = 1, receive = RECEIVE_BYTES;

    peer.sin_port = htons(load->settings.port);
    peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    inet_pton(AF_INET, load->settings.from, &local.sin_addr);
    local.sin_addr.s_addr =
        htonl(ntohl(local.sin_addr.s_addr) + (uint32_t)(turn % (size_t)load->settings.addresses));
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (connection->fd < 0)
        return false;
    setsockopt(connection->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (load->settings.mode == 'r')
        setsockopt(connection->fd, SOL_SOCKET, SO_RCVBUF, &receive, sizeof receive);
    if (bind(connection->fd, (struct sockaddr *)&local, sizeof local) != 0 ||
        (connect(connection->fd, (struct sockaddr *)&peer, sizeof peer) != 0 &&
         errno != EINPROGRESS) ||
        epoll_ctl(load->epoll, EPOLL_CTL_ADD, connection->fd, &event) != 0) {
        connection_close(load, connection);
        return false;
    }
    connection->connecting = true;
    load->connecting++;
    return true;
}

/* Takes the i-th connection as made; false when it was refused. */
static bool
connection_made(struct load *load, size_t i)
{
    struct connection *connection = &load->connections[i];
    struct epoll_event event = { .events = EPOLLIN, .data.u64 = i };
    int looked_at = load->settings.mode == 'a' ? EPOLL_CTL_MOD : EPOLL_CTL_DEL, refused = 0;
    socklen_t size = sizeof refused;

    if (getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &refused, &size) != 0 || refused != 0 ||
        epoll_ctl(load->epoll, looked_at, connection->fd, &event) != 0)
        return false;
    connection->connecting = false;
    load->connecting--;
    load->connected++;
    return true;
}

static bool
connection_send(struct connection *connection, const char *bytes, size_t length)
{
    return send(connection->fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)length;
}

/* ---- ask ---- */

/* A connection that could not be made: it is tried again a little later. */
static void
unreached(struct load *load, struct connection *connection)
{
    load->unreached++;
    connection_close(load, connection);
    connection->due_us = now_us() + AGAIN_US;
}

static void
bytes_send(struct load *load, struct connection *connection)
{
    if (connection_send(connection, load->bytes, load->bytes_length))
        return;
    load->broken++;
    connection_close(load, connection);
}

/* Asks what was due then, on a connection that is made first where there is none. */
static void
ask(struct load *load, size_t i, int64_t due_us)
{
    struct connection *connection = &load->connections[i];
    bool made = connection->fd >= 0;

    if (!made && !connection_open(load, i)) {
        unreached(load, connection);
        return;
    }
    connection->busy = true;
    connection->due_us = due_us;
    connection->length = 0;
    connection->body = -1;
    if (made)
        bytes_send(load, connection);
}

/* Counts an answer that is complete. */
static void
answer_count(struct load *load, struct connection *connection)
{
    load->answers++;
    if (connection->status == 200) {
        load->good++;
        if (load->taken < SAMPLES_MAX)
            load->samples[load->taken++] = (uint32_t)(now_us() - connection->due_us);
    } else if (connection->status == 429) {
        load->refused++;
    } else {
        load->other++;
    }
    connection->busy = false;
    if (load->settings.anew)
        connection_close(load, connection);
}

/* Takes what came. Answers have a Content-Length, as all of these servers' have. */
static void
answer_take(struct load *load, struct connection *connection)
{
    static char bytes[ANSWER_BYTES];
    ssize_t got = recv(connection->fd, bytes, sizeof bytes, MSG_DONTWAIT);

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        if (connection->busy)
            load->broken++;
        connection_close(load, connection);
        return;
    }
    if (!connection->busy)
        return;
    if (connection->body < 0) {
        size_t room = sizeof connection->head - 1 - connection->length;
        size_t take = (size_t)got < room ? (size_t)got : room;
        memcpy(connection->head + connection->length, bytes, take);
        connection->length += take;
        connection->head[connection->length] = '\0';
        char *end = strstr(connection->head, "\r\n\r\n");
        if (end == NULL)
            return;
        char *length = strcasestr(connection->head, "\r\nContent-Length: ");
        size_t head = (size_t)(end - connection->head) + 4;
        connection->status =
            (int)strtol(connection->head + strcspn(connection->head, " "), NULL, 10);
        connection->body = length == NULL ? 0 : strtoll(length + 18, NULL, 10);
        connection->body -= (int64_t)(connection->length - head) + (got - (ssize_t)take);
    } else {
        connection->body -= got;
    }
    if (connection->body <= 0)
        answer_count(load, connection);
}

/* Takes connections that are made, and answers; false when nothing came. */
static bool
answers_await(struct load *load, int timeout_ms)
{
    struct epoll_event events[256];
    int ready = epoll_wait(load->epoll, events, 256, timeout_ms);

    for (int i = 0; i < ready; i++) {
        struct connection *connection = &load->connections[events[i].data.u64];
        if (connection->fd < 0)
            continue;
        if (!connection->connecting)
            answer_take(load, connection);
        else if (connection_made(load, events[i].data.u64))
            bytes_send(load, connection);
        else
            unreached(load, connection);
    }
    return ready > 0;
}

static int
compare(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

    return left < right ? -1 : left > right;
}

static double
percentile(const struct load *load, size_t per_mille)
{
    size_t rank = load->taken == 0 ? 0 : (load->taken - 1) * per_mille / 1000;

    return load->taken == 0 ? 0 : (double)load->samples[rank] / 1000.0;
}

static bool
any_busy(const struct load *load)
{
    for (long i = 0; i < load->settings.connections; i++)
        if (load->connections[i].busy)
            return true;
    return false;
}

static void
load_ask(struct load *load)
{
    const struct settings *settings = &load->settings;
    int64_t start = now_us(), end = start + settings->seconds * 1000000, now;
    size_t count = (size_t)settings->connections, next = 0;

    while (!told_to_end && (now = now_us()) < end) {
        for (size_t tried = 0; tried < count; tried++) {
            int64_t due = settings->rate == 0
                              ? now
                              : start + (int64_t)load->offered * 1000000 / settings->rate;
            if (due > now)
                break;
            next = next + 1 < count ? next + 1 : 0;
            struct connection *connection = &load->connections[next];
            /* Who abuses does not wait for a connection as others do. */
            if (connection->connecting && settings->rate == 0 &&
                connection->due_us + AGAIN_US < now)
                unreached(load, connection);
            if (connection->busy || (connection->fd < 0 && connection->due_us > now))
                continue;
            load->offered++;
            ask(load, next, due);
        }
        answers_await(load, 1);
    }
    for (end += DRAIN_US; settings->rate != 0 && any_busy(load) && now_us() < end;)
        answers_await(load, 1);
    if (settings->rate != 0) /* what was due and found no connection was not answered either */
        load->offered = settings->rate * settings->seconds;
    qsort(load->samples, load->taken, sizeof load->samples[0], compare);
    printf("offered=%ld answers=%ld good=%ld refused=%ld other=%ld broken=%ld connected=%ld "
           "unreached=%ld p50_ms=%.2f p99_ms=%.2f\n",
           load->offered, load->answers, load->good, load->refused, load->other, load->broken,
           load->connected, load->unreached, percentile(load, 500), percentile(load, 990));
}

/* ---- hold, read ---- */

/* Notices which connections the server has closed; reads a byte of each where that is the game. */
static void
connection_look(struct load *load, struct connection *connection)
{
    char bytes[4096];
    ssize_t got =
        recv(connection->fd, bytes, load->settings.mode == 'r' ? 1 : sizeof bytes, MSG_DONTWAIT);

    if (got > 0)
        load->answers++;
    if (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR)))
        return;
    connection_close(load, connection);
    load->closed++;
}

static void
load_hold(struct load *load)
{
    const struct settings *settings = &load->settings;
    int64_t end = now_us() + settings->seconds * 1000000;
    size_t count = (size_t)settings->connections;
    long open;

    for (size_t i = 0; i < count; i++) {
        if (!connection_open(load, i))
            unreached(load, &load->connections[i]);
        if (load->connecting >= CONNECTING_MAX && !answers_await(load, CONNECT_MS))
            break; /* nor would the others be made */
    }
    while (load->connecting > 0 && answers_await(load, CONNECT_MS))
        ;
    for (size_t i = 0; i < count; i++)
        if (load->connections[i].connecting)
            connection_close(load, &load->connections[i]);
    open = load->connected - load->broken;
    printf("open=%ld unreached=%ld\n", open, settings->connections - open);
    fflush(stdout);
    while (!told_to_end && load->closed < open && now_us() < end) {
        for (size_t i = 0; i < count; i++) {
            if (load->connections[i].fd >= 0)
                connection_look(load, &load->connections[i]);
            if (load->connections[i].fd >= 0 && settings->mode == 'h')
                connection_send(&load->connections[i], "x", 1);
        }
        struct timespec rest = { settings->every_ms / 1000, settings->every_ms % 1000 * 1000000 };
        nanosleep(&rest, NULL);
    }
    printf("closed=%ld left=%ld answered=%ld\n", load->closed, open - load->closed, load->answers);
}

/* ---- start ---- */

static bool
number(const char *text, long min, long max, long *value)
{
    char *end;

    errno = 0;
    *value = strtol(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && *value >= min && *value <= max;
}

static bool
settings_read(struct settings *settings, int argc, char **argv)
{
    static const struct option options[] = {
        { "port", 1, NULL, 'p' },
        { "path", 1, NULL, 'u' },
        { "from", 1, NULL, 'f' },
        { "addresses", 1, NULL, 'a' },
        { "connections", 1, NULL, 'c' },
        { "rate", 1, NULL, 'r' },
        { "every", 1, NULL, 'e' },
        { "seconds", 1, NULL, 's' },
        { "file", 1, NULL, 'b' },
        { "anew", 0, NULL, 'n' },
        { 0 },
    };
    bool good = argc > 1 && (strcmp(argv[1], "ask") == 0 || strcmp(argv[1], "hold") == 0 ||
                             strcmp(argv[1], "read") == 0);
    long port = 0;
    int option;

    *settings = (struct settings){ .path = "/",
                                   .from = "127.0.0.1",
                                   .addresses = 1,
                                   .connections = 16,
                                   .every_ms = 1000,
                                   .seconds = 5 };
    settings->mode = good ? argv[1][0] : 0;
    optind = 2;
    while (good && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'p':
            good = number(optarg, 1, 65535, &port);
            break;
        case 'u':
            settings->path = optarg;
            break;
        case 'f':
            settings->from = optarg;
            break;
        case 'b':
            settings->file = optarg;
            break;
        case 'a':
            good = number(optarg, 1, ADDRESSES_MAX, &settings->addresses);
            break;
        case 'c':
            good = number(optarg, 1, CONNECTIONS_MAX, &settings->connections);
            break;
        case 'r':
            good = number(optarg, 1, 1000000, &settings->rate);
            break;
        case 'e':
            good = number(optarg, 1, 60000, &settings->every_ms);
            break;
        case 'n':
            settings->anew = true;
            break;
        case 's':
            good = number(optarg, 1, 600, &settings->seconds);
            break;
        default:
            good = false;
        }
    }
    settings->port = (uint16_t)port;
    return good && port != 0 && optind == argc && (settings->mode == 'a' || settings->file != NULL);
}

/* What is sent on each connection: a GET, or what the file holds. */
static bool
bytes_read(struct load *load)
{
    enum { BYTES_MAX = 1 << 20 };

    load->bytes = malloc(BYTES_MAX);
    if (load->bytes == NULL)
        return false;
    if (load->settings.file == NULL) {
        load->bytes_length =
            (size_t)snprintf(load->bytes, BYTES_MAX, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n",
                             load->settings.path);
        return load->bytes_length < BYTES_MAX;
    }
    FILE *file = fopen(load->settings.file, "rb");
    if (file == NULL)
        return false;
    load->bytes_length = fread(load->bytes, 1, BYTES_MAX, file);
    fclose(file);
    return true;
}

int
main(int argc, char **argv)
{
    struct load load = { 0 };

    if (!settings_read(&load.settings, argc, argv)) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    sigaction(SIGTERM, &(struct sigaction){ .sa_handler = tell_to_end }, NULL);
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    load.connections = calloc((size_t)load.settings.connections, sizeof *load.connections);
    load.samples = calloc(SAMPLES_MAX, sizeof *load.samples);
    if (load.epoll < 0 || load.connections == NULL || load.samples == NULL || !bytes_read(&load)) {
        perror("load");
        return EXIT_SYSTEM;
    }
    for (long i = 0; i < load.settings.connections; i++)
        load.connections[i].fd = -1;
    (load.settings.mode == 'a' ? load_ask : load_hold)(&load);
    for (long i = 0; i < load.settings.connections; i++)
        connection_close(&load, &load.connections[i]);
    free(load.bytes);
    free(load.connections);
    free(load.samples);
    close(load.epoll);
    return 0;
}
