#include "ending.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* What process `pid` is called tells whether it is lighttpd. True also where that cannot be told.
 */
static bool
is_lighttpd(pid_t pid)
{
    static const char name[] = "lighttpd\n";
    char path[64], comm[32] = "";

    snprintf(path, sizeof path, "/proc/%ld/comm", (long)pid);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = file < 0 ? -1 : read(file, comm, sizeof comm - 1);
    if (file >= 0)
        close(file);
    return length <= 0 || strcmp(comm, name) == 0;
}

/* lighttpd removes a program's socket when it tells it to end. */
static bool
socket_removed(void)
{
    struct {
        struct sockaddr_un name;
        char end; /* a path of the full length has no NUL of its own */
    } at = { 0 };
    socklen_t length = sizeof at.name;

    return getsockname(STDIN_FILENO, (struct sockaddr *)&at.name, &length) == 0 &&
           at.name.sun_family == AF_UNIX && at.name.sun_path[0] == '/' &&
           access(at.name.sun_path, F_OK) != 0 && errno == ENOENT;
}

void
ending_init(struct ending *ending)
{
    pid_t parent = getppid();
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    if (socket_removed())
        raise(SIGTERM);
    fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK);
    *ending = (struct ending){ .signals = signalfd(-1, &signals, SFD_CLOEXEC),
                               .parent = is_lighttpd(parent) ? parent : 0 };
}

void
ending_close(const struct ending *ending)
{
    close(ending->signals);
}

bool
ending_missed(const struct ending *ending)
{
    return getppid() != ending->parent || socket_removed();
}
