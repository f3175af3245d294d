#include "confine.h"

#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

/* Defined by `make leaks`. */
#ifdef FOR_VALGRIND
#define VALGRINDED true
#else
#define VALGRINDED false
#endif

/* What a role has beyond reading the state folder. */
enum {
    PAST = 1,    /* writes past/ */
    REQUEST = 2, /* makes empty files */
    STATE = 4,   /* writes the state folder */
    NET = 8,     /* connects to servers, and resolves their names in threads */
    TERMINAL = 16,
    LINKS = 32,     /* a second name for a file of the state folder, beside the first */
    SANITIZER = 64, /* LeakSanitizer looks through the process at its end, from another one */
    VALGRIND = 128, /* which makes the program's system calls, and between them its own */
    EVERY = 256,
};

static const unsigned roles[] = {
    [CONFINE_READER] = EVERY,
    [CONFINE_BOARDS] = EVERY | PAST,
    [CONFINE_SYSTEM] = EVERY | REQUEST,
    [CONFINE_WRITER] = EVERY | STATE | NET,
    [CONFINE_FETCHER] = EVERY | STATE | NET | TERMINAL | LINKS,
    [CONFINE_HUB] = EVERY | STATE,
};

/* ---- files ---- */

/* Of later versions than the headers of Debian 12 know. */
enum {
    FS_TRUNCATE = 1 << 14,  /* version 3 */
    FS_IOCTL_DEV = 1 << 15, /* version 5 */
};

enum {
    READ = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
    MAKE = LANDLOCK_ACCESS_FS_MAKE_REG,
    WRITE =
        READ | MAKE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE | FS_TRUNCATE,
    /* What there is to be said of something that is no folder. */
    OF_A_FILE = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                LANDLOCK_ACCESS_FS_READ_FILE | FS_TRUNCATE,
};

#define RESOLVER "/etc/resolv.conf"

/* Files outside of the state folder; those that are not there are left out. */
static const struct {
    unsigned needs;
    const char *path;
} readable[] = {
    { EVERY, "/dev/urandom" }, /* SQLite's seed */
    { NET, "/etc/ssl" },
    { NET, "/etc/ca-certificates" },
    { NET, "/usr/share/ca-certificates" },
    { NET, "/usr/local/share/ca-certificates" },
    { NET, "/usr/lib/ssl" },
    { NET, RESOLVER },
    { NET, "/run/systemd/resolve" }, /* where that often points to, and what rewrites it */
    { NET, "/run/resolvconf" },
    { NET, "/etc/hosts" },
    { NET, "/etc/host.conf" },
    { NET, "/etc/nsswitch.conf" },
    { NET, "/etc/gai.conf" },
    { NET, "/etc/services" },
    { SANITIZER, "/proc/self" },
};

/* The part of `struct landlock_ruleset_attr` that all versions share. */
static int
landlock_create(uint64_t *handled, size_t size, uint32_t flags)
{
    return (int)syscall(SYS_landlock_create_ruleset, handled, size, flags);
}

/* The rights that this kernel can take away: 0 where it has no Landlock. */
static uint64_t
landlock_rights(void)
{
    int version = landlock_create(NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    /* How many rights the versions know. (One that says no to a later one's is none the worse.) */
    static const int counts[] = { 0, 13, 14, 15, 15, 16 };
    int known = (int)(sizeof counts / sizeof counts[0]) - 1;

    return version <= 0 ? 0 : ((uint64_t)1 << counts[version < known ? version : known]) - 1;
}

static bool
allow_path(int ruleset, uint64_t handled, uint64_t rights, const char *path)
{
    struct landlock_path_beneath_attr rule = { .parent_fd = open(path, O_PATH | O_CLOEXEC) };
    struct stat file;

    if (rule.parent_fd < 0)
        return true;
    bool folder = fstat(rule.parent_fd, &file) == 0 && S_ISDIR(file.st_mode);
    rule.allowed_access = rights & handled & (folder ? handled : OF_A_FILE);
    bool good = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
    close(rule.parent_fd);
    return good;
}

static bool
confine_files(unsigned needs, const struct config *config)
{
    uint64_t handled = landlock_rights();
    uint64_t state = needs & STATE     ? WRITE | LANDLOCK_ACCESS_FS_MAKE_DIR
                     : needs & REQUEST ? READ | MAKE
                                       : READ;
    char past[PATH_MAX];

    if (handled == 0)
        return false;
    int ruleset = landlock_create(&handled, sizeof handled, 0);
    if (ruleset < 0)
        return false;
    bool good = allow_path(ruleset, handled, state, config->state_dir) &&
                allow_path(ruleset, handled, READ, config->leaderboard);
    if (needs & PAST) {
        snprintf(past, sizeof past, "%s/past", config->state_dir);
        good = folder_make(past, NULL) && allow_path(ruleset, handled, WRITE, past) && good;
    }
    for (size_t i = 0; i < sizeof readable / sizeof readable[0]; i++)
        if (readable[i].needs & needs)
            good = allow_path(ruleset, handled, READ, readable[i].path) && good;
    good = good && syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
    close(ruleset);
    return good;
}

/* ---- system calls ---- */

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#define ARCHITECTURE 0 /* one whose calls nobody has looked at: no filter */
#endif

#define CALL(name) __NR_##name

static const struct {
    unsigned needs;
    int calls[48]; /* 0 ends them: read comes alone */
} whole[] = {
    { EVERY, { CALL(read) } },
    { EVERY,
      { CALL(write),     CALL(readv),      CALL(writev),     CALL(pread64),    CALL(pwrite64),
        CALL(close),     CALL(lseek),      CALL(fstat),      CALL(newfstatat), CALL(statx),
        CALL(faccessat), CALL(faccessat2), CALL(readlinkat), CALL(getcwd),     CALL(getdents64),
        CALL(fcntl),     CALL(flock),      CALL(fsync),      CALL(fdatasync),  CALL(fadvise64),
        CALL(dup),       CALL(umask) } },
    { EVERY,
      { CALL(ppoll), CALL(pselect6), CALL(epoll_pwait), CALL(accept), CALL(accept4), CALL(shutdown),
        CALL(getpeername), CALL(getsockname), CALL(getsockopt), CALL(recvfrom), CALL(sendto),
        CALL(recvmsg), CALL(sendmsg) } },
    { EVERY,
      { CALL(brk),
        CALL(munmap),
        CALL(mremap),
        CALL(madvise),
        CALL(futex),
        CALL(sched_yield),
        CALL(sched_getaffinity),
        CALL(exit),
        CALL(exit_group),
        CALL(restart_syscall),
        CALL(rt_sigaction),
        CALL(rt_sigprocmask),
        CALL(rt_sigreturn),
        CALL(sigaltstack),
        CALL(setitimer),
        CALL(nanosleep),
        CALL(clock_nanosleep),
        CALL(clock_gettime),
        CALL(clock_getres),
        CALL(gettimeofday),
        CALL(times),
        CALL(getrusage),
        CALL(getrandom),
        CALL(uname),
        CALL(sysinfo),
        CALL(getpid),
        CALL(getppid),
        CALL(gettid),
        CALL(getuid),
        CALL(geteuid),
        CALL(getgid),
        CALL(getegid),
        CALL(getrlimit) } },
    { PAST | STATE,
      { CALL(ftruncate), CALL(fallocate), CALL(mkdirat), CALL(renameat), CALL(renameat2),
        CALL(unlinkat), CALL(utimensat), CALL(fchmod), CALL(fchown) } },
    { LINKS, { CALL(linkat) } },
    { NET,
      { CALL(connect), CALL(socketpair), CALL(setsockopt), CALL(sendmmsg), CALL(recvmmsg),
        CALL(eventfd2), CALL(pipe2), CALL(epoll_create1), CALL(epoll_ctl), CALL(set_robust_list),
        CALL(rseq) } },
    { SANITIZER,
      { CALL(clone), CALL(prctl), CALL(ptrace), CALL(wait4), CALL(kill), CALL(tkill),
        CALL(rt_tgsigqueueinfo), CALL(prlimit64), CALL(set_robust_list), CALL(rseq) } },
    { VALGRIND, { CALL(rt_sigtimedwait), CALL(tkill) } },
#ifdef __NR_open /* what newer architectures go without */
    { EVERY,
      { CALL(stat), CALL(lstat), CALL(access), CALL(readlink), CALL(poll), CALL(select),
        CALL(epoll_wait), CALL(time) } },
    { PAST | STATE, { CALL(mkdir), CALL(rename), CALL(unlink) } },
    { LINKS, { CALL(link) } },
    { SANITIZER, { CALL(open), CALL(getdents), CALL(arch_prctl) } },
    { VALGRIND, { CALL(open) } },
#endif
};

/* Calls of which one argument decides: `argument & mask` must be `value`. */
static const struct {
    unsigned needs;
    int call;
    unsigned argument;
    uint64_t mask, value;
} partly[] = {
    { EVERY, CALL(openat), 2, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY },
    { PAST | STATE, CALL(openat), 2, O_ACCMODE, O_WRONLY },
    { PAST | STATE, CALL(openat), 2, O_ACCMODE, O_RDWR },
    { REQUEST, CALL(mknodat), 2, S_IFMT, S_IFREG },
    { EVERY, CALL(mmap), 2, PROT_EXEC, 0 },
    { EVERY, CALL(mprotect), 2, PROT_EXEC, 0 },
    { VALGRIND, CALL(mmap), 2, PROT_EXEC, PROT_EXEC },
    { EVERY, CALL(prlimit64), 2, UINT64_MAX, 0 }, /* asks, sets nothing */
    { NET, CALL(clone), 0, CLONE_THREAD, CLONE_THREAD },
    { NET, CALL(socket), 0, UINT32_MAX, AF_INET },
    { NET, CALL(socket), 0, UINT32_MAX, AF_INET6 },
    { NET, CALL(ioctl), 1, UINT32_MAX, FIONBIO },
    { TERMINAL, CALL(ioctl), 1, UINT32_MAX, TCGETS },
    { TERMINAL, CALL(ioctl), 1, UINT32_MAX, TIOCGWINSZ },
};

#undef CALL

/* A filter as the kernel takes it, of some 400 instructions. It lies on the stack: a program that
 * has no memory left is confined like others. */
struct filter {
    struct sock_filter code[1024];
    unsigned short length;
};

static void
put(struct filter *filter, unsigned code, size_t value, unsigned skipped)
{
    filter->code[filter->length++] = (struct sock_filter){ .code = (uint16_t)code,
                                                           .k = (uint32_t)value,
                                                           .jf = (uint8_t)skipped };
}

static void
load(struct filter *filter, size_t offset)
{
    put(filter, BPF_LD | BPF_W | BPF_ABS, offset, 0);
}

/* Skips so many instructions unless what was loaded is `value`. */
static void
unless(struct filter *filter, uint64_t value, unsigned skipped)
{
    put(filter, BPF_JMP | BPF_JEQ | BPF_K, value, skipped);
}

static void
answer(struct filter *filter, unsigned how)
{
    put(filter, BPF_RET | BPF_K, how, 0);
}

/* With the call's number loaded, as it is again afterwards. The machine compares 32 bits. */
static void
allow_partly(struct filter *filter, int call, unsigned argument, uint64_t mask, uint64_t value)
{
    size_t low = offsetof(struct seccomp_data, args) + argument * sizeof(uint64_t);

    unless(filter, (uint64_t)call, 8);
    load(filter, low);
    put(filter, BPF_ALU | BPF_AND | BPF_K, mask, 0);
    unless(filter, value & UINT32_MAX, 4);
    load(filter, low + sizeof(uint32_t));
    put(filter, BPF_ALU | BPF_AND | BPF_K, mask >> 32, 0);
    unless(filter, value >> 32, 1);
    answer(filter, SECCOMP_RET_ALLOW);
    load(filter, offsetof(struct seccomp_data, nr));
}

static bool
confine_calls(unsigned needs)
{
    struct filter filter = { .length = 0 };

    load(&filter, offsetof(struct seccomp_data, arch));
    filter.code[filter.length++] =
        (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0);
    answer(&filter, SECCOMP_RET_ERRNO | EPERM);
    load(&filter, offsetof(struct seccomp_data, nr));
    /* First what the kernel has to look at each time: of the rest it remembers the answers. */
    for (size_t i = 0; i < sizeof partly / sizeof partly[0]; i++)
        if (partly[i].needs & needs)
            allow_partly(&filter, partly[i].call, partly[i].argument, partly[i].mask,
                         partly[i].value);
    /* By which a program ends itself. */
    allow_partly(&filter, __NR_tgkill, 0, UINT32_MAX, (uint64_t)getpid());
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++)
        for (size_t j = 0; whole[i].needs & needs && (j == 0 || whole[i].calls[j] != 0); j++) {
            unless(&filter, (uint64_t)whole[i].calls[j], 1);
            answer(&filter, SECCOMP_RET_ALLOW);
        }
    unless(&filter, __NR_clone3, 1);
    answer(&filter, SECCOMP_RET_ERRNO | ENOSYS);
    answer(&filter, SECCOMP_RET_ERRNO | EPERM);
    const struct sock_fprog program = { filter.length, filter.code };
    return ARCHITECTURE != 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

bool
confine(enum confine_role role, const struct config *config)
{
    unsigned needs = roles[role] | (SANITIZED ? SANITIZER : 0u) | (VALGRINDED ? VALGRIND : 0u);

    if (role == CONFINE_NOT)
        return true;
    bool alone = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
    bool files = alone && confine_files(needs, config);
    bool calls = alone && confine_calls(needs);
    if (!files || !calls)
        log_event(&config->log, LEVEL_WARNING, LOG_HTTP, "not confined as it should be",
                  LOG_TEXT("landlock", files ? "in force" : "not to be had"),
                  LOG_TEXT("seccomp", calls ? "in force" : "not to be had"));
    return files && calls;
}

bool
confine_outdated(enum confine_role role)
{
    if (!(roles[role] & NET) || access(RESOLVER, R_OK) != 0) /* which Landlock does not see */
        return false;
    int file = open(RESOLVER, O_RDONLY | O_CLOEXEC);
    bool refused = file < 0 && errno == EACCES;
    if (file >= 0)
        close(file);
    return refused;
}
