#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

bool
file_read(const char *path, struct buf *out, struct error *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char part[65536];
    ssize_t got = -1;

    if (fd >= 0)
        while ((got = read(fd, part, sizeof part)) > 0 && buf_ok(out))
            buf_put(out, part, (size_t)got);
    if (got < 0)
        error_set(why, "cannot read %s: %s", path, strerror(errno));
    else if (!buf_ok(out))
        error_set(why, "%s is larger than %zu bytes", path, out->max_bytes);
    if (fd >= 0)
        close(fd);
    return got == 0 && buf_ok(out);
}

bool
file_draft_open(struct file_draft *draft, const char *folder, const char *stem, struct error *why)
{
    *draft = (struct file_draft){ .fd = -1 };
    if ((size_t)snprintf(draft->path, sizeof draft->path, "%s/%s.%ld.tmp", folder, stem,
                         (long)getpid()) >= sizeof draft->path) {
        error_set(why, "the path %s/%s is too long", folder, stem);
        return false;
    }
    draft->fd = open(draft->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (draft->fd < 0)
        error_set(why, "cannot write %s: %s", draft->path, strerror(errno));
    return draft->fd >= 0;
}

void
file_draft_put(struct file_draft *draft, const void *bytes, size_t length)
{
    const char *rest = bytes;

    while (length > 0 && draft->failed == 0) {
        ssize_t put = write(draft->fd, rest, length);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0) {
            draft->failed = put < 0 ? errno : EIO;
            return;
        }
        rest += put;
        length -= (size_t)put;
        draft->length += (uint64_t)put;
    }
}

bool
file_draft_publish(struct file_draft *draft, const char *path, struct error *why)
{
    if (draft->failed == 0 && fsync(draft->fd) != 0)
        draft->failed = errno;
    if (close(draft->fd) != 0 && draft->failed == 0)
        draft->failed = errno;
    if (draft->failed == 0 && rename(draft->path, path) == 0)
        return true;
    error_set(why, "cannot write %s: %s", path,
              strerror(draft->failed != 0 ? draft->failed : errno));
    unlink(draft->path);
    return false;
}

void
file_draft_drop(struct file_draft *draft)
{
    close(draft->fd);
    unlink(draft->path);
}

void
file_folder(char folder[PATH_MAX], const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t length = slash == NULL || slash == path ? 1 : (size_t)(slash - path);

    snprintf(folder, PATH_MAX, "%.*s", (int)length, slash == NULL ? "." : path);
}

bool
file_publish(const char *path, const void *bytes, size_t length, struct error *why)
{
    const char *slash = strrchr(path, '/');
    struct file_draft draft;
    char folder[PATH_MAX];

    file_folder(folder, path);
    if (!file_draft_open(&draft, folder, slash == NULL ? path : slash + 1, why))
        return false;
    file_draft_put(&draft, bytes, length);
    return file_draft_publish(&draft, path, why);
}

bool
folder_sync(const char *path, struct error *why)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0;

    if (!good)
        error_set(why, "cannot sync %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return good;
}

bool
folder_make(const char *path, struct error *why)
{
    char parent[PATH_MAX];
    const char *slash = strrchr(path, '/');

    if (mkdir(path, 0750) == 0 || errno == EEXIST)
        return true;
    if (errno == ENOENT && slash != NULL && slash != path &&
        (size_t)(slash - path) < sizeof parent) {
        memcpy(parent, path, (size_t)(slash - path));
        parent[slash - path] = '\0';
        if ((mkdir(parent, 0750) == 0 || errno == EEXIST) && mkdir(path, 0750) == 0)
            return true;
    }
    error_set(why, "cannot make the folder %s: %s", path, strerror(errno));
    return false;
}

static bool
head_equals(int fd, const void *image, size_t fixed)
{
    char head[64];

    return pread(fd, head, fixed, 0) == (ssize_t)fixed && memcmp(head, image, fixed) == 0;
}

void *
file_map(const char *path, const void *image, size_t fixed, size_t size, int *fd, struct error *why)
{
    /* Only who holds the lock of the file that the path names may replace it. Another round is
     * needed after that, or when somebody else did. The image is written out in full, so that a
     * full disk is found here and not, as a bus error, at some later access. */
    for (int tries = 0; tries < 100; tries++) {
        struct stat held, named;
        int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
        if (file < 0) {
            error_set(why, "cannot open %s: %s", path, strerror(errno));
            return NULL;
        }
        bool ours = flock(file, LOCK_EX) == 0 && fstat(file, &held) == 0 &&
                    stat(path, &named) == 0 && held.st_ino == named.st_ino &&
                    held.st_dev == named.st_dev;
        if (ours && held.st_size == (off_t)size && head_equals(file, image, fixed)) {
            void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
            flock(file, LOCK_UN);
            *fd = file;
            if (memory != MAP_FAILED)
                return memory;
            error_set(why, "cannot map %s: %s", path, strerror(errno));
            close(file);
            return NULL;
        }
        bool failed = ours && !file_publish(path, image, size, why);
        close(file);
        if (failed)
            return NULL;
    }
    error_set(why, "%s is replaced again and again: do programs of two versions run?", path);
    return NULL;
}

static void
on_alarm(int number)
{
    (void)number; /* it only ends a wait */
}

bool
file_lock(int fd, long wait_ms)
{
    enum { TICK_MS = 25 };
    /* A timer that repeats: one tick may come before the wait begins. */
    const struct itimerval tick = { .it_interval.tv_usec = TICK_MS * 1000,
                                    .it_value.tv_usec = TICK_MS * 1000 };
    const struct itimerval none = { 0 };
    struct sigaction action = { .sa_handler = on_alarm };
    bool locked = flock(fd, LOCK_EX | LOCK_NB) == 0;

    if (locked || (errno != EWOULDBLOCK && errno != EINTR) || wait_ms == 0)
        return locked;
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &tick, NULL);
    for (long waited = 0; !locked && waited < wait_ms; waited += TICK_MS) {
        locked = flock(fd, LOCK_EX) == 0;
        if (!locked && errno != EINTR)
            break;
    }
    setitimer(ITIMER_REAL, &none, NULL);
    return locked;
}
