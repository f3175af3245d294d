/* confine: is confined as the programs are, then tries what whoever took one over would try.
 *
 *   confine reader|boards|system|writer|fetcher|hub|none      (settings from the environment)
 *
 * Each attempt is a line: its name, and "done" or the name of the error. STATE_DIR must hold a
 * database, public/file and public/gone; ELSEWHERE names a file to be made outside of it. */
#include "confine.h"
#include "config.h"
#include "db.h"
#include "file.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct {
    const char *name;
    enum confine_role role;
} roles[] = {
    { "none", CONFINE_NOT },      { "reader", CONFINE_READER }, { "boards", CONFINE_BOARDS },
    { "system", CONFINE_SYSTEM }, { "writer", CONFINE_WRITER }, { "fetcher", CONFINE_FETCHER },
    { "hub", CONFINE_HUB },
};

static const char *
in_state(const struct config *config, const char *name)
{
    static char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/%s", config->state_dir, name);
    return path;
}

/* Says how an attempt ended: `result` is negative when it failed, with errno. */
static void
tell(const char *name, long result)
{
    printf("%s %s\n", name, result >= 0 ? "done" : strerrorname_np(errno));
}

static int
try_open(const char *path, int flags)
{
    int file = open(path, flags | O_CLOEXEC, 0640);

    if (file >= 0)
        close(file);
    return file;
}

static void
try_database(const struct config *config)
{
    struct error why;
    struct db *db;

    bool good =
        db_open(&db, in_state(config, "cache.db"), SQL_DATABASE_CACHE, DB_READER, &why) == DB_OK;
    printf("query-database %s\n", good && db_version(db) >= 0 ? "done" : why.text);
    if (good)
        db_close(db);
    tell("write-database", try_open(in_state(config, "cache.db"), O_RDWR));
    tell("write-wal", try_open(in_state(config, "cache.db-wal"), O_WRONLY));
    tell("write-index", try_open(in_state(config, "cache.db-shm"), O_RDWR));
    tell("chmod-database", chmod(in_state(config, "cache.db"), 0640));
}

static void
try_files(const struct config *config, const char *elsewhere)
{
    char other[PATH_MAX], linked[PATH_MAX];

    snprintf(other, sizeof other, "%s", in_state(config, "public/other"));
    tell("read-published", try_open(in_state(config, "public/file"), O_RDONLY));
    tell("write-published", try_open(in_state(config, "public/file"), O_WRONLY));
    /* What only reads may empty a file all the same. */
    tell("empty-published", try_open(in_state(config, "public/file"), O_RDONLY | O_TRUNC));
    tell("truncate-published", truncate(in_state(config, "public/file"), 1));
    snprintf(linked, sizeof linked, "%s", in_state(config, "public/linked"));
    tell("link-file", link(in_state(config, "public/file"), linked));
    tell("link-elsewhere", link("/etc/passwd", in_state(config, "public/passwd")));
    tell("rename-published", rename(in_state(config, "public/file"), other));
    tell("make-file", try_open(in_state(config, "new"), O_WRONLY | O_CREAT));
    tell("make-empty", mknod(in_state(config, "empty"), S_IFREG | 0640, 0));
    tell("make-pipe", mknod(in_state(config, "pipe"), S_IFIFO | 0640, 0));
    tell("make-link", symlink("/etc/passwd", in_state(config, "link")));
    tell("make-folder", mkdir(in_state(config, "folder"), 0750));
    tell("make-past", file_publish(in_state(config, "past/x.board"), "x", 1, NULL) ? 0 : -1);
    tell("remove", unlink(in_state(config, "public/gone")));
    tell("read-leaderboard", try_open(config->leaderboard, O_RDONLY));
    tell("read-resolver", try_open("/etc/hosts", O_RDONLY));
    tell("read-passwd", try_open("/etc/passwd", O_RDONLY));
    snprintf(other, sizeof other, "/proc/%ld/environ", (long)getppid());
    tell("read-environment", try_open(other, O_RDONLY));
    tell("write-elsewhere", try_open(elsewhere, O_WRONLY | O_CREAT));
}

static void
try_network(const struct sockaddr_in *server)
{
    struct sockaddr_in any = { .sin_family = AF_INET };
    int stream = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    tell("connect",
         stream < 0 ? -1 : connect(stream, (const struct sockaddr *)server, sizeof *server));
    if (stream >= 0)
        close(stream);
    stream = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    tell("serve", stream < 0                                                ? -1
                  : bind(stream, (const struct sockaddr *)&any, sizeof any) ? -1
                                                                            : listen(stream, 1));
    if (stream >= 0)
        close(stream);
    tell("unix-socket", socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    tell("netlink", socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0));
}

static void *
nothing(void *argument)
{
    return argument;
}

static void
try_processes(void)
{
    pthread_t thread;
    pid_t child = fork();

    if (child == 0)
        _exit(0);
    tell("fork", child);
    if (child > 0)
        waitpid(child, NULL, 0);
    errno = pthread_create(&thread, NULL, nothing, NULL);
    if (errno == 0)
        pthread_join(thread, NULL);
    tell("thread", errno == 0 ? 0 : -1);
    tell("signal", kill(getppid(), 0));
    tell("executable-memory",
         mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
             ? -1
             : 0);
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    tell("made-executable", mprotect(page, 4096, PROT_READ | PROT_EXEC));
    tell("memory-file", memfd_create("x", MFD_CLOEXEC));
    tell("prctl", prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
    tell("unshare", unshare(0));
    tell("setuid", setresuid(getuid(), getuid(), getuid()));
}

/* Calls with nonsense in them: they fail anyhow, but it is told why. */
static void
try_kernel(void)
{
    tell("ptrace", ptrace(PTRACE_DETACH, getppid(), NULL, NULL));
    tell("mount", syscall(SYS_mount, NULL, NULL, NULL, 0, NULL));
    tell("io_uring", syscall(SYS_io_uring_setup, 0, NULL));
    tell("keyctl", syscall(SYS_keyctl, -1, 0, 0, 0, 0));
}

int
main(int argc, char **argv)
{
    struct sockaddr_in server = { .sin_family = AF_INET };
    socklen_t length = sizeof server;
    const char *elsewhere = getenv("ELSEWHERE");
    struct config config;
    struct error why;
    size_t role = 0;

    setvbuf(stdout, NULL, _IONBF, 0);
    while (argc == 2 && role < sizeof roles / sizeof roles[0] &&
           strcmp(roles[role].name, argv[1]) != 0)
        role++;
    if (elsewhere == NULL || argc != 2 || role == sizeof roles / sizeof roles[0] ||
        !config_load(&config, 0, &why))
        return EXIT_USAGE;
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listening, (const struct sockaddr *)&server, sizeof server) != 0 ||
        listen(listening, 8) != 0 ||
        getsockname(listening, (struct sockaddr *)&server, &length) != 0)
        return EXIT_SYSTEM;
    confine(roles[role].role, &config);
    try_database(&config);
    try_files(&config, elsewhere);
    try_network(&server);
    try_processes();
    try_kernel();
    config_free(&config);
    fflush(stdout);
    execl("/bin/echo", "echo", "execute done", (char *)NULL);
    tell("execute", -1);
    return 0;
}
