/* program: the FastCGI programs themselves, under a fuzzer.
 *
 * Each runs its own main() in a thread, which never ends; this file is the libfcgi that they are
 * linked with. An input is a request as it looks on the wire (lines may end with '\n' alone), and
 * what comes back is held against what every answer promises. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include "fuzz.h"

#include <errno.h>
#include <fcgiapp.h>
#include <jansson.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <strings.h>
#include <sys/eventfd.h>

typedef int program_main(int argc, char **argv);

enum { PROGRAM_PREFIXES = 8, PROGRAM_HEADERS = 48, PROGRAM_TEXT = 96 * 1024 };

struct program {
    const char *prefixes[PROGRAM_PREFIXES]; /* of the paths that it answers */
    program_main *main;
    bool started, taken; /* … a request */
    pthread_t thread;
    sem_t asked, answered;
    char *environment[PROGRAM_HEADERS + 8]; /* into `text` */
    struct buf text;
    const char *body;
    size_t left; /* of the body */
    struct buf head, answer;
};

/* The program that runs in this thread. */
static _Thread_local struct program *self;

/* ---- libfcgi ---- */

int
FCGX_Init(void)
{
    return 0;
}

int
FCGX_IsCGI(void)
{
    return 0;
}

int
FCGX_InitRequest(FCGX_Request *request, int socket, int flags)
{
    (void)socket;
    (void)flags;
    memset(request, 0, sizeof *request);
    return 0;
}

int
FCGX_Accept_r(FCGX_Request *request)
{
    /* Nobody else asks while an answer is put off. */
    if (self->taken && self->head.length == 0)
        return -EAGAIN;
    self->taken = true;
    sem_post(&self->answered);
    while (sem_wait(&self->asked) != 0)
        continue;
    request->envp = self->environment;
    return 0;
}

void
FCGX_Finish_r(FCGX_Request *request)
{
    (void)request;
}

void
FCGX_Free(FCGX_Request *request, int close)
{
    (void)request;
    (void)close;
}

int
FCGX_GetStr(char *out, int room, FCGX_Stream *stream)
{
    size_t length = self->left < (size_t)room ? self->left : (size_t)room;

    (void)stream;
    memcpy(out, self->body, length);
    self->body += length;
    self->left -= length;
    return (int)length;
}

int
FCGX_GetChar(FCGX_Stream *stream)
{
    char c;

    return FCGX_GetStr(&c, 1, stream) == 1 ? (unsigned char)c : EOF;
}

int
FCGX_Detach(FCGX_Request *request)
{
    (void)request;
    return 0;
}

/* The head comes first and as a whole. */
int
FCGX_PutStr(const char *text, int length, FCGX_Stream *stream)
{
    (void)stream;
    buf_put(self->head.length == 0 ? &self->head : &self->answer, text, (size_t)length);
    return length;
}

/* ---- asking ---- */

static void *
program_thread(void *context)
{
    char name[] = "fuzz", *arguments[] = { name, NULL };

    self = context;
    promise(self->main(1, arguments) == 0 && false, "a program goes on");
    return NULL;
}

static void
program_start(struct program *program)
{
    sigset_t all, before;

    program->started = true;
    buf_init(&program->text, PROGRAM_TEXT);
    buf_init(&program->head, SIZE_MAX / 4);
    buf_init(&program->answer, SIZE_MAX / 4);
    sem_init(&program->asked, 0, 0);
    sem_init(&program->answered, 0, 0);
    /* A request is always there to be accepted. */
    dup2(eventfd(1, EFD_CLOEXEC), STDIN_FILENO);
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    promise(pthread_create(&program->thread, NULL, program_thread, program) == 0, "a thread");
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    while (sem_wait(&program->answered) != 0)
        continue;
}

/* A line of the input, which ends at '\n', "\r\n" or NUL: lighttpd lets none of them through. */
static size_t
line_length(const char *line, size_t left, size_t *taken)
{
    const char *end = memchr(line, '\n', left);
    size_t length = end == NULL ? left : (size_t)(end - line);

    *taken = end == NULL ? left : length + 1;
    length = strnlen(line, length);
    return length > 0 && line[length - 1] == '\r' ? length - 1 : length;
}

/* A header as FastCGI's parameters have it: NAME=value. */
static void
put_parameter(struct buf *out, const char *line, size_t length)
{
    size_t name = strcspn(line, ":"), value = name + 1;
    bool content = (name == 12 && strncasecmp(line, "Content-Type", name) == 0) ||
                   (name == 14 && strncasecmp(line, "Content-Length", name) == 0);

    buf_text(out, content ? "" : "HTTP_");
    for (size_t i = 0; i < name; i++)
        buf_byte(out, (char)(line[i] == '-'                     ? '_'
                             : line[i] >= 'a' && line[i] <= 'z' ? line[i] - 0x20
                                                                : line[i]));
    buf_byte(out, '=');
    while (value < length && (line[value] == ' ' || line[value] == '\t'))
        value++;
    if (value < length)
        buf_put(out, line + value, length - value);
}

/* Lays the parameters out one after the other; false when the input has too many. */
static bool
program_read(struct program *program, const char *bytes, size_t length)
{
    size_t taken, size = line_length(bytes, length, &taken), starts[PROGRAM_HEADERS + 8], count = 0;
    const char *space = memchr(bytes, ' ', size);
    struct buf *text = &program->text;
    bool declared = false;

    buf_reset(text);
    starts[count++] = text->length;
    buf_text(text, "REMOTE_ADDR=10.1.2.3");
    buf_byte(text, '\0');
    starts[count++] = text->length;
    buf_text(text, "REQUEST_METHOD=");
    buf_put(text, bytes, space == NULL ? size : (size_t)(space - bytes));
    buf_byte(text, '\0');
    starts[count++] = text->length;
    buf_text(text, "REQUEST_URI=");
    if (space != NULL) {
        const char *end = memchr(space + 1, ' ', size - (size_t)(space + 1 - bytes));
        buf_put(text, space + 1, (size_t)((end == NULL ? bytes + size : end) - (space + 1)));
    }
    buf_byte(text, '\0');
    for (bytes += taken, length -= taken; length > 0; bytes += taken, length -= taken) {
        char line[4096];
        size = line_length(bytes, length, &taken);
        if (size == 0)
            break;
        if (count == PROGRAM_HEADERS || size >= sizeof line)
            return false;
        memcpy(line, bytes, size);
        line[size] = '\0';
        declared |= strncasecmp(line, "Content-Length:", 15) == 0;
        starts[count++] = text->length;
        put_parameter(text, line, size);
        buf_byte(text, '\0');
    }
    program->body = bytes + (length == 0 ? 0 : taken);
    program->left = length - (length == 0 ? 0 : taken);
    if (!declared) {
        starts[count++] = text->length;
        buf_format(text, "CONTENT_LENGTH=%zu", program->left);
        buf_byte(text, '\0');
    }
    if (!buf_ok(text))
        return false;
    for (size_t i = 0; i < count; i++)
        program->environment[i] = text->data + starts[i];
    program->environment[count] = NULL;
    return true;
}

/* What every answer promises: a status that is not the program's own fault, lines that end where
 * they seem to, and JSON where it says so. */
static void
program_check(const struct program *program)
{
    const char *head = buf_string(&program->head), *body = buf_string(&program->answer);
    size_t length = program->head.length;

    promise(strncmp(head, "Status: ", 8) == 0 && strncmp(head + 8, "500", 3) != 0, head);
    for (size_t i = 0; i < length; i++)
        promise(((unsigned char)head[i] >= 0x20 && head[i] != 0x7f) ||
                    (head[i] == '\r' && head[i + 1] == '\n') ||
                    (head[i] == '\n' && i > 0 && head[i - 1] == '\r'),
                "lines of a head");
    const char *end = strstr(head, "\r\n\r\n");
    promise(end == head + length - 4, "a head has one end");
    if (strstr(head, "\r\nContent-Type: application/json\r\n") != NULL &&
        strstr(head, "\r\nContent-Encoding: ") == NULL && program->answer.length != 0) {
        json_t *value = json_loadb(body, program->answer.length, JSON_ALLOW_NUL, NULL);
        promise(value != NULL, "JSON");
        json_decref(value);
    }
}

static bool
program_answers(const struct program *program, const char *path)
{
    for (size_t i = 0; i < PROGRAM_PREFIXES && program->prefixes[i] != NULL; i++)
        if (strncmp(path, program->prefixes[i], strlen(program->prefixes[i])) == 0)
            return true;
    return false;
}

/* Asks the first of the programs that has a prefix of the path; the last one has "". */
static void
program_ask(struct program *program, const char *bytes, size_t length)
{
    const char *space = memchr(bytes, ' ', length);
    char path[64] = "";

    if (space != NULL)
        memcpy(path, space + 1,
               (size_t)(bytes + length - space) < sizeof path ? (size_t)(bytes + length - space) - 1
                                                              : sizeof path - 1);
    while (!program_answers(program, path))
        program++;
    if (!program->started)
        program_start(program);
    if (!program_read(program, bytes, length))
        return;
    buf_reset(&program->head);
    buf_reset(&program->answer);
    sem_post(&program->asked);
    while (sem_wait(&program->answered) != 0)
        continue;
    program_check(program);
}

#endif
