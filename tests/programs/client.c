/* client: the HTTP clients that the benchmark needs beside wrk, of 127.0.0.1.
 *
 *   client first PORT PATH COMMAND [ARGUMENT…]
 *       starts the command, asks until an answer is 200, prints the milliseconds since the start,
 * and ends the command with SIGTERM. client idle PORT PATH COUNT opens as many connections, gets
 * one answer over each, prints how many there are, holds them until standard input ends, and prints
 * how many the server still holds.
 *
 * Exit: 0 done, 1 it could not be done, 100 wrong use. */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_USAGE = 100, PATIENCE_MS = 60000, CONNECTIONS_MAX = 60000 };

static double
now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static long
number(const char *text, long max)
{
    char *end;
    long value = strtol(text, &end, 10);

    if (end == text || *end != '\0' || value < 1 || value > max)
        errx(EXIT_USAGE, "not a number from 1 to %ld: %s", max, text);
    return value;
}

/* Sends a request over a new connection. Returns it, or -1. */
static int
ask(long port, const char *method, const char *path)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((in_port_t)port) };
    char request[1024];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int length = snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
                          method, path);
    if (length < 0 || (size_t)length >= sizeof request)
        errx(EXIT_USAGE, "the path is too long");
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
        send(fd, request, (size_t)length, MSG_NOSIGNAL) == length)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* Reads the head of an answer, which has no body or whose body does not matter. True when it is a
 * 200. */
static int
answered(int fd)
{
    char head[4096];
    size_t length = 0;
    ssize_t got;

    do {
        got = recv(fd, head + length, sizeof head - 1 - length, 0);
        if (got <= 0)
            return 0;
        length += (size_t)got;
        head[length] = '\0';
    } while (strstr(head, "\r\n\r\n") == NULL && length < sizeof head - 1);
    return strncmp(head, "HTTP/1.1 200 ", 13) == 0;
}

static int
first(long port, const char *path, char **command)
{
    const struct timespec pause = { .tv_nsec = 500000 };
    const double start = now_ms();
    int status, good = 0;
    pid_t pid = fork();

    if (pid < 0)
        err(EXIT_FAILURE, "fork");
    if (pid == 0) {
        execvp(command[0], command);
        err(EXIT_FAILURE, "%s", command[0]);
    }
    while (!good && now_ms() - start < PATIENCE_MS && waitpid(pid, &status, WNOHANG) == 0) {
        int fd = ask(port, "GET", path);
        good = fd >= 0 && answered(fd);
        if (fd >= 0)
            close(fd);
        if (!good)
            nanosleep(&pause, NULL); /* a port that nobody listens on cannot be waited for */
    }
    double ms = now_ms() - start;
    if (kill(pid, SIGTERM) == 0)
        waitpid(pid, &status, 0);
    if (!good)
        errx(EXIT_FAILURE, "no answer 200 of %s", path);
    printf("%.1f\n", ms);
    return EXIT_SUCCESS;
}

static int
idle(long port, const char *path, size_t count)
{
    int *connections = calloc(count, sizeof *connections);
    struct rlimit files;
    size_t held = 0;
    char byte;

    if (connections == NULL || getrlimit(RLIMIT_NOFILE, &files) != 0)
        err(EXIT_FAILURE, "idle");
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    for (size_t i = 0; i < count; i++) {
        connections[i] = ask(port, "HEAD", path);
        if (connections[i] < 0 || !answered(connections[i]))
            err(EXIT_FAILURE, "connection %zu of %zu", i + 1, count);
    }
    printf("%zu\n", count);
    fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0)
        continue;
    /* One that the server has closed has its end to read. */
    for (size_t i = 0; i < count; i++) {
        if (recv(connections[i], &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN)
            held++;
        close(connections[i]);
    }
    free(connections);
    printf("%zu\n", held);
    return EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
    if (argc >= 5 && strcmp(argv[1], "first") == 0)
        return first(number(argv[2], 65535), argv[3], argv + 4);
    if (argc == 5 && strcmp(argv[1], "idle") == 0)
        return idle(number(argv[2], 65535), argv[3], (size_t)number(argv[4], CONNECTIONS_MAX));
    fputs("usage: client first PORT PATH COMMAND [ARGUMENT…]\n"
          "       client idle PORT PATH COUNT\n",
          stderr);
    return EXIT_USAGE;
}
