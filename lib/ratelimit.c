/* The table is a hash table of sets with a few ways each. A key's set and fingerprint come from
 * SipHash under a secret of the file's own, so nobody can look for addresses that collide.
 *
 * A key that has its place is counted without a lock: its one time is exchanged for the next, or,
 * when another process was quicker, the count is made again from what that left. Only a new key
 * locks its set, so that it gets one place and not two, by a lock that the kernel keeps
 * (F_OFD_SETLKW) on a byte of the file that stands for the set: it is gone with its holder, however
 * that ended. A mutex in the file would have to be mended after that.
 *
 * The clock is CLOCK_BOOTTIME. Nobody can set it, so nobody is locked out when the time of day is
 * put back, nor admitted anew when it is put forward. It starts again at zero with a boot: then the
 * table is made anew, which forgives a debt that the reboot will mostly have outlasted anyway. That
 * also means that what reaches the disk does not matter: no reader ever sees it after a crash. */
#include "ratelimit.h"

#include "buf.h"
#include "file.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SETS = 8192, WAYS = 8, SECRET = 16 };

#define SECOND     INT64_C(1000000000)
#define WINDOW_MAX (INT64_C(946080000) * SECOND) /* 30 years: sums of times cannot overflow */

struct entry {
    uint64_t fingerprint;
    int64_t empty; /* when the key's bucket is, in nanoseconds since the boot; past: it is free */
};

struct table {
    char layout[24]; /* count it up with each change of what follows */
    char boot[40];   /* the kernel's name for this boot, which the times belong to */
    unsigned char secret[SECRET];
    char unused[48]; /* so that a set is two lines of the processor's cache */
    struct entry sets[SETS][WAYS];
};

struct ratelimit {
    struct table *table;
    int fd;
    EVP_MAC *mac;
    EVP_MAC_CTX *hash;
};

static bool
boot_read(char boot[40], struct error *why)
{
    struct buf text;

    buf_init(&text, 39);
    bool good = file_read("/proc/sys/kernel/random/boot_id", &text, why);
    if (good)
        memcpy(boot, buf_string(&text), text.length);
    buf_free(&text);
    return good;
}

struct ratelimit *
ratelimit_open(const char *path, struct error *why)
{
    struct ratelimit *limit = mem_zero(1, sizeof *limit);
    struct table *image = mem_zero(1, sizeof *image);

    memcpy(image->layout, "leaderboard limits 1\n", sizeof "leaderboard limits 1\n");
    limit->fd = -1;
    if (getrandom(image->secret, SECRET, 0) != SECRET)
        error_set(why, "no random bytes: %s", strerror(errno));
    else if ((limit->mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL)) == NULL ||
             (limit->hash = EVP_MAC_CTX_new(limit->mac)) == NULL)
        error_set(why, "libcrypto has no SipHash");
    else if (boot_read(image->boot, why))
        limit->table =
            file_map(path, image, offsetof(struct table, secret), sizeof *image, &limit->fd, why);
    free(image);
    if (limit->table != NULL)
        return limit;
    ratelimit_close(limit);
    return NULL;
}

void
ratelimit_close(struct ratelimit *limit)
{
    if (limit == NULL)
        return;
    if (limit->table != NULL) {
        munmap(limit->table, sizeof *limit->table);
        close(limit->fd);
    }
    EVP_MAC_CTX_free(limit->hash);
    EVP_MAC_free(limit->mac);
    free(limit);
}

/* Sixteen bytes of SipHash: the set, and the fingerprint in it. It allocates nothing and so does
 * not fail; if it did, keys would share a bucket. */
static void
key_hash(struct ratelimit *limit, const char *group, const char *key, uint64_t hash[2])
{
    size_t size;

    hash[0] = hash[1] = 0;
    if (EVP_MAC_init(limit->hash, limit->table->secret, SECRET, NULL) &&
        EVP_MAC_update(limit->hash, (const unsigned char *)group, strlen(group) + 1) &&
        EVP_MAC_update(limit->hash, (const unsigned char *)key, strlen(key)))
        EVP_MAC_final(limit->hash, (unsigned char *)hash, &size, 2 * sizeof hash[0]);
}

/* Without the lock (the kernel has no memory for it) the count may miss a request, which is better
 * than no answer. */
static void
set_lock(const struct ratelimit *limit, uint64_t set, short kind)
{
    struct flock lock = { .l_type = kind, .l_whence = SEEK_SET, .l_start = (off_t)set, .l_len = 1 };

    while (fcntl(limit->fd, F_OFD_SETLKW, &lock) != 0 && errno == EINTR)
        ;
}

static int64_t
boot_time(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return now.tv_sec * SECOND + now.tv_nsec;
}

static long
seconds_up(int64_t nanoseconds)
{
    return nanoseconds <= 0 ? 0 : (long)((nanoseconds + SECOND - 1) / SECOND);
}

static int64_t
between(int64_t low, int64_t value, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* GCRA, in nanoseconds, on a bucket that is empty at the time `empty`; *next is when it is
 * afterwards. `debt` is how long it takes to be empty, `full` what it holds: exactly `requests`
 * times the interval, whatever the division left. */
static struct rate_state
bucket_take(int64_t empty, int64_t now, struct rate rate, int64_t cost, int64_t *next)
{
    int64_t window = between(1, rate.window_s, WINDOW_MAX / SECOND) * SECOND;
    int64_t requests = between(1, rate.requests, window);
    int64_t interval = window / requests, full = interval * requests;
    int64_t debt = between(now, empty, INT64_MAX) - now;
    struct rate_state state;

    bool beyond = debt > full;
    debt = beyond ? full : debt;
    int64_t wanted = between(1, cost, requests);
    state.admitted = cost <= requests && debt + wanted * interval <= full;
    if (state.admitted) {
        debt += cost * interval;
        wanted = 1;
    }
    state.remaining = (long)((full - debt) / interval);
    state.reset_s = seconds_up(debt);
    state.retry_s = seconds_up(debt + wanted * interval - full);
    /* A time that is beyond a window is brought back even when nothing is counted: kept, it would
     * refuse the key until that time. */
    *next = (state.admitted && cost > 0) || beyond ? now + debt : empty;
    return state;
}

/* The place of a key in its set, with its time, or NULL. */
static struct entry *
set_find(struct entry *set, uint64_t fingerprint, int64_t *empty)
{
    for (int i = 0; i < WAYS; i++) {
        if (__atomic_load_n(&set[i].fingerprint, __ATOMIC_ACQUIRE) != fingerprint)
            continue;
        *empty = __atomic_load_n(&set[i].empty, __ATOMIC_ACQUIRE);
        /* The time may be that of a key that has just got the place. */
        if (__atomic_load_n(&set[i].fingerprint, __ATOMIC_ACQUIRE) == fingerprint)
            return &set[i];
    }
    return NULL;
}

/* Gives a new key the place that is free, or nearest to it, of a locked set. A process can be
 * killed between any two stores: at each point the place is nobody's, or whole. */
static void
set_claim(struct entry *set, uint64_t fingerprint, int64_t empty)
{
    struct entry *entry = &set[0];

    for (int i = 1; i < WAYS; i++)
        if (__atomic_load_n(&set[i].empty, __ATOMIC_RELAXED) <
            __atomic_load_n(&entry->empty, __ATOMIC_RELAXED))
            entry = &set[i];
    __atomic_store_n(&entry->fingerprint, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&entry->empty, empty, __ATOMIC_RELEASE);
    __atomic_store_n(&entry->fingerprint, fingerprint, __ATOMIC_RELEASE);
}

struct rate_state
ratelimit_take(struct ratelimit *limit, const char *group, const char *key, struct rate rate,
               unsigned cost)
{
    struct rate_state state;
    uint64_t hash[2], number;
    int64_t empty, next, now = boot_time();
    bool locked = false;

    key_hash(limit, group, key, hash);
    number = hash[0] % SETS;
    struct entry *set = limit->table->sets[number], *entry;
    for (;;) {
        entry = set_find(set, hash[1], &empty);
        state = bucket_take(entry == NULL ? 0 : empty, now, rate, cost, &next);
        if (entry == NULL) {
            if (next == 0)
                break; /* nothing to be kept */
            if (locked) {
                set_claim(set, hash[1], next);
                break;
            }
            set_lock(limit, number, F_WRLCK);
            locked = true; /* look again: another process may have given the key its place */
        } else if (next == empty ||
                   __atomic_compare_exchange_n(&entry->empty, &empty, next, false, __ATOMIC_ACQ_REL,
                                               __ATOMIC_RELAXED)) {
            break;
        }
    }
    if (locked)
        set_lock(limit, number, F_UNLCK);
    return state;
}
