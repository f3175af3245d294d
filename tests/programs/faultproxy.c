/* faultproxy: an HTTP/1.1 proxy on 127.0.0.1 that misbehaves on purpose, for tests.
 *
 * It stands between a client under test and a server, passes every request on, and does to those
 * that a rule names what the rule says. A process a connection, a request a connection. Bodies are
 * copied piece by piece with the framing that they have; as upstream is told to close the
 * connection, its answer ends where the connection does. */
#include "buf.h"
#include "config.h"
#include "error.h"
#include "file.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

static const char usage[] =
    "usage: faultproxy --upstream ADDRESS:PORT --rules FILE --port-file FILE [--listen PORT]\n"
    "                  [--log FILE]\n"
    "\n"
    "Listens on 127.0.0.1 (PORT 0, the default: a free one), writes the port into the port file\n"
    "when it is ready, and passes requests on to upstream until SIGTERM or SIGINT. The log has a\n"
    "line a request: METHOD TARGET -> ACTION auth=yes|no [range=...].\n"
    "\n"
    "The rules are read anew for each request; the first that acts on it counts. A rule is a\n"
    "line, # begins a comment, 'a word in quotes' may hold blanks:\n"
    "\n"
    "  METHOD GLOB ACTION [ARGUMENT]... [after=N] [every=N] [times=N]\n"
    "\n"
    "METHOD may be *; GLOB matches the target with its query. after: not on the first N matches;\n"
    "every: on each N-th of the others; times: on N of those. The matches are counted anew when\n"
    "the text of the rules changes. Actions:\n"
    "\n"
    "  pass                        as if there were no rule\n"
    "  status CODE [header:NAME=VALUE]... [body:TEXT|bodyfile:PATH] [type:MIME]\n"
    "                              answer so without asking upstream\n"
    "  redirect URL                302; %p in the URL becomes the target\n"
    "  stall                       never answer\n"
    "  reset                       break the connection off (RST)\n"
    "  garbage                     answer what is no HTTP\n"
    "  endless                     200 and a body without end\n"
    "  lost                        let upstream do its work, then close without an answer\n"
    "  replace file:PATH [type:MIME]\n"
    "                              upstream's answer with another body\n"
    "  truncate BYTES              send the head and so much of the body, then close\n"
    "  stallbody BYTES             the same, then hang\n"
    "  slow BYTES_PER_SECOND       send the body slowly\n"
    "  corrupt                     flip a bit in the middle of the body (of its first chunk)\n"
    "  norange                     take a Range header out before passing the request on\n";

enum {
    PIECE_BYTES = 65536,
    HEAD_BYTES = 65536,
    FILE_BYTES = 64 << 20, /* of a body given in a file */
    RULES_BYTES = 65536,
    RULE_BYTES = 4096,
    LINGER_MS = 2000, /* how long a client may take to notice that all has been said */
};

struct settings {
    const char *listen, *upstream, *rules, *port_file, *log;
    uint16_t port;
    struct sockaddr_in address; /* of upstream */
    struct counters *counters;
    int lock; /* the file behind the counters; locked by who counts */
};

struct request {
    struct buf head; /* without the empty line, as every head here */
    char method[16];
    char target[HEAD_BYTES];
};

/* ---- streams and heads ---- */

struct stream {
    int fd;
    size_t start, end; /* what has been read and not been taken yet */
    char bytes[PIECE_BYTES];
};

/* Reads a number that ends where the text or the word does. */
static bool
number_read(const char *text, int base, uint64_t most, uint64_t *number)
{
    char *end;

    errno = 0;
    *number = strtoull(text, &end, base);
    return isxdigit((unsigned char)text[0]) && end != text && errno == 0 && *number <= most &&
           strchr(" \t\r;", *end) != NULL;
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

static bool
write_buf(int fd, const struct buf *buf)
{
    return buf_ok(buf) && write_all(fd, buf_string(buf), buf->length);
}

/* Makes sure that there is something to take; false at the end. */
static bool
stream_fill(struct stream *in)
{
    if (in->start == in->end) {
        ssize_t got = read(in->fd, in->bytes, sizeof in->bytes);
        in->start = 0;
        in->end = got > 0 ? (size_t)got : 0;
    }
    return in->start < in->end;
}

/* Appends a line, which then ends with "\r\n" however it ended. */
static bool
stream_line(struct stream *in, struct buf *line)
{
    char byte = '\0';

    while (byte != '\n' && buf_ok(line) && stream_fill(in))
        if ((byte = in->bytes[in->start++]) != '\r' && byte != '\n')
            buf_byte(line, byte);
    buf_text(line, "\r\n");
    return byte == '\n' && buf_ok(line);
}

/* What is done to a body on its way. */
struct twist {
    uint64_t left; /* bytes that may still pass, UINT64_MAX for all */
    uint64_t rate; /* bytes a second, 0 for no limit */
    bool corrupt;  /* whether a bit is still to be flipped */
};

/* Copies `length` bytes (UINT64_MAX: all until the end) to a socket, or with -1 nowhere. False when
 * not all of them passed. */
static bool
stream_copy(struct stream *in, int to, uint64_t length, struct twist *twist)
{
    uint64_t done = 0, step = twist->rate == 0 ? PIECE_BYTES : twist->rate / 10 + 1;

    while (done < length && twist->left > 0 && stream_fill(in)) {
        char *bytes = in->bytes + in->start;
        uint64_t size = in->end - in->start;
        size = size < step ? size : step;
        size = size < length - done ? size : length - done;
        size = size < twist->left ? size : twist->left;
        uint64_t middle = (length == UINT64_MAX ? size : length) / 2;
        if (twist->corrupt && middle < done + size) {
            bytes[middle - done] ^= 1;
            twist->corrupt = false;
        }
        if (to >= 0 && !write_all(to, bytes, size))
            return false;
        in->start += size;
        done += size;
        if (twist->left != UINT64_MAX)
            twist->left -= size;
        if (twist->rate != 0)
            usleep((useconds_t)(size * 1000000 / twist->rate));
    }
    return done == length;
}

/* Reads a head and the empty line behind it, which is not kept. */
static bool
head_read(struct stream *in, struct buf *head)
{
    size_t start;
    bool good;

    do
        start = head->length;
    while ((good = stream_line(in, head)) && head->length != start + 2);
    if (good)
        head->data[head->length = start] = '\0';
    return good && start != 0;
}

/* The header behind this line, NULL behind the last. */
static const char *
line_next(const char *line)
{
    line = strstr(line, "\r\n");
    return line == NULL || line[2] == '\0' ? NULL : line + 2;
}

/* A header's value, which ends at '\r', or NULL. */
static const char *
head_find(const struct buf *head, const char *name)
{
    size_t length = strlen(name);

    for (const char *line = line_next(buf_string(head)); line != NULL; line = line_next(line))
        if (strncasecmp(line, name, length) == 0 && line[length] == ':')
            return line + length + 1 + strspn(line + length + 1, " \t");
    return NULL;
}

/* Copies the body behind a head with the framing that it has; `size` is its length where the head
 * says nothing. False when not all of it passed. */
static bool
body_copy(struct stream *in, int to, const struct buf *head, uint64_t size, struct twist *twist)
{
    const char *length = head_find(head, "Content-Length");
    const char *coding = head_find(head, "Transfer-Encoding");
    struct twist none = { .left = UINT64_MAX };
    struct buf line;
    bool good;

    if (coding == NULL || strncasecmp(coding, "chunked", 7) != 0)
        return (length == NULL || number_read(length, 10, INT64_MAX, &size)) &&
               stream_copy(in, to, size, twist);
    buf_init(&line, HEAD_BYTES);
    do {
        buf_reset(&line);
        good = stream_line(in, &line) && number_read(line.data, 16, INT64_MAX, &size) &&
               write_buf(to, &line) &&
               (size == 0 || (stream_copy(in, to, size, twist) && stream_copy(in, to, 2, &none)));
    } while (good && size != 0);
    do { /* the trailer ends with an empty line */
        buf_reset(&line);
        good = good && stream_line(in, &line) && write_buf(to, &line);
    } while (good && line.length > 2);
    buf_free(&line);
    return good;
}

static bool
name_matches(const char *name, const char *const *globs)
{
    while (*globs != NULL && fnmatch(*globs, name, FNM_CASEFOLD) != 0)
        globs++;
    return *globs != NULL;
}

/* Begins a head with that of the other side, without what concerns one connection alone (but the
 * framing, which stays) and without what `dropped` names: globs, NULL at the end. */
static void
head_begin(struct buf *out, const struct buf *head, const char *const *dropped)
{
    static const char *const hop_by_hop[] = { "Connection", "Keep-Alive", "Proxy-*",        "TE",
                                              "Trailer",    "Upgrade",    "HTTP2-Settings", NULL };
    const char *line = buf_string(head);

    buf_put(out, line, strcspn(line, "\r") + 2);
    while ((line = line_next(line)) != NULL) {
        char name[128];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(line, ":\r"), line);
        if (!name_matches(name, hop_by_hop) && !name_matches(name, dropped))
            buf_put(out, line, strcspn(line, "\r") + 2);
    }
}

/* Reads what the client still sends until it goes away or is silent for so long (-1: for ever). */
static void
drain(int client, int timeout_ms)
{
    struct pollfd wait = { .fd = client, .events = POLLIN };
    char bytes[4096];

    while (poll(&wait, 1, timeout_ms) > 0 && read(client, bytes, sizeof bytes) > 0)
        continue;
}

/* ---- rules ---- */

/* What an action takes: a first argument that is a number from `least` to `most`, or a text, and
 * further ones with these prefixes. */
static const struct action {
    const char *name, *prefixes;
    uint64_t least, most;
    bool text;
} actions[] = {
    { .name = "pass" }, /* the first: what is done when no rule acts */
    { .name = "status", .least = 200, .most = 999, .prefixes = " header: body: bodyfile: type:" },
    { .name = "redirect", .text = true },
    { .name = "stall" },
    { .name = "reset" },
    { .name = "garbage" },
    { .name = "endless" },
    { .name = "lost" },
    { .name = "replace", .prefixes = " file: type:" },
    { .name = "truncate", .most = INT64_MAX },
    { .name = "stallbody", .most = INT64_MAX },
    { .name = "slow", .least = 1, .most = 1 << 30 },
    { .name = "corrupt" },
    { .name = "norange" },
    { .name = NULL },
};

struct rule {
    const struct action *action;
    uint64_t number, times, after, every;
    size_t count;
    const char *words[RULE_BYTES / 2]; /* method, glob, action, arguments; they point into `line` */
    char line[RULE_BYTES];
};

/* How often the rules of a text have matched, by the place in it where they begin; shared by all
 * processes. */
struct counters {
    size_t length;
    char text[RULES_BYTES];
    uint64_t matches[RULES_BYTES];
};

static bool
is(const struct rule *rule, const char *action)
{
    return strcmp(rule->action->name, action) == 0;
}

/* What stands behind a prefix in the argument at *index or later, NULL when no more has it. */
static const char *
rule_next(const struct rule *rule, const char *prefix, size_t *index)
{
    while (*index < rule->count) {
        const char *word = rule->words[(*index)++];
        if (strncmp(word, prefix, strlen(prefix)) == 0)
            return word + strlen(prefix);
    }
    return NULL;
}

static const char *
rule_value(const struct rule *rule, const char *prefix, const char *otherwise)
{
    size_t index = 3;
    const char *value = rule_next(rule, prefix, &index);

    return value == NULL ? otherwise : value;
}

/* True when the rule's action takes this word as the argument at `index`. */
static bool
rule_takes(struct rule *rule, size_t index)
{
    const char *word = rule->words[index], *prefixes = rule->action->prefixes;
    char prefix[16];

    if (index == 3 && rule->action->most != 0)
        return number_read(word, 10, rule->action->most, &rule->number) &&
               rule->number >= rule->action->least;
    if (index == 3 && rule->action->text)
        return true;
    if (strncmp(word, "times=", 6) == 0)
        return number_read(word + 6, 10, INT64_MAX, &rule->times);
    if (strncmp(word, "after=", 6) == 0)
        return number_read(word + 6, 10, INT64_MAX, &rule->after);
    if (strncmp(word, "every=", 6) == 0)
        return number_read(word + 6, 10, INT64_MAX, &rule->every) && rule->every != 0;
    snprintf(prefix, sizeof prefix, " %.*s", (int)strcspn(word, ":") + 1, word);
    return prefixes != NULL && strchr(word, ':') != NULL && strstr(prefixes, prefix) != NULL;
}

/* Reads a rule, without words when the line is empty. A mistake must not go unnoticed: a test would
 * pass for want of its fault. */
static bool
rule_read(struct rule *rule, const char *line, size_t length, struct error *why)
{
    size_t taken = 3;

    *rule = (struct rule){ .action = actions, .times = UINT64_MAX, .every = 1 };
    snprintf(rule->line, sizeof rule->line, "%.*s", (int)length, line);
    for (char *at = rule->line; *(at += strspn(at, " \t\r")) != '\0' && *at != '#';) {
        bool quoted = *at == '\'';
        rule->words[rule->count++] = at + quoted;
        at += quoted + strcspn(at + quoted, quoted ? "'" : " \t\r");
        if (*at != '\0')
            *at++ = '\0';
    }
    if (rule->count == 0)
        return true;
    while (rule->count >= 3 && rule->action->name != NULL && !is(rule, rule->words[2]))
        rule->action++;
    if (rule->count < 3 || rule->action->name == NULL || length >= sizeof rule->line) {
        error_set(why, "no rule, or too long a one: %.*s", (int)length, line);
        return false;
    }
    while (taken < rule->count && rule_takes(rule, taken))
        taken++;
    if (taken < rule->count)
        error_set(why, "%s does not take '%s'", rule->action->name, rule->words[taken]);
    else if ((rule->count == 3 && (rule->action->most != 0 || rule->action->text)) ||
             (is(rule, "replace") && rule_value(rule, "file:", NULL) == NULL))
        error_set(why, "%s needs an argument", rule->action->name);
    else
        return true;
    return false;
}

/* Finds the rule that acts on a request, "pass" when none does, and counts the matches. False with
 * `why` when the rules are wrong. */
static bool
rules_find(const struct settings *settings, const struct request *request, struct rule *rule,
           struct error *why)
{
    struct counters *counters = settings->counters;
    bool good = true, found = false;
    struct buf text;

    buf_init(&text, RULES_BYTES);
    if (access(settings->rules, F_OK) == 0)
        good = file_read(settings->rules, &text, why);
    const char *next = buf_string(&text);
    lockf(settings->lock, F_LOCK, 0);
    if (counters->length != text.length || memcmp(counters->text, next, text.length) != 0) {
        memset(counters, 0, sizeof *counters);
        counters->length = text.length;
        memcpy(counters->text, next, text.length);
    }
    while (good && !found && *next != '\0') {
        uint64_t *matches = &counters->matches[next - text.data];
        size_t length = strcspn(next, "\n");
        good = rule_read(rule, next, length, why);
        next += length + (next[length] == '\n');
        if (good && rule->count != 0 &&
            (strcmp(rule->words[0], "*") == 0 || strcmp(rule->words[0], request->method) == 0) &&
            fnmatch(rule->words[1], request->target, 0) == 0 && ++*matches > rule->after) {
            uint64_t match = *matches - rule->after;
            found = match % rule->every == 0 && match / rule->every <= rule->times;
        }
    }
    lockf(settings->lock, F_ULOCK, 0);
    if (!found)
        *rule = (struct rule){ .action = actions };
    buf_free(&text);
    return good;
}

/* ---- answers ---- */

/* Ends a head and sends it with a body of our own. */
static void
answer(int client, const struct request *request, struct buf *head, const char *type,
       const struct buf *body)
{
    buf_format(head, "Content-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", type,
               body->length);
    if (write_buf(client, head) && strcmp(request->method, "HEAD") != 0)
        write_buf(client, body);
}

/* Answers that the proxy itself, not the one behind it, has something to say. */
static void
answer_error(int client, const struct request *request, unsigned code, const char *text)
{
    struct buf head, body;

    buf_init(&head, HEAD_BYTES);
    buf_init(&body, HEAD_BYTES);
    buf_format(&head, "HTTP/1.1 %u Proxy\r\n", code);
    buf_format(&body, "faultproxy: %s\n", text);
    answer(client, request, &head, "text/plain", &body);
    buf_free(&head);
    buf_free(&body);
}

/* Answers with a body from a file, where the rule names one, or a text. */
static void
answer_rule(int client, const struct request *request, const struct rule *rule, struct buf *head,
            const char *prefix)
{
    const char *file = rule_value(rule, prefix, NULL);
    struct buf body;
    struct error why;

    buf_init(&body, FILE_BYTES);
    if (file == NULL && rule->number != 204 && rule->number != 304)
        buf_text(&body, rule_value(rule, "body:", "{\"error\":\"fault\"}"));
    if (file != NULL && !file_read(file, &body, &why))
        answer_error(client, request, 500, why.text);
    else
        answer(client, request, head, rule_value(rule, "type:", "application/json"), &body);
    buf_free(&body);
}

static void
answer_status(int client, const struct request *request, const struct rule *rule)
{
    const char *header;
    struct buf head;
    size_t index = 3;

    buf_init(&head, HEAD_BYTES);
    buf_format(&head, "HTTP/1.1 %u Fault\r\n", (unsigned)rule->number);
    while ((header = rule_next(rule, "header:", &index)) != NULL) {
        size_t name = strcspn(header, "=");
        buf_format(&head, "%.*s: %s\r\n", (int)name, header, header + name + (header[name] == '='));
    }
    answer_rule(client, request, rule, &head, "bodyfile:");
    buf_free(&head);
}

static void
answer_redirect(int client, const struct request *request, const struct rule *rule)
{
    const char *url = rule_value(rule, "", "");
    struct buf head;

    buf_init(&head, 2 * HEAD_BYTES);
    buf_text(&head, "HTTP/1.1 302 Fault\r\nLocation: ");
    for (const char *place; (place = strstr(url, "%p")) != NULL; url = place + 2) {
        buf_put(&head, url, (size_t)(place - url));
        buf_text(&head, request->target);
    }
    buf_format(&head, "%s\r\n", url);
    answer_rule(client, request, rule, &head, "bodyfile:");
    buf_free(&head);
}

static void
answer_endless(int client, const struct request *request)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
                               "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    char piece[PIECE_BYTES];
    bool good = write_all(client, head, sizeof head - 1) && strcmp(request->method, "HEAD") != 0;

    memset(piece, 'x', sizeof piece);
    while (good)
        good = write_all(client, "10000\r\n", 7) && write_all(client, piece, sizeof piece) &&
               write_all(client, "\r\n", 2);
}

/* ---- what goes by way of upstream ---- */

/* Sends the request and reads the answer's head; false when there is none. */
static bool
upstream_ask(struct stream *upstream, struct stream *client, const struct request *request,
             const struct rule *rule, struct buf *answer_head)
{
    const char *const dropped[] = { "Expect", is(rule, "norange") ? "Range" : NULL, NULL };
    struct twist none = { .left = UINT64_MAX };
    unsigned code = 0;
    struct buf head;
    bool good;

    buf_init(&head, 2 * HEAD_BYTES);
    head_begin(&head, &request->head, dropped);
    buf_text(&head, "Connection: close\r\n\r\n");
    if (head_find(&request->head, "Expect") != NULL)
        write_all(client->fd, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    /* An upstream that takes no more of a request may have answered it already. */
    if (!write_buf(upstream->fd, &head) ||
        !body_copy(client, upstream->fd, &request->head, 0, &none))
        shutdown(upstream->fd, SHUT_WR);
    buf_free(&head);
    do {
        buf_reset(answer_head);
        good = head_read(upstream, answer_head) &&
               sscanf(buf_string(answer_head), "HTTP/%*s %3u", &code) == 1;
    } while (good && code < 200);
    return good;
}

/* Passes upstream's answer on as the rule says. */
static void
upstream_answer(struct stream *upstream, int client, const struct request *request,
                const struct rule *rule, const struct buf *theirs)
{
    static const char *const none[] = { NULL };
    static const char *const stale[] = { "Content-*", "Transfer-Encoding", "ETag", "X-Linked-*",
                                         NULL };
    bool cut = is(rule, "truncate") || is(rule, "stallbody");
    struct twist twist = { .left = cut ? rule->number : UINT64_MAX,
                           .rate = is(rule, "slow") ? rule->number : 0,
                           .corrupt = is(rule, "corrupt") };
    struct buf head;

    buf_init(&head, 2 * HEAD_BYTES);
    if (is(rule, "lost") || is(rule, "replace")) {
        stream_copy(upstream, -1, UINT64_MAX, &twist);
        if (is(rule, "replace")) {
            head_begin(&head, theirs, stale);
            answer_rule(client, request, rule, &head, "file:");
        }
    } else {
        head_begin(&head, theirs, none);
        buf_text(&head, "Connection: close\r\n\r\n");
        if (write_buf(client, &head))
            body_copy(upstream, client, theirs, UINT64_MAX, &twist);
        if (is(rule, "stallbody"))
            drain(client, -1);
    }
    buf_free(&head);
}

static void
pass_on(const struct settings *settings, struct stream *client, const struct request *request,
        const struct rule *rule)
{
    struct stream upstream = { .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
    struct buf head;

    buf_init(&head, HEAD_BYTES);
    if (connect(upstream.fd, (const struct sockaddr *)&settings->address,
                sizeof settings->address) != 0)
        answer_error(client->fd, request, 502, "upstream cannot be reached");
    else if (!upstream_ask(&upstream, client, request, rule, &head))
        answer_error(client->fd, request, 502, "upstream did not answer");
    else
        upstream_answer(&upstream, client->fd, request, rule, &head);
    close(upstream.fd);
    buf_free(&head);
}

/* ---- a connection ---- */

/* Writes the request's line, before the fault: who has seen that finds the line. */
static void
log_request(const struct settings *settings, const struct request *request, const char *action)
{
    const char *found = head_find(&request->head, "Range"), *range = found == NULL ? "" : found;
    bool known = head_find(&request->head, "Authorization") != NULL;

    if (settings->log == NULL)
        return;
    int fd = open(settings->log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || dprintf(fd, "%s %s -> %s auth=%s%s%.*s\n", request->method, request->target,
                          action, known ? "yes" : "no",
                          found == NULL ? "" : " range=", (int)strcspn(range, "\r"), range) < 0)
        perror("faultproxy: log");
    if (fd >= 0)
        close(fd);
}

static void
serve_request(const struct settings *settings, struct stream *client, const struct request *request)
{
    const struct linger at_once = { .l_onoff = 1 };
    struct rule rule;
    struct error why;

    if (!rules_find(settings, request, &rule, &why)) {
        fprintf(stderr, "faultproxy: %s: %s\n", settings->rules, why.text);
        log_request(settings, request, "mistake");
        answer_error(client->fd, request, 500, why.text);
        return;
    }
    log_request(settings, request, rule.action->name);
    if (is(&rule, "status"))
        answer_status(client->fd, request, &rule);
    else if (is(&rule, "redirect"))
        answer_redirect(client->fd, request, &rule);
    else if (is(&rule, "stall"))
        drain(client->fd, -1);
    else if (is(&rule, "endless"))
        answer_endless(client->fd, request);
    else if (is(&rule, "garbage"))
        write_all(client->fd, "\x16\x03 this is no HTTP\n", 19);
    else if (!is(&rule, "reset"))
        pass_on(settings, client, request, &rule);
    else if (setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0)
        _exit(0);
}

static void
serve(const struct settings *settings, int fd)
{
    struct stream client = { .fd = fd };
    struct request request = { .method = "" };
    int on = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    buf_init(&request.head, HEAD_BYTES);
    if (head_read(&client, &request.head) &&
        sscanf(buf_string(&request.head), "%15s %65535s HTTP/1.", request.method, request.target) ==
            2)
        serve_request(settings, &client, &request);
    else if (request.head.length != 0)
        answer_error(fd, &request, 400, "no HTTP request");
    buf_free(&request.head);
    /* Closing while something is unread would be a reset, which can overtake the answer. */
    shutdown(fd, SHUT_WR);
    drain(fd, LINGER_MS);
}

/* ---- start ---- */

static bool
settings_parse(struct settings *settings, int argc, char **argv)
{
    const struct {
        const char *name, **value;
    } options[] = { { "--listen", &settings->listen },
                    { "--upstream", &settings->upstream },
                    { "--rules", &settings->rules },
                    { "--port-file", &settings->port_file },
                    { "--log", &settings->log } };
    size_t count = sizeof options / sizeof options[0], found;
    char host[64];

    for (int i = 1; i < argc; i += 2) {
        for (found = 0; found < count && strcmp(argv[i], options[found].name) != 0; found++)
            continue;
        if (found == count || i + 1 == argc)
            return false;
        *options[found].value = argv[i + 1];
    }
    uint64_t port, upstream_port;
    const char *colon = settings->upstream == NULL ? NULL : strrchr(settings->upstream, ':');
    if (colon == NULL || settings->rules == NULL || settings->port_file == NULL ||
        !number_read(settings->listen, 10, UINT16_MAX, &port) ||
        !number_read(colon + 1, 10, UINT16_MAX, &upstream_port))
        return false;
    settings->port = (uint16_t)port;
    settings->address =
        (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)upstream_port) };
    snprintf(host, sizeof host, "%.*s", (int)(colon - settings->upstream), settings->upstream);
    return inet_pton(AF_INET, host, &settings->address.sin_addr) == 1;
}

/* Makes the memory that all processes count in. */
static bool
counters_make(struct settings *settings)
{
    size_t size = sizeof *settings->counters;

    settings->lock = memfd_create("counters", MFD_CLOEXEC);
    if (settings->lock < 0 || ftruncate(settings->lock, (off_t)size) != 0)
        return false;
    settings->counters = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, settings->lock, 0);
    return settings->counters != MAP_FAILED;
}

/* Listens and tells the port; the socket, or -1. */
static int
listen_on(uint16_t port, const char *port_file)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
    char text[16];

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, SOMAXCONN) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        return -1;
    snprintf(text, sizeof text, "%u\n", ntohs(address.sin_port));
    return file_publish(port_file, text, strlen(text), NULL) ? fd : -1;
}

/* Serves each connection in a process of its own until a signal can be read. */
static void
accept_all(const struct settings *settings, int listener, int signals)
{
    struct pollfd wait[] = { { .fd = signals, .events = POLLIN },
                             { .fd = listener, .events = POLLIN } };
    pid_t self = getpid();

    while (poll(wait, 2, -1) > 0 && wait[0].revents == 0) {
        int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (client >= 0 && fork() == 0) {
            /* Whoever stalls must end with the proxy. */
            if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == self) {
                close(listener);
                serve(settings, client);
            }
            _exit(0);
        }
        if (client >= 0)
            close(client);
    }
}

int
main(int argc, char **argv)
{
    struct settings settings = { .listen = "0" };
    sigset_t ending;

    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    if (!settings_parse(&settings, argc, argv)) {
        fputs("faultproxy: wrong arguments; see faultproxy --help\n", stderr);
        return EXIT_USAGE;
    }
    sigemptyset(&ending);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGINT);
    sigprocmask(SIG_BLOCK, &ending, NULL);
    signal(SIGCHLD, SIG_IGN); /* nobody waits for the processes */
    int signals = signalfd(-1, &ending, SFD_CLOEXEC), listener = -1;
    if (signals < 0 || !counters_make(&settings) ||
        (listener = listen_on(settings.port, settings.port_file)) < 0) {
        fprintf(stderr, "faultproxy: cannot start: %s\n", strerror(errno));
        return EXIT_SYSTEM;
    }
    accept_all(&settings, listener, signals);
    return 0;
}
