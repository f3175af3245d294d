/* Fails one call of the program that it is loaded into: see faults.h. */
#include "faults.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/* glibc's own, which need no look-up: dlsym() allocates. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t align, size_t size);

/* What the fortified headers make of read() and its like. */
ssize_t __read_chk(int fd, void *bytes, size_t length, size_t room);
ssize_t __pread_chk(int fd, void *bytes, size_t length, off_t at, size_t room);
ssize_t __pread64_chk(int fd, void *bytes, size_t length, off64_t at, size_t room);
ssize_t __recv_chk(int fd, void *bytes, size_t length, size_t room, int flags);
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);

static struct faults *faults;

/* Tells a crash of a library, right after it was refused memory, from one of the program: the first
 * of those on the stack that is not C's or C++'s own. */
static void
on_crash(int number)
{
    static const char *const own[] = { "faults.so", "libc.so", "ld-linux", "libstdc++", "libgcc" };
    void *frames[32];
    Dl_info info;

    faults->armed = false;
    int count = backtrace(frames, 32);
    for (int i = 1; i < count && faults->crashed[0] == '\0'; i++) {
        if (dladdr(frames[i], &info) == 0 || info.dli_fname == NULL)
            continue;
        const char *slash = strrchr(info.dli_fname, '/');
        const char *name = slash == NULL ? info.dli_fname : slash + 1;
        bool skipped = false;
        for (size_t j = 0; j < sizeof own / sizeof own[0]; j++)
            skipped = skipped || strncmp(name, own[j], strlen(own[j])) == 0;
        if (!skipped)
            snprintf(faults->crashed, sizeof faults->crashed, "%s", name);
    }
    raise(number);
}

__attribute__((constructor)) static void
begin(void)
{
    const struct sigaction crash = { .sa_handler = on_crash, .sa_flags = (int)SA_RESETHAND };
    void *frame;

    const char *path = getenv("FAULTS");
    int fd = path == NULL ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
    long memory = fd < 0 ? -1
                         : syscall(SYS_mmap, NULL, sizeof *faults, PROT_READ | PROT_WRITE,
                                   MAP_SHARED, fd, 0L);

    if (fd >= 0)
        syscall(SYS_close, fd);
    backtrace(&frame, 1); /* what it needs is loaded now, not in the midst of a crash */
    if (memory != -1)
        memcpy(&faults, &memory, sizeof memory);
    if (faults == NULL)
        return;
    sigaction(SIGSEGV, &crash, NULL);
    sigaction(SIGBUS, &crash, NULL);
    sigaction(SIGABRT, &crash, NULL);
}

/* Counts a call. Returns whether it is to fail. */
static bool
chosen(uint32_t kind)
{
    if (faults == NULL || !faults->armed || (faults->kinds & kind) == 0)
        return false;
    uint64_t number = ++faults->reached;
    if (faults->call == 0 || number < faults->call || (number > faults->call && !faults->onward))
        return false;
    return true;
}

/* Notes what fails, without allocating, and dies where that is what is asked for. */
static void
note(const char *name, size_t length, int fd, const char *path)
{
    static const char *const actions[] = { "", "half of it", "killed" };
    char link[40], target[160] = "";
    int saved = errno;

    if (faults->failed++ == 0) {
        if (path == NULL && fd >= 0) {
            snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
            ssize_t got = readlink(link, target, sizeof target - 1);
            target[got < 0 ? 0 : got] = '\0';
        }
        snprintf(faults->what, sizeof faults->what, "%s %zu %s: %s", name, length,
                 path == NULL ? target : path,
                 faults->action == FAULTS_FAIL ? strerrorname_np(faults->error)
                                               : actions[faults->action]);
    }
    errno = saved;
    if (faults->action == FAULTS_KILL)
        /* By the one call for it that a confined program has. */
        syscall(SYS_tgkill, syscall(SYS_getpid), syscall(SYS_gettid), SIGKILL);
}

/* True when the call is to return -1. */
static bool
fails(uint32_t kind, const char *name, size_t length, int fd, const char *path)
{
    if (!chosen(kind))
        return false;
    note(name, length, fd, path);
    if (faults->action == FAULTS_SHORT)
        return false;
    errno = faults->error;
    return true;
}

/* As fails(), for a call that may transfer less than it was asked for. */
static bool
fails_part(uint32_t kind, const char *name, size_t *length, int fd)
{
    if (!chosen(kind))
        return false;
    note(name, *length, fd, NULL);
    if (faults->action == FAULTS_SHORT) {
        *length = *length > 1 ? *length / 2 : *length;
        return false;
    }
    errno = faults->error;
    return true;
}

/* ---- memory ---- */

static bool
refused(const char *name, size_t size)
{
    if (!chosen(FAULTS_ALLOC))
        return false;
    note(name, size, -1, "bytes");
    errno = ENOMEM;
    return true;
}

void *
malloc(size_t size)
{
    return refused("malloc", size) ? NULL : __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
    return refused("calloc", count * size) ? NULL : __libc_calloc(count, size);
}

void *
realloc(void *memory, size_t size)
{
    return refused("realloc", size) ? NULL : __libc_realloc(memory, size);
}

void *
reallocarray(void *memory, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size) {
        errno = ENOMEM;
        return NULL;
    }
    return refused("reallocarray", count * size) ? NULL : __libc_realloc(memory, count * size);
}

void *
aligned_alloc(size_t align, size_t size)
{
    return refused("aligned_alloc", size) ? NULL : __libc_memalign(align, size);
}

int
posix_memalign(void **memory, size_t align, size_t size)
{
    if (refused("posix_memalign", size))
        return ENOMEM;
    void *got = __libc_memalign(align, size);
    if (got == NULL)
        return ENOMEM;
    *memory = got;
    return 0;
}

/* ---- bytes ---- */

ssize_t
read(int fd, void *bytes, size_t length)
{
    return fails_part(FAULTS_READ, "read", &length, fd) ? -1 : syscall(SYS_read, fd, bytes, length);
}

ssize_t
__read_chk(int fd, void *bytes, size_t length, size_t room)
{
    if (length > room)
        abort();
    return read(fd, bytes, length);
}

ssize_t
pread64(int fd, void *bytes, size_t length, off64_t at)
{
    return fails_part(FAULTS_READ, "pread", &length, fd)
               ? -1
               : syscall(SYS_pread64, fd, bytes, length, at);
}

ssize_t
pread(int fd, void *bytes, size_t length, off_t at)
{
    return pread64(fd, bytes, length, at);
}

ssize_t
__pread64_chk(int fd, void *bytes, size_t length, off64_t at, size_t room)
{
    if (length > room)
        abort();
    return pread64(fd, bytes, length, at);
}

ssize_t
__pread_chk(int fd, void *bytes, size_t length, off_t at, size_t room)
{
    return __pread64_chk(fd, bytes, length, at, room);
}

/* What goes to standard error passes: a program could not say what is wrong. */
ssize_t
write(int fd, const void *bytes, size_t length)
{
    return fd > STDERR_FILENO && fails_part(FAULTS_WRITE, "write", &length, fd)
               ? -1
               : syscall(SYS_write, fd, bytes, length);
}

ssize_t
pwrite64(int fd, const void *bytes, size_t length, off64_t at)
{
    return fails_part(FAULTS_WRITE, "pwrite", &length, fd)
               ? -1
               : syscall(SYS_pwrite64, fd, bytes, length, at);
}

ssize_t
pwrite(int fd, const void *bytes, size_t length, off_t at)
{
    return pwrite64(fd, bytes, length, at);
}

ssize_t
recv(int fd, void *bytes, size_t length, int flags)
{
    return fails_part(FAULTS_NET, "recv", &length, fd)
               ? -1
               : syscall(SYS_recvfrom, fd, bytes, length, flags, NULL, NULL);
}

ssize_t
__recv_chk(int fd, void *bytes, size_t length, size_t room, int flags)
{
    if (length > room)
        abort();
    return recv(fd, bytes, length, flags);
}

ssize_t
send(int fd, const void *bytes, size_t length, int flags)
{
    return fails_part(FAULTS_NET, "send", &length, fd)
               ? -1
               : syscall(SYS_sendto, fd, bytes, length, flags, NULL, 0);
}

int
fsync(int fd)
{
    return fails(FAULTS_SYNC, "fsync", 0, fd, NULL) ? -1 : (int)syscall(SYS_fsync, fd);
}

int
fdatasync(int fd)
{
    return fails(FAULTS_SYNC, "fdatasync", 0, fd, NULL) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

/* ---- names ---- */

static int
open_at(int folder, const char *path, int flags, mode_t mode)
{
    return fails(FAULTS_NAME, "open", 0, -1, path)
               ? -1
               : (int)syscall(SYS_openat, folder, path, flags, mode);
}

/* The mode, which is an argument only where the flags say so. */
static mode_t
open_mode(int flags, va_list arguments)
{
    bool given = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;

    return given ? va_arg(arguments, mode_t) : 0;
}

int
open(const char *path, int flags, ...)
{
    va_list arguments;

    va_start(arguments, flags);
    mode_t mode = open_mode(flags, arguments);
    va_end(arguments);
    return open_at(AT_FDCWD, path, flags, mode);
}

int
open64(const char *path, int flags, ...)
{
    va_list arguments;

    va_start(arguments, flags);
    mode_t mode = open_mode(flags, arguments);
    va_end(arguments);
    return open_at(AT_FDCWD, path, flags, mode);
}

int
openat(int folder, const char *path, int flags, ...)
{
    va_list arguments;

    va_start(arguments, flags);
    mode_t mode = open_mode(flags, arguments);
    va_end(arguments);
    return open_at(folder, path, flags, mode);
}

int
__open_2(const char *path, int flags)
{
    return open_at(AT_FDCWD, path, flags, 0);
}

int
__open64_2(const char *path, int flags)
{
    return open_at(AT_FDCWD, path, flags, 0);
}

FILE *
fopen(const char *path, const char *mode)
{
    static FILE *(*next)(const char *, const char *);

    if (next == NULL) {
        /* The address of a function is no object: ISO C has no cast for it. */
        void *found = dlsym(RTLD_NEXT, "fopen");
        memcpy(&next, &found, sizeof found);
    }
    return fails(FAULTS_NAME, "fopen", 0, -1, path) ? NULL : next(path, mode);
}

int
rename(const char *from, const char *to)
{
    return fails(FAULTS_NAME, "rename", 0, -1, to) ? -1 : (int)syscall(SYS_rename, from, to);
}

int
unlink(const char *path)
{
    return fails(FAULTS_NAME, "unlink", 0, -1, path) ? -1 : (int)syscall(SYS_unlink, path);
}

int
mkdir(const char *path, mode_t mode)
{
    return fails(FAULTS_NAME, "mkdir", 0, -1, path) ? -1 : (int)syscall(SYS_mkdir, path, mode);
}

int
ftruncate64(int fd, off64_t length)
{
    return fails(FAULTS_NAME, "ftruncate", (size_t)length, fd, NULL)
               ? -1
               : (int)syscall(SYS_ftruncate, fd, length);
}

int
ftruncate(int fd, off_t length)
{
    return ftruncate64(fd, length);
}

int
flock(int fd, int operation)
{
    return fails(FAULTS_NAME, "flock", 0, fd, NULL) ? -1 : (int)syscall(SYS_flock, fd, operation);
}

void *
mmap64(void *wanted, size_t length, int protection, int flags, int fd, off64_t at)
{
    long memory = fails(FAULTS_NAME, "mmap", length, fd, NULL)
                      ? -1
                      : syscall(SYS_mmap, wanted, length, protection, flags, fd, at);
    void *mapped;

    memcpy(&mapped, &memory, sizeof memory);
    return mapped;
}

void *
mmap(void *wanted, size_t length, int protection, int flags, int fd, off_t at)
{
    return mmap64(wanted, length, protection, flags, fd, at);
}

/* glibc takes any kind of address there, as a union. */
#pragma GCC diagnostic ignored "-Wpedantic"
int
accept(int fd, struct sockaddr *address, socklen_t *length)
{
    if (faults != NULL && faults->on_accept)
        faults->armed = true;
    return (int)syscall(SYS_accept, fd, address, length);
}
