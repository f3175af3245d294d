/* faultproxy: an HTTP/1.1 proxy on 127.0.0.1 that misbehaves on purpose, for tests.
 *
 * It stands between a client under test and a server, passes every request on, and does to the ones
 * that a rule names what the rule says. One process a connection, one request a connection. */
#include "buf.h"
#include "config.h"
#include "mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char usage[] =
    "usage: faultproxy --upstream HOST:PORT --rules FILE --port-file FILE [--listen PORT] [--log "
    "FILE]\n"
    "\n"
    "Listens on 127.0.0.1 (PORT 0, the default: any free one), writes the port into the port "
    "file,\n"
    "and passes requests on to the upstream server until SIGTERM. The rules are read anew for "
    "each\n"
    "request; the first that matches counts:\n"
    "\n"
    "  METHOD GLOB ACTION [ARGUMENTS] [times=N] [after=N] [every=N]\n"
    "\n"
    "METHOD may be *; the glob matches the target with its query. times: only the first N "
    "matches,\n"
    "after: not the first N, every: each N-th. Actions:\n"
    "\n"
    "  pass                       as if there were no rule\n"
    "  status CODE [header:NAME=VALUE]…   answer that without asking upstream\n"
    "  stall                      never answer\n"
    "  reset                      break the connection off (RST)\n"
    "  truncate BYTES             send the whole head, but only so much of the body\n"
    "  stallbody BYTES            the same, then hang\n"
    "  replace file:PATH [type:T] upstream's answer with another body\n"
    "  corrupt                    flip a bit in the middle of the body\n"
    "  lost                       let upstream do its work, then do not answer\n"
    "  redirect URL               302; %p in the URL becomes the target\n"
    "  norange                    take a Range header out before passing on\n"
    "  endless                    a body without end\n"
    "  garbage                    what is no HTTP\n"
    "\n"
    "The log has a line a request: METHOD target -> action auth=yes|no [range=…].\n";

enum { MESSAGE_MAX = 80 << 20, RULES_MAX = 64, RULE_BYTES = 1024, HOLD_MS = 60000 };

struct options {
    const char *upstream, *rules, *port_file, *log;
    int port;
};

/* How often each rule has matched; shared by all processes, void when the rules change. */
struct counters {
    char rule[RULES_MAX][RULE_BYTES];
    int matches[RULES_MAX];
};

/* A request or an answer: its head up to the empty line, and its body. */
struct message {
    struct buf head, body;
};

struct rule {
    char action[32];
    char arguments[RULE_BYTES]; /* what stands behind the action */
};

static volatile sig_atomic_t ending;

static void
on_signal(int number)
{
    (void)number;
    ending = 1;
}

/* ---- messages ---- */

/* The value of a header in a head, "" when it is not there. Valid until the next call. */
static const char *
head_value(const struct buf *head, const char *name)
{
    static char value[2048];
    size_t length = strlen(name);

    for (const char *line = strstr(buf_string(head), "\r\n"); line != NULL;
         line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, name, length) != 0 || line[2 + length] != ':')
            continue;
        const char *start = line + 3 + length + strspn(line + 3 + length, " ");
        size_t size = strcspn(start, "\r\n");
        snprintf(value, sizeof value, "%.*s", (int)size, start);
        return value;
    }
    return "";
}

/* Takes a header's line out of a head. */
static void
head_drop(struct buf *head, const char *name)
{
    size_t length = strlen(name);
    char *line = strstr(head->data, "\r\n");

    while (line != NULL && line[2] != '\0') {
        char *end = strstr(line + 2, "\r\n");
        if (end == NULL)
            return;
        if (strncasecmp(line + 2, name, length) == 0 && line[2 + length] == ':') {
            memmove(line + 2, end + 2, strlen(end + 2) + 1);
            head->length = strlen(head->data);
        } else {
            line = end;
        }
    }
}

/* Adds a header line before the empty line. */
static void
head_add(struct buf *head, const char *name, const char *value)
{
    head->length -= 2;
    head->data[head->length] = '\0';
    buf_format(head, "%s: %s\r\n\r\n", name, value);
}

/* Reads a message: the head, then as many bytes as Content-Length says, or with `to_end` all until
 * the peer closes. */
static bool
message_read(int fd, struct message *message, bool to_end, bool bodiless)
{
    struct buf all;
    char part[65536];
    ssize_t got = 1;
    char *end = NULL;
    size_t want = SIZE_MAX;

    buf_init(&all, MESSAGE_MAX);
    while (all.length < want && buf_ok(&all) && (got = read(fd, part, sizeof part)) > 0) {
        buf_put(&all, part, (size_t)got);
        if (end == NULL && (end = memmem(all.data, all.length, "\r\n\r\n", 4)) != NULL) {
            buf_put(&message->head, all.data, (size_t)(end - all.data) + 4);
            const char *length = head_value(&message->head, "Content-Length");
            if (!bodiless && length[0] != '\0')
                want = message->head.length + strtoull(length, NULL, 10);
            else if (bodiless || !to_end)
                want = message->head.length;
        }
    }
    if (message->head.length != 0)
        buf_put(&message->body, all.data + message->head.length, all.length - message->head.length);
    bool whole =
        message->head.length != 0 && (all.length >= want || (want == SIZE_MAX && got == 0));
    buf_free(&all);
    return whole;
}

static bool
write_all(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t put = send(fd, bytes, length, MSG_NOSIGNAL);
        if (put <= 0)
            return false;
        bytes += put;
        length -= (size_t)put;
    }
    return true;
}

/* ---- upstream ---- */

static int
upstream_connect(const char *upstream)
{
    const char *colon = strrchr(upstream, ':');
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10)),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static bool
upstream_ask(const struct options *options, struct message *request, struct message *answer)
{
    int fd = upstream_connect(options->upstream);
    bool head_only = strncmp(request->head.data, "HEAD ", 5) == 0;

    head_drop(&request->head, "Connection");
    head_add(&request->head, "Connection", "close");
    bool good = fd >= 0 && write_all(fd, request->head.data, request->head.length) &&
                write_all(fd, buf_string(&request->body), request->body.length) &&
                message_read(fd, answer, true, head_only);
    if (fd >= 0)
        close(fd);
    if (!good) {
        buf_reset(&answer->head);
        buf_reset(&answer->body);
        buf_text(&answer->head, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n");
    }
    head_drop(&answer->head, "Connection");
    head_add(&answer->head, "Connection", "close");
    return good;
}

/* ---- rules ---- */

/* A number given as name=N in a rule's text, or `absent`. */
static int
rule_number(const char *text, const char *name, int absent)
{
    size_t length = strlen(name);

    for (const char *in = text; (in = strstr(in, name)) != NULL; in += length)
        if (in > text && in[-1] == ' ' && in[length] == '=')
            return (int)strtol(in + length + 1, NULL, 10);
    return absent;
}

/* Counts a match of the rule with this number and text; true when it is to act. */
static bool
rule_acts(struct counters *counters, int number, const char *text)
{
    if (strcmp(counters->rule[number], text) != 0) {
        snprintf(counters->rule[number], RULE_BYTES, "%s", text);
        counters->matches[number] = 0;
    }
    int match = ++counters->matches[number];
    int after = rule_number(text, "after", 0), every = rule_number(text, "every", 1);

    match -= after;
    return match > 0 && match % every == 0 && match / every <= rule_number(text, "times", 1 << 30);
}

/* Finds the rule for a request; action "pass" when there is none. */
static void
rule_find(const struct options *options, struct counters *counters, const char *method,
          const char *target, struct rule *rule)
{
    FILE *file = fopen(options->rules, "re");
    char line[RULE_BYTES], wanted[16], glob[512];

    *rule = (struct rule){ .action = "pass" };
    for (int number = 0; file != NULL && number < RULES_MAX && fgets(line, sizeof line, file);
         number++) {
        int arguments = 0;
        line[strcspn(line, "\r\n")] = '\0';
        if (line[0] == '#' ||
            sscanf(line, "%15s %511s %31s%n", wanted, glob, rule->action, &arguments) != 3) {
            snprintf(rule->action, sizeof rule->action, "pass");
            continue;
        }
        if ((strcmp(wanted, "*") == 0 || strcmp(wanted, method) == 0) &&
            fnmatch(glob, target, 0) == 0 && rule_acts(counters, number, line)) {
            snprintf(rule->arguments, sizeof rule->arguments, "%s", line + arguments);
            break;
        }
        snprintf(rule->action, sizeof rule->action, "pass");
    }
    if (file != NULL)
        fclose(file);
}

/* The first word of a rule's arguments, or what stands behind "name:" in one of them. */
static const char *
rule_argument(const struct rule *rule, const char *name)
{
    static char value[RULE_BYTES];
    const char *start = rule->arguments + strspn(rule->arguments, " ");

    if (name != NULL) {
        start = strstr(rule->arguments, name);
        if (start == NULL)
            return "";
        start += strlen(name);
    }
    snprintf(value, sizeof value, "%.*s", (int)strcspn(start, " "), start);
    return value;
}

/* ---- actions ---- */

/* Holds the connection until the client goes away, or for a minute. */
static void
hold(int client)
{
    struct pollfd wait = { .fd = client, .events = POLLIN };
    char byte;

    while (poll(&wait, 1, HOLD_MS) > 0 && read(client, &byte, 1) > 0)
        continue;
}

static void
answer_status(int client, const struct rule *rule)
{
    struct buf answer;

    buf_init(&answer, 1 << 20);
    buf_format(&answer,
               "HTTP/1.1 %s Fault\r\nContent-Type: application/json\r\nConnection: close\r\n",
               rule_argument(rule, NULL));
    for (const char *in = rule->arguments; (in = strstr(in, "header:")) != NULL; in++) {
        const char *header = in + strlen("header:");
        size_t size = strcspn(header, " "), name = strcspn(header, "=");
        if (name < size)
            buf_format(&answer, "%.*s: %.*s\r\n", (int)name, header, (int)(size - name - 1),
                       header + name + 1);
    }
    buf_text(&answer, "Content-Length: 17\r\n\r\n{\"error\":\"fault\"}");
    write_all(client, answer.data, answer.length);
    buf_free(&answer);
}

static void
answer_redirect(int client, const struct rule *rule, const char *target)
{
    const char *url = rule_argument(rule, NULL), *place = strstr(url, "%p");
    struct buf answer;

    buf_init(&answer, 1 << 16);
    buf_format(
        &answer,
        "HTTP/1.1 302 Found\r\nLocation: %.*s%s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        (int)(place == NULL ? strlen(url) : (size_t)(place - url)), url,
        place == NULL ? "" : target);
    write_all(client, answer.data, answer.length);
    buf_free(&answer);
}

static void
answer_endless(int client)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n";
    char chunk[65536];
    bool good = write_all(client, head, sizeof head - 1);

    memset(chunk, 'x', sizeof chunk);
    for (int i = 0; good && i < 100000; i++)
        good = write_all(client, "10000\r\n", 7) && write_all(client, chunk, sizeof chunk) &&
               write_all(client, "\r\n", 2);
}

/* Puts another body into upstream's answer. */
static void
replace_body(struct message *answer, const struct rule *rule)
{
    char path[RULE_BYTES], part[65536], length[32];
    const char *type;
    size_t got;

    snprintf(path, sizeof path, "%s", rule_argument(rule, "file:"));
    FILE *file = fopen(path, "re");
    buf_reset(&answer->body);
    while (file != NULL && (got = fread(part, 1, sizeof part, file)) > 0)
        buf_put(&answer->body, part, got);
    if (file != NULL)
        fclose(file);
    static const char *const stale[] = { "Content-Length", "Content-Type", "ETag", "X-Linked-Etag",
                                         "X-Linked-Size" };
    for (size_t i = 0; i < sizeof stale / sizeof stale[0]; i++)
        head_drop(&answer->head, stale[i]);
    snprintf(length, sizeof length, "%zu", answer->body.length);
    head_add(&answer->head, "Content-Length", length);
    type = rule_argument(rule, "type:");
    head_add(&answer->head, "Content-Type", type[0] == '\0' ? "application/json" : type);
}

static bool
is(const struct rule *rule, const char *action)
{
    return strcmp(rule->action, action) == 0;
}

/* Answers, by way of upstream, as a rule says. */
static void
answer_upstream(int client, const struct options *options, const struct rule *rule,
                struct message *request)
{
    struct message answer;
    size_t part;

    buf_init(&answer.head, 1 << 20);
    buf_init(&answer.body, MESSAGE_MAX);
    if (is(rule, "norange"))
        head_drop(&request->head, "Range");
    upstream_ask(options, request, &answer);
    if (is(rule, "replace"))
        replace_body(&answer, rule);
    if (is(rule, "corrupt") && answer.body.length != 0)
        answer.body.data[answer.body.length / 2] ^= 1;
    part = answer.body.length;
    if (is(rule, "truncate") || is(rule, "stallbody")) {
        size_t limit = strtoul(rule_argument(rule, NULL), NULL, 10);
        part = limit < part ? limit : part;
    }
    if (!is(rule, "lost") && write_all(client, answer.head.data, answer.head.length) &&
        write_all(client, buf_string(&answer.body), part) && is(rule, "stallbody"))
        hold(client);
    buf_free(&answer.head);
    buf_free(&answer.body);
}

static void
log_request(const struct options *options, const char *method, const char *target,
            const struct rule *rule, const struct buf *head)
{
    struct buf line;
    int fd = options->log == NULL
                 ? -1
                 : open(options->log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0)
        return;
    buf_init(&line, 1 << 16);
    buf_format(&line, "%s %s -> %s", method, target, rule->action);
    buf_format(&line, " auth=%s", head_value(head, "Authorization")[0] == '\0' ? "no" : "yes");
    const char *range = head_value(head, "Range");
    if (range[0] != '\0')
        buf_format(&line, " range=%s", range);
    buf_byte(&line, '\n');
    if (write(fd, line.data, line.length) < 0)
        perror("faultproxy: log");
    close(fd);
    buf_free(&line);
}

static void
serve(int client, const struct options *options, struct counters *counters)
{
    struct message request;
    struct rule rule;
    char method[16], target[4096];
    struct linger linger = { .l_onoff = 1 };

    buf_init(&request.head, 1 << 20);
    buf_init(&request.body, MESSAGE_MAX);
    if (message_read(client, &request, false, false) &&
        sscanf(request.head.data, "%15s %4095s", method, target) == 2) {
        rule_find(options, counters, method, target, &rule);
        log_request(options, method, target, &rule, &request.head);
        if (is(&rule, "status"))
            answer_status(client, &rule);
        else if (is(&rule, "redirect"))
            answer_redirect(client, &rule, target);
        else if (is(&rule, "stall"))
            hold(client);
        else if (is(&rule, "reset"))
            setsockopt(client, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
        else if (is(&rule, "endless"))
            answer_endless(client);
        else if (is(&rule, "garbage"))
            write_all(client, "no HTTP at all\n", 15);
        else
            answer_upstream(client, options, &rule, &request);
    }
    close(client);
    buf_free(&request.head);
    buf_free(&request.body);
}

/* ---- start ---- */

static int
listen_on(int port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
        listen(fd, 64) == 0)
        return fd;
    return -1;
}

/* Writes the port that was got under a temporary name and renames it, so that a reader never sees
 * half of it. */
static bool
tell_port(int fd, const char *path)
{
    struct sockaddr_in address = { 0 };
    socklen_t size = sizeof address;
    struct buf temporary;
    bool good = false;

    buf_init(&temporary, 4096);
    buf_format(&temporary, "%s.new", path);
    FILE *file = fopen(buf_string(&temporary), "we");
    if (file != NULL && getsockname(fd, (struct sockaddr *)&address, &size) == 0) {
        fprintf(file, "%d\n", ntohs(address.sin_port));
        good = fclose(file) == 0 && rename(buf_string(&temporary), path) == 0;
    }
    buf_free(&temporary);
    return good;
}

static bool
options_parse(struct options *options, int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--listen") == 0)
            options->port = (int)strtol(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--upstream") == 0)
            options->upstream = argv[i + 1];
        else if (strcmp(argv[i], "--rules") == 0)
            options->rules = argv[i + 1];
        else if (strcmp(argv[i], "--port-file") == 0)
            options->port_file = argv[i + 1];
        else if (strcmp(argv[i], "--log") == 0)
            options->log = argv[i + 1];
        else
            return false;
    }
    return argc % 2 == 1 && options->upstream != NULL && strchr(options->upstream, ':') != NULL &&
           options->rules != NULL && options->port_file != NULL;
}

int
main(int argc, char **argv)
{
    struct options options = { 0 };
    struct sigaction action = { .sa_handler = on_signal };

    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    if (!options_parse(&options, argc, argv)) {
        fputs("faultproxy: wrong arguments; see --help\n", stderr);
        return EXIT_USAGE;
    }
    struct counters *counters =
        mmap(NULL, sizeof *counters, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int listener = listen_on(options.port);
    if (counters == MAP_FAILED || listener < 0 || !tell_port(listener, options.port_file)) {
        fprintf(stderr, "faultproxy: cannot start: %s\n", strerror(errno));
        return EXIT_SYSTEM;
    }
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGCHLD, SIG_IGN); /* children leave no zombies */
    setpgid(0, 0);            /* so that all of them can be ended together */
    while (!ending) {
        int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (client < 0)
            continue;
        pid_t child = fork();
        if (child == 0) {
            signal(SIGTERM, SIG_DFL);
            signal(SIGINT, SIG_DFL);
            close(listener);
            serve(client, &options, counters);
            _exit(0);
        }
        close(client);
    }
    signal(SIGTERM, SIG_IGN);
    kill(0, SIGTERM);
    return 0;
}
