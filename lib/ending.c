#include "ending.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
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

void
ending_init(struct ending *ending)
{
    pid_t parent = getppid();
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
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
ending_orphaned(const struct ending *ending)
{
    return getppid() != ending->parent;
}
