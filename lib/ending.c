#include "ending.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

void
ending_init(struct ending *ending)
{
    struct sockaddr_un address = { 0 };
    socklen_t size = sizeof address;
    struct stat file;
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK);
    *ending =
        (struct ending){ .signals = signalfd(-1, &signals, SFD_CLOEXEC), .parent = getppid() };
    _Static_assert(sizeof ending->socket == sizeof address.sun_path, "room for any address");
    if (getsockname(STDIN_FILENO, (struct sockaddr *)(void *)&address, &size) == 0 &&
        address.sun_family == AF_UNIX)
        memcpy(ending->socket, address.sun_path, sizeof address.sun_path);
    /* Where it is gone already the inode stays 0, which no file has. */
    if (ending->socket[0] != '\0' && stat(ending->socket, &file) == 0)
        ending->inode = file.st_ino;
}

void
ending_close(const struct ending *ending)
{
    close(ending->signals);
}

bool
ending_orphaned(const struct ending *ending)
{
    struct stat file;

    return getppid() != ending->parent ||
           (ending->socket[0] != '\0' &&
            (stat(ending->socket, &file) != 0 || file.st_ino != ending->inode));
}
