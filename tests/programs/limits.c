/* What the limits, the metrics and the client's address promise, as tables and as races between
 * processes. Prints what differs; exits 1 when anything does. `limits NAME FILE` runs one test,
 * which makes FILE; `limits` lists them. */
#include "address.h"
#include "buf.h"
#include "config.h"
#include "metrics.h"
#include "ratelimit.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { PROCESSES = 4, HOUR = 3600, YEAR = 366 * 24 * HOUR };

/* The time in this program is what a test says: this takes the C library's place. */
static struct timespec time_now = { .tv_sec = 1000000 };

int
clock_gettime(clockid_t clock, struct timespec *now)
{
    (void)clock;
    *now = time_now;
    return 0;
}

static void
time_set(long milliseconds)
{
    time_now.tv_sec = 1000000 + milliseconds / 1000;
    time_now.tv_nsec = milliseconds % 1000 * 1000000;
}

static int
differs(const char *what, const char *expected, const char *got)
{
    if (strcmp(expected, got) == 0)
        return 0;
    printf("%s: expected \"%s\", got \"%s\"\n", what, expected, got);
    return 1;
}

static int
unequal(const char *what, long long expected, long long got)
{
    if (expected == got)
        return 0;
    printf("%s: expected %lld, got %lld\n", what, expected, got);
    return 1;
}

/* A test that cannot go on says why and fails. */
static _Noreturn void
give_up(const char *why)
{
    printf("%s\n", why);
    exit(1);
}

static struct ratelimit *
limit_open(const char *path)
{
    struct error why;
    struct ratelimit *limit = ratelimit_open(path, &why);

    if (limit == NULL)
        give_up(why.text);
    return limit;
}

static struct metrics *
counts_open(const char *path)
{
    struct error why;
    struct metrics *metrics = metrics_open(path, &why);

    if (metrics == NULL)
        give_up(why.text);
    return metrics;
}

static void
file_fill(const char *path, size_t offset, const char *bytes, size_t length)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0 || pwrite(fd, bytes, length, (off_t)offset) != (ssize_t)length || close(fd) != 0)
        give_up("cannot write the test's file");
}

static long long
file_size(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 ? (long long)status.st_size : -1;
}

/* Numbers that a test's processes share. */
static unsigned long *
shared_numbers(void)
{
    void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

static void
number_add(unsigned long *number)
{
    __atomic_fetch_add(number, 1, __ATOMIC_SEQ_CST);
}

static unsigned long
number_get(unsigned long *number)
{
    return __atomic_load_n(number, __ATOMIC_SEQ_CST);
}

/* Waits until all of a test's processes have come to their `nth` meeting, counted in `number`. */
static void
meet(unsigned long *number, unsigned long nth)
{
    number_add(number);
    while (number_get(number) < nth * PROCESSES)
        sched_yield();
}

/* Starts a process that does `work` and ends, with this one at the latest; `which` tells the
 * processes apart. */
static pid_t
process_start(void (*work)(const char *path, unsigned long *numbers, int which), const char *path,
              unsigned long *numbers, int which)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid < 0)
        give_up("cannot fork");
    if (pid > 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    work(path, numbers, which);
    fflush(stdout);
    _exit(0);
}

/* Lets several processes do `work` at once, and waits for them. Returns how many failed. */
static int
processes_run(void (*work)(const char *path, unsigned long *numbers, int which), const char *path,
              unsigned long *numbers)
{
    pid_t pids[PROCESSES];
    int failed = 0, status;

    for (int i = 0; i < PROCESSES; i++)
        pids[i] = process_start(work, path, numbers, i);
    for (int i = 0; i < PROCESSES; i++)
        if (waitpid(pids[i], &status, 0) != pids[i] || status != 0)
            failed++;
    return failed;
}

/* Starts two processes that do `work` for ever and, as soon as it gets on, kills one after the
 * other; that `rounds` times. Returns how many were killed. */
static int
processes_kill(void (*work)(const char *path, unsigned long *numbers, int which), const char *path,
               unsigned long *numbers, int rounds)
{
    int killed = 0;

    for (int round = 0; round < rounds; round++) {
        pid_t pids[2];
        for (int i = 0; i < 2; i++)
            pids[i] = process_start(work, path, numbers, i);
        for (int i = 0; i < 2; i++) {
            unsigned long before = number_get(numbers);
            while (number_get(numbers) < before + 10)
                sched_yield();
            kill(pids[i], SIGKILL);
            waitpid(pids[i], NULL, 0);
            killed++;
        }
    }
    return killed;
}

static int
test_networks(const char *path)
{
    static const struct {
        const char *network, *address;
        bool valid, contains;
    } cases[] = {
        { "192.0.2.1", "192.0.2.1", true, true },
        { "192.0.2.1", "192.0.2.2", true, false },
        { "10.0.0.0/8", "10.255.0.1", true, true },
        { "10.0.0.0/8", "11.0.0.1", true, false },
        { "10.1.2.3/8", "10.9.9.9", true, true },
        { "192.0.2.128/25", "192.0.2.127", true, false },
        { "192.0.2.128/25", "192.0.2.200", true, true },
        { "0.0.0.0/0", "203.0.113.9", true, true },
        { "2001:db8::/32", "2001:db8:ffff::1", true, true },
        { "2001:db8::/33", "2001:db8:8000::1", true, false },
        { "2001:DB8:0::1", "2001:db8::1", true, true },
        /* An address mapped into IPv6 is the IPv4 address; all of IPv6 does not hold it. */
        { "10.0.0.0/8", "::ffff:10.0.0.1", true, true },
        { "::ffff:10.0.0.0/104", "10.0.0.1", true, true },
        { "::/0", "2001:db8::1", true, true },
        { "::/0", "10.0.0.1", true, false },
        { "0.0.0.0/0", "2001:db8::1", true, false },
        /* A network lies in a larger one. */
        { "10.0.0.0/8", "10.1.0.0/16", true, true },
        { "10.1.0.0/16", "10.0.0.0/8", true, false },
        { "10.0.0.0/33", "10.0.0.1", false, false },
        { "2001:db8::/129", "2001:db8::1", false, false },
        { "10.0.0.0/", "10.0.0.1", false, false },
        { "10.0.0.0/-1", "10.0.0.1", false, false },
        { "10.0.0.0/8 ", "10.0.0.1", false, false },
        { "10.0.0.0/8/8", "10.0.0.1", false, false },
        { "10.0.0.0/4294967304", "10.0.0.1", false, false },
        { "10.0.0/8", "10.0.0.1", false, false },
        { "010.0.0.1", "10.0.0.1", false, false },
        { "localhost", "127.0.0.1", false, false },
        { "", "127.0.0.1", false, false },
        { "10.0.0.1", "", true, false },
        { "10.0.0.1", "10.0.0.1:80", true, false },
    };
    int failures = 0;

    (void)path;
    for (size_t i = 0; i < COUNT(cases); i++) {
        failures += unequal(cases[i].network, cases[i].valid, network_valid(cases[i].network));
        failures += unequal(cases[i].address, cases[i].contains,
                            network_contains(cases[i].network, cases[i].address));
    }
    return failures;
}

static int
test_clients(const char *path)
{
    static char inside[] = "10.0.0.0/8", proxy[] = "2001:db8:5::1";
    static char *const trusted[] = { inside, proxy, NULL };
    static const struct {
        const char *peer, *forwarded, *client;
    } cases[] = {
        { "192.0.2.1", NULL, "192.0.2.1" },
        { "2001:0db8:0000::0001", NULL, "2001:db8::1" },
        { "::ffff:192.0.2.1", NULL, "192.0.2.1" },
        /* Who is no trusted proxy may say what it likes. */
        { "192.0.2.1", "198.51.100.7", "192.0.2.1" },
        { "10.0.0.1", NULL, "10.0.0.1" },
        { "10.0.0.1", "", "10.0.0.1" },
        { "10.0.0.1", "198.51.100.7", "198.51.100.7" },
        { "::ffff:10.0.0.1", "198.51.100.7", "198.51.100.7" },
        { "2001:db8:5::1", "198.51.100.7", "198.51.100.7" },
        /* What the client wrote itself stands before what the proxy adds. */
        { "10.0.0.1", "203.0.113.66, 198.51.100.7", "198.51.100.7" },
        { "10.0.0.1", "203.0.113.66,198.51.100.7 , 10.9.9.9,\t2001:db8:5::1", "198.51.100.7" },
        { "10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3" },
        { "10.0.0.1", "198.51.100.7:4711", "198.51.100.7" },
        { "10.0.0.1", "[2001:db8::7]:80", "2001:db8::7" },
        { "10.0.0.1", "[2001:DB8::7]", "2001:db8::7" },
        { "10.0.0.1", "2001:db8::7", "2001:db8::7" },
        { "10.0.0.1", "::ffff:198.51.100.7", "198.51.100.7" },
        { "10.0.0.1", "198.51.100.7, 10.0.0.2:80", "198.51.100.7" },
        { "10.0.0.1", "198.51.100.7, , 10.0.0.2,", "198.51.100.7" },
        { "10.0.0.1", ",,, ,", "10.0.0.1" },
        /* Behind what is no address nothing is believed. */
        { "10.0.0.1", "garbage", "10.0.0.1" },
        { "10.0.0.1", "198.51.100.7, unknown, 10.0.0.2", "10.0.0.2" },
        { "10.0.0.1", "198.51.100.7:", "10.0.0.1" },
        { "10.0.0.1", "198.51.100.7:80x", "10.0.0.1" },
        { "10.0.0.1", "[2001:db8::7", "10.0.0.1" },
        { "10.0.0.1", "[2001:db8::7]x", "10.0.0.1" },
        { "10.0.0.1", "[]:80", "10.0.0.1" },
        { "10.0.0.1", "198.51.100.0/24", "10.0.0.1" },
        { "10.0.0.1", "198.51.100.7 203.0.113.66", "10.0.0.1" },
        { "/run/socket", "198.51.100.7", "unknown" },
        { "", "198.51.100.7", "unknown" },
        { NULL, "198.51.100.7", "unknown" },
    };
    char client[ADDRESS_TEXT];
    int failures = 0;

    (void)path;
    for (size_t i = 0; i < COUNT(cases); i++) {
        address_client(client, cases[i].peer, cases[i].forwarded, trusted);
        failures += differs(cases[i].forwarded != NULL ? cases[i].forwarded : "no header",
                            cases[i].client, client);
    }
    /* Eight kilobytes of proxies, and of one word. */
    struct buf header;
    buf_init(&header, 10000);
    buf_text(&header, "198.51.100.7");
    while (header.length < 8192)
        buf_text(&header, ", 10.0.0.2");
    address_client(client, "10.0.0.1", buf_string(&header), trusted);
    failures += differs("many proxies", "198.51.100.7", client);
    buf_reset(&header);
    while (header.length < 8192)
        buf_byte(&header, '1');
    address_client(client, "10.0.0.1", buf_string(&header), trusted);
    failures += differs("a long word", "10.0.0.1", client);
    buf_free(&header);
    return failures;
}

static int
test_keys(const char *path)
{
    static const char *const cases[][2] = {
        { "192.0.2.1", "192.0.2.1" },
        { "::ffff:192.0.2.1", "192.0.2.1" },
        { "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64" },
        { "2001:db8:1:2::9", "2001:db8:1:2::/64" },
        { "2001:db8:1:3::9", "2001:db8:1:3::/64" },
        { "::1", "::/64" },
        { "unknown", "unknown" },
    };
    char key[ADDRESS_TEXT];
    int failures = 0;

    (void)path;
    for (size_t i = 0; i < COUNT(cases); i++) {
        address_key(key, cases[i][0]);
        failures += differs(cases[i][0], cases[i][1], key);
    }
    return failures;
}

static int
test_arithmetic(const char *path)
{
    /* Four requests in ten seconds: one is refilled every 2.5 seconds. */
    static const struct rate rate = { 4, 10 };
    static const struct {
        long milliseconds;
        unsigned cost;
        struct rate_state state; /* admitted, remaining, reset_s, retry_s */
    } steps[] = {
        { 0, 0, { true, 4, 0, 0 } }, /* looking costs nothing */
        { 0, 1, { true, 3, 3, 0 } },
        { 0, 1, { true, 2, 5, 0 } },
        { 0, 1, { true, 1, 8, 0 } },
        { 0, 1, { true, 0, 10, 3 } }, /* the burst is used up */
        { 0, 1, { false, 0, 10, 3 } },
        { 0, 0, { false, 0, 10, 3 } },
        { 2499, 1, { false, 0, 8, 1 } }, /* what is refused is not counted */
        { 2500, 1, { true, 0, 10, 3 } },
        { 7500, 1, { true, 1, 8, 0 } },
        { 7500, 2, { false, 1, 8, 3 } }, /* all or nothing; retry is for the two */
        { 10000, 2, { true, 0, 10, 3 } },
        { 10000, 5, { false, 0, 10, 10 } }, /* more than ever fits */
        { 20000, 0, { true, 4, 0, 0 } },
        { 99000, 4, { true, 0, 10, 3 } }, /* waiting longer saves nothing up */
    };
    /* Whatever a division leaves: exactly `requests` at once. */
    static const struct rate rates[] = { { 1, 1 },    { 3, 1 },      { 7, 60 },       { 60, 7 },
                                         { 1, YEAR }, { 999983, 1 }, { 31622777, 1 }, { 0, -5 } };
    struct ratelimit *limit = limit_open(path);
    int failures = 0;
    char key[40];

    for (size_t i = 0; i < COUNT(steps); i++) {
        time_set(steps[i].milliseconds);
        struct rate_state got = ratelimit_take(limit, "api", "a", rate, steps[i].cost);
        struct rate_state want = steps[i].state;
        int failed = unequal("admitted", want.admitted, got.admitted) +
                     unequal("remaining", want.remaining, got.remaining) +
                     unequal("reset_s", want.reset_s, got.reset_s) +
                     unequal("retry_s", want.retry_s, got.retry_s);
        if (failed > 0)
            printf("  in step %zu\n", i);
        failures += failed;
    }
    for (size_t i = 0; i < COUNT(rates); i++) {
        unsigned burst = rates[i].requests > 0 ? (unsigned)rates[i].requests : 1;
        snprintf(key, sizeof key, "%ld in %ld s", rates[i].requests, rates[i].window_s);
        failures +=
            unequal(key, false, ratelimit_take(limit, "r", key, rates[i], burst + 1).admitted);
        failures += unequal(key, true, ratelimit_take(limit, "r", key, rates[i], burst).admitted);
        failures += unequal(key, false, ratelimit_take(limit, "r", key, rates[i], 1).admitted);
    }
    /* Numbers without sense do no harm. */
    struct rate largest = { LONG_MAX, LONG_MAX };
    failures +=
        unequal("largest", true, ratelimit_take(limit, "r", "l", largest, UINT_MAX).admitted);
    ratelimit_close(limit);
    return failures;
}

static int
test_apart(const char *path)
{
    static const struct rate rate = { 1, HOUR };
    static const char *const cases[][2] = { { "api", "a" }, { "api", "b" }, { "votes", "a" },
                                            { "ap", "ia" }, { "apia", "" }, { "", "apia" } };
    struct ratelimit *limit = limit_open(path);
    int failures = 0;

    for (size_t i = 0; i < COUNT(cases); i++)
        failures += unequal(cases[i][0], true,
                            ratelimit_take(limit, cases[i][0], cases[i][1], rate, 1).admitted);
    for (size_t i = 0; i < COUNT(cases); i++)
        failures += unequal(cases[i][1], false,
                            ratelimit_take(limit, cases[i][0], cases[i][1], rate, 1).admitted);
    ratelimit_close(limit);
    return failures;
}

static int
test_clamped(const char *path)
{
    static const struct rate yearly = { 2, YEAR }, minutely = { 2, 60 };
    struct ratelimit *limit = limit_open(path);
    int failures = 0;

    /* A limit that became smaller: the debt of a year counts as that of the new window. */
    ratelimit_take(limit, "api", "a", yearly, 2);
    struct rate_state state = ratelimit_take(limit, "api", "a", minutely, 1);
    failures += unequal("still in debt", false, state.admitted);
    failures += unequal("for a window", 60, state.reset_s);
    time_set(30000);
    failures += unequal("half a window later", true,
                        ratelimit_take(limit, "api", "a", minutely, 1).admitted);

    /* A clock that was a year ahead: asked once, it is forgiven a window later. */
    time_set(YEAR * 1000L);
    ratelimit_take(limit, "api", "b", minutely, 2);
    time_set(0);
    failures +=
        unequal("clock put back", false, ratelimit_take(limit, "api", "b", minutely, 1).admitted);
    time_set(60000);
    failures +=
        unequal("a window later", true, ratelimit_take(limit, "api", "b", minutely, 2).admitted);
    ratelimit_close(limit);
    return failures;
}

enum { EXACT = 50000 };

/* numbers[0] counts what was admitted. */
static void
take_many(const char *path, unsigned long *numbers, int which)
{
    static const struct rate rate = { EXACT, YEAR };

    (void)which;
    meet(&numbers[1], 1);
    struct ratelimit *limit = limit_open(path);
    meet(&numbers[1], 2);
    for (int i = 0; i < EXACT / 2; i++)
        if (ratelimit_take(limit, "api", "a", rate, 1).admitted)
            number_add(&numbers[0]);
    ratelimit_close(limit);
}

static int
test_exact(const char *path)
{
    unsigned long *numbers = shared_numbers();
    int failures = processes_run(take_many, path, numbers);

    return failures + unequal("admitted", EXACT, (long long)number_get(numbers));
}

/* However the file is found, processes that start at once make one of it. */
static int
test_race(const char *path)
{
    int failures = 0;

    for (int round = 0; round < 6; round++) {
        unsigned long *numbers = shared_numbers();
        unlink(path);
        if (round % 2 == 1)
            file_fill(path, 0, "no table", 8);
        failures += processes_run(take_many, path, numbers);
        failures += unequal("admitted", EXACT, (long long)number_get(numbers));
        munmap(numbers, 4096);
    }
    return failures;
}

static const struct rate endless = { 1000000000, 1000000000 };

static void
take_for_ever(const char *path, unsigned long *numbers, int which)
{
    struct ratelimit *limit = limit_open(path);
    char key[20];

    for (unsigned i = 0;; i++) {
        ratelimit_take(limit, "api", "hot", endless, 1);
        number_add(numbers);
        snprintf(key, sizeof key, "%d.%u", which, i);
        ratelimit_take(limit, "api", key, endless, 1);
    }
}

static int
test_killed(const char *path)
{
    unsigned long *numbers = shared_numbers();
    struct ratelimit *limit = limit_open(path);
    int killed = processes_kill(take_for_ever, path, numbers, 100);
    struct rate_state state = ratelimit_take(limit, "api", "hot", endless, 0);
    long taken = endless.requests - state.remaining, known = (long)number_get(numbers);
    char key[20];
    int failures = 0;

    /* Each of the killed may have been counted without having said so. */
    if (taken < known || taken > known + killed)
        failures += unequal("taken", known, taken);
    for (int i = 0; i < 20000; i++) {
        snprintf(key, sizeof key, "after %d", i);
        failures += unequal(key, true, ratelimit_take(limit, "api", key, endless, 1).admitted);
    }
    ratelimit_close(limit);
    return failures;
}

/* Opens a table that is made anew every time. */
static void
make_for_ever(const char *path, unsigned long *numbers, int which)
{
    (void)which;
    for (;;) {
        unlink(path);
        ratelimit_close(limit_open(path));
        number_add(numbers);
    }
}

static int
test_killed_making(const char *path)
{
    processes_kill(make_for_ever, path, shared_numbers(), 20);
    return test_exact(path);
}

static int
test_restart(const char *path)
{
    static const struct rate rate = { 5, YEAR };
    int failures = 0;

    for (long remaining = 4; remaining >= 0; remaining--) {
        struct ratelimit *limit = limit_open(path);
        failures +=
            unequal("remaining", remaining, ratelimit_take(limit, "api", "a", rate, 1).remaining);
        ratelimit_close(limit);
    }
    return failures;
}

static int
test_damaged(const char *path)
{
    static const struct rate rate = { 5, YEAR };
    static const char *const damages[] = { "none", "empty", "short", "longer", "foreign", "boot" };
    struct ratelimit *limit = limit_open(path);
    long long size = file_size(path);
    int failures = 0;

    ratelimit_close(limit);
    for (size_t i = 0; i < COUNT(damages); i++) {
        const char *damage = damages[i];
        bool good = true;
        limit = limit_open(path);
        long used = rate.requests - ratelimit_take(limit, "api", "a", rate, 1).remaining;
        ratelimit_close(limit);
        if (strcmp(damage, "empty") == 0)
            good = truncate(path, 0) == 0;
        else if (strcmp(damage, "short") == 0)
            good = truncate(path, (off_t)(size - 1)) == 0;
        else if (strcmp(damage, "longer") == 0)
            file_fill(path, (size_t)size, "x", 1);
        else if (strcmp(damage, "foreign") == 0)
            file_fill(path, 0, "SQLite format 3", 16);
        else if (strcmp(damage, "boot") == 0) /* the table of the boot before */
            file_fill(path, 24, "00000000", 8);
        failures += unequal("could damage it", true, good);
        limit = limit_open(path);
        failures +=
            unequal(damage, strcmp(damage, "none") == 0 ? rate.requests - used : rate.requests,
                    ratelimit_take(limit, "api", "a", rate, 0).remaining);
        failures += unequal("size", size, file_size(path));
        ratelimit_close(limit);
    }
    /* Rubbish in the places: a key finds one all the same. */
    char rubbish[4096];
    for (int byte = 0x7f; byte <= 0xff; byte += 0x80) {
        memset(rubbish, byte, sizeof rubbish);
        for (size_t at = 128; at + sizeof rubbish <= (size_t)size; at += sizeof rubbish)
            file_fill(path, at, rubbish, sizeof rubbish);
        limit = limit_open(path);
        failures += unequal("rubbish", 4, ratelimit_take(limit, "api", "a", rate, 1).remaining);
        failures += unequal("rubbish", 3, ratelimit_take(limit, "api", "a", rate, 1).remaining);
        ratelimit_close(limit);
    }
    struct error why;
    failures += unequal("no folder", true, ratelimit_open("/nowhere/limits", &why) == NULL);
    failures += differs("why", "cannot open /nowhere/limits: No such file or directory", why.text);
    return failures;
}

static int
test_bounded(const char *path)
{
    static const struct rate rate = { 10, HOUR };
    struct ratelimit *limit = limit_open(path);
    long long size = file_size(path);
    char key[40];
    int failures = 0;

    ratelimit_take(limit, "api", "deep in debt", rate, 10);
    for (int i = 0; i < 200000; i++) {
        snprintf(key, sizeof key, "key %d", i);
        if (!ratelimit_take(limit, "api", key, rate, 1).admitted)
            failures += differs(key, "admitted", "refused");
    }
    failures += unequal("size", size, file_size(path));
    failures += unequal("the deepest debt stays", false,
                        ratelimit_take(limit, "api", "deep in debt", rate, 1).admitted);
    ratelimit_close(limit);
    return failures;
}

/* The metrics' text; the caller frees it with buf_free(). */
static const char *
counts_text(struct metrics *metrics, struct buf *text)
{
    buf_init(text, 4 << 20);
    buf_byte(text, '\n');
    metrics_put(metrics, text);
    if (!buf_ok(text))
        give_up("the text is larger than 4 MB");
    return buf_string(text);
}

/* The value of one sample, -1 when there is none. */
static long long
sample(const char *text, const char *name)
{
    char line[300];

    snprintf(line, sizeof line, "\n%s ", name);
    const char *found = strstr(text, line);
    return found == NULL ? -1 : strtoll(found + strlen(line), NULL, 10);
}

/* How many lines begin so, and what their values are in sum. */
static long long
samples(const char *text, const char *start, long long *sum)
{
    char line[100];
    long long count = 0;

    *sum = 0;
    snprintf(line, sizeof line, "\n%s", start);
    for (text = strstr(text, line); text != NULL; text = strstr(text + 1, line), count++)
        *sum += strtoll(strstr(text, "} ") + 2, NULL, 10);
    return count;
}

enum { ROUTES = 100, COUNTED = 200 * ROUTES };

/* All come to each route at once: at first, they find it without a place. */
static void
count_many(const char *path, unsigned long *numbers, int which)
{
    struct metrics *metrics = counts_open(path);
    char route[20];

    (void)which;
    for (unsigned i = 0; i < COUNTED; i++) {
        snprintf(route, sizeof route, "/api/%u", i % ROUTES);
        if (i < ROUTES)
            meet(numbers, i + 1);
        metrics_request(metrics, "GET", route, 200, 10, 100);
        metrics_count(metrics, METRIC_VOTES);
    }
    metrics_close(metrics);
}

static int
test_counts(const char *path)
{
    int failures = processes_run(count_many, path, shared_numbers());

    failures += processes_run(count_many, path, shared_numbers()); /* started anew, they go on */
    long long requests = 2LL * PROCESSES * COUNTED, sum;
    struct metrics *metrics = counts_open(path);
    struct buf buf;
    const char *text = counts_text(metrics, &buf);

    failures += unequal("votes", requests, sample(text, "leaderboard_votes_total"));
    failures += unequal("a route", requests / ROUTES,
                        sample(text, "leaderboard_http_requests_total"
                                     "{method=\"GET\",route=\"/api/7\",status=\"200\"}"));
    failures += unequal("routes", ROUTES, samples(text, "leaderboard_http_requests_total{", &sum));
    failures += unequal("requests", requests, sum);
    samples(text, "leaderboard_http_response_bytes_total{", &sum);
    failures += unequal("bytes", requests * 10, sum);
    buf_free(&buf);
    metrics_close(metrics);
    return failures;
}

/* At first, each request has a route that was not there. */
static void
claim_for_ever(const char *path, unsigned long *numbers, int which)
{
    struct metrics *metrics = counts_open(path);
    char route[40];

    (void)which;
    for (;;) {
        snprintf(route, sizeof route, "/api/%lu", number_get(numbers) % ROUTES);
        metrics_request(metrics, "GET", route, 200, 0, 0);
        number_add(numbers);
    }
}

static int
test_counts_killed(const char *path)
{
    int failures = 0;

    for (int round = 0; round < 20; round++) {
        unsigned long *numbers = shared_numbers();
        struct metrics *metrics = counts_open(path);
        int killed = processes_kill(claim_for_ever, path, numbers, 5);
        long long known = (long long)number_get(numbers) + ROUTES, sum;
        char route[40];
        struct buf buf;
        for (int i = 0; i < ROUTES; i++) {
            snprintf(route, sizeof route, "/api/%d", i);
            metrics_request(metrics, "GET", route, 200, 0, 0);
        }
        const char *text = counts_text(metrics, &buf);
        failures +=
            unequal("routes", ROUTES, samples(text, "leaderboard_http_requests_total{", &sum));
        /* Each of the killed may have been counted without having said so. */
        if (sum < known || sum > known + killed)
            failures += unequal("requests", known, sum);
        buf_free(&buf);
        metrics_close(metrics);
        munmap(numbers, 4096);
        unlink(path);
    }
    return failures;
}

static int
test_routes(const char *path)
{
    struct metrics *metrics = counts_open(path);
    long long size = file_size(path), sum;
    char route[200];
    struct buf buf;
    int failures = 0;

    for (int i = 0; i < 200; i++) {
        snprintf(route, sizeof route, "/api/%d", i);
        metrics_request(metrics, "GET", route, 200, 0, 0);
    }
    memset(route, 'x', sizeof route - 1);
    metrics_request(metrics, "POST", route, 200, 0, 0);
    const char *text = counts_text(metrics, &buf);
    failures += unequal("places", 130, samples(text, "leaderboard_http_requests_total{", &sum));
    failures += unequal("requests", 201, sum);
    failures += unequal("beyond them", 72,
                        sample(text, "leaderboard_http_requests_total"
                                     "{method=\"GET\",route=\"other\",status=\"200\"}"));
    failures += unequal("a long one", 1,
                        sample(text, "leaderboard_http_requests_total"
                                     "{method=\"POST\",route=\"other\",status=\"200\"}"));
    failures += unequal("size", size, file_size(path));
    buf_free(&buf);
    metrics_close(metrics);
    return failures;
}

/* Some of everything, for `text` and for promtool. */
static void
count_some(struct metrics *metrics)
{
    metrics_request(metrics, "GET", "/api/models/{id}/status", 200, 1000, 100);
    metrics_request(metrics, "GET", "/api/models/{id}/status", 200, 500, 101);
    metrics_request(metrics, "GET", "/api/models/{id}/status", 404, 24, 60000000);
    metrics_request(metrics, "BREW", "-", 418, 0, 0);
    metrics_request(metrics, "GET", "a\"b\\c\nd", 304, 0, 0);
    for (int i = 0; i < METRICS; i++)
        for (int n = 0; n <= i; n++)
            metrics_count(metrics, (enum metric)i);
}

static int
test_text(const char *path)
{
    static const char *const expected[] = {
        "# HELP leaderboard_http_requests_total Requests answered.\n"
        "# TYPE leaderboard_http_requests_total counter\n"
        "leaderboard_http_requests_total{method=\"GET\",route=\"/api/models/{id}/status\","
        "status=\"200\"} 2\n"
        "leaderboard_http_requests_total{method=\"GET\",route=\"/api/models/{id}/status\","
        "status=\"404\"} 1\n"
        "leaderboard_http_requests_total{method=\"OTHER\",route=\"-\",status=\"other\"} 1\n"
        "leaderboard_http_requests_total{method=\"GET\",route=\"a\\\"b\\\\c\\nd\","
        "status=\"304\"} 1\n"
        "# HELP leaderboard_http_request_duration_seconds Time from a request to its answer.\n"
        "# TYPE leaderboard_http_request_duration_seconds histogram\n"
        "leaderboard_http_request_duration_seconds_bucket{method=\"GET\","
        "route=\"/api/models/{id}/status\",le=\"0.0001\"} 1\n"
        "leaderboard_http_request_duration_seconds_bucket{method=\"GET\","
        "route=\"/api/models/{id}/status\",le=\"0.00025\"} 2\n",
        "leaderboard_http_request_duration_seconds_bucket{method=\"GET\","
        "route=\"/api/models/{id}/status\",le=\"10\"} 2\n"
        "leaderboard_http_request_duration_seconds_bucket{method=\"GET\","
        "route=\"/api/models/{id}/status\",le=\"+Inf\"} 3\n"
        "leaderboard_http_request_duration_seconds_sum{method=\"GET\","
        "route=\"/api/models/{id}/status\"} 60.000201\n"
        "leaderboard_http_request_duration_seconds_count{method=\"GET\","
        "route=\"/api/models/{id}/status\"} 3\n",
        "# TYPE leaderboard_http_response_bytes_total counter\n"
        "leaderboard_http_response_bytes_total{method=\"GET\",route=\"/api/models/{id}/status\"} "
        "1524\n",
        "# HELP leaderboard_rate_limited_total Requests refused with 429.\n"
        "# TYPE leaderboard_rate_limited_total counter\n"
        "leaderboard_rate_limited_total 1\n"
        "# HELP leaderboard_auth_total Tokens by how their check ended.\n"
        "# TYPE leaderboard_auth_total counter\n"
        "leaderboard_auth_total{outcome=\"cached\"} 2\n"
        "leaderboard_auth_total{outcome=\"asked\"} 3\n"
        "leaderboard_auth_total{outcome=\"refused\"} 4\n"
        "leaderboard_auth_total{outcome=\"other_user\"} 5\n"
        "leaderboard_auth_total{outcome=\"unavailable\"} 6\n",
        "leaderboard_model_facts_total{source=\"cache\"} 7\n"
        "leaderboard_model_facts_total{source=\"hub\"} 8\n",
        "leaderboard_bodies_total{source=\"kept\"} 9\n"
        "leaderboard_bodies_total{source=\"made\"} 10\n",
        "leaderboard_not_modified_total 11\n",
        "leaderboard_votes_total 12\n",
        "leaderboard_submissions_total 13\n",
    };
    struct metrics *metrics = counts_open(path);
    struct buf buf;
    int failures = 0;

    count_some(metrics);
    const char *text = counts_text(metrics, &buf);
    for (size_t i = 0; i < COUNT(expected); i++)
        if (strstr(text, expected[i]) == NULL)
            failures += differs("text", expected[i], text);
    buf_free(&buf);
    metrics_close(metrics);

    /* Without metrics nothing happens. */
    buf_init(&buf, 100);
    count_some(NULL);
    metrics_put(NULL, &buf);
    failures += differs("no metrics", "", buf_string(&buf));
    metrics_close(NULL);
    return failures;
}

static int
test_counts_damaged(const char *path)
{
    static const char *const damages[] = { "none", "short", "foreign" };
    int failures = 0;

    for (size_t i = 0; i < COUNT(damages); i++) {
        struct metrics *metrics = counts_open(path);
        struct buf buf;
        bool good = true;
        metrics_count(metrics, METRIC_VOTES);
        metrics_close(metrics);
        if (strcmp(damages[i], "short") == 0)
            good = truncate(path, 100) == 0;
        else if (strcmp(damages[i], "foreign") == 0)
            file_fill(path, 0, "SQLite format 3", 16);
        failures += unequal("could damage it", true, good);
        metrics = counts_open(path);
        failures += unequal(damages[i], strcmp(damages[i], "none") == 0 ? 1 : 0,
                            sample(counts_text(metrics, &buf), "leaderboard_votes_total"));
        buf_free(&buf);
        metrics_close(metrics);
    }
    return failures;
}

/* Prints the text, for promtool to read. */
static int
print_none(const char *path)
{
    struct metrics *metrics = counts_open(path);
    struct buf buf;

    fputs(counts_text(metrics, &buf) + 1, stdout);
    buf_free(&buf);
    metrics_close(metrics);
    return 0;
}

static int
print_some(const char *path)
{
    struct metrics *metrics = counts_open(path);

    count_some(metrics);
    metrics_close(metrics);
    return print_none(path);
}

static const struct {
    const char *name;
    int (*run)(const char *path);
} tests[] = {
    { "networks", test_networks },
    { "clients", test_clients },
    { "keys", test_keys },
    { "arithmetic", test_arithmetic },
    { "apart", test_apart },
    { "clamped", test_clamped },
    { "exact", test_exact },
    { "race", test_race },
    { "killed", test_killed },
    { "killed-making", test_killed_making },
    { "restart", test_restart },
    { "damaged", test_damaged },
    { "bounded", test_bounded },
    { "counts", test_counts },
    { "counts-killed", test_counts_killed },
    { "counts-damaged", test_counts_damaged },
    { "routes", test_routes },
    { "text", test_text },
    { "print-none", print_none },
    { "print-some", print_some },
};

int
main(int argc, char **argv)
{
    /* A process that waits for ever is what some of these look for. */
    alarm(120);
    for (size_t i = 0; i < COUNT(tests); i++) {
        if (argc < 3)
            puts(tests[i].name);
        else if (strcmp(argv[1], tests[i].name) == 0)
            return tests[i].run(argv[2]) == 0 ? 0 : 1;
    }
    return argc < 3 ? 0 : EXIT_USAGE;
}
