#include "hubquota.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

enum { CALLERS = 256, WHO_MAX = 128 };

struct hubquota {
    long limits[HUBQUOTA_BUCKETS];
    struct caller {
        char who[WHO_MAX];
        time_t since;
        long used[HUBQUOTA_BUCKETS];
    } callers[CALLERS];
};

static const struct {
    const char *name, *setting;
    long initial;
} buckets[] = {
    [HUBQUOTA_API] = { "api", "HUB_RATE_API", 1000 },
    [HUBQUOTA_RESOLVERS] = { "resolvers", "HUB_RATE_RESOLVERS", 5000 },
};

struct hubquota *
hubquota_open(void)
{
    struct hubquota *quota = mem_zero(1, sizeof *quota);

    for (int i = 0; i < HUBQUOTA_BUCKETS; i++) {
        const char *text = getenv(buckets[i].setting);
        long limit = text == NULL ? 0 : strtol(text, NULL, 10);
        quota->limits[i] = limit > 0 ? limit : buckets[i].initial;
    }
    return quota;
}

void
hubquota_close(struct hubquota *quota)
{
    free(quota);
}

/* The caller's place, or the one that has been there longest. */
static struct caller *
caller_find(struct hubquota *quota, const char *who, time_t now)
{
    struct caller *oldest = &quota->callers[0];

    for (int i = 0; i < CALLERS; i++) {
        struct caller *caller = &quota->callers[i];
        if (strncmp(caller->who, who, WHO_MAX - 1) == 0) {
            oldest = caller;
            break;
        }
        if (caller->since < oldest->since)
            oldest = caller;
    }
    if (strncmp(oldest->who, who, WHO_MAX - 1) != 0 || now - oldest->since >= HUBQUOTA_WINDOW_S) {
        *oldest = (struct caller){ .since = now };
        memcpy(oldest->who, who, strnlen(who, WHO_MAX - 1));
    }
    return oldest;
}

bool
hubquota_take(struct hubquota *quota, enum hubquota_bucket bucket, const char *who, time_t now,
              long *left, long *reset_s)
{
    struct caller *caller = caller_find(quota, who, now);
    bool granted = caller->used[bucket] < quota->limits[bucket];

    caller->used[bucket] += granted;
    *left = quota->limits[bucket] - caller->used[bucket];
    *reset_s = caller->since + HUBQUOTA_WINDOW_S - now;
    return granted;
}

const char *
hubquota_name(enum hubquota_bucket bucket)
{
    return buckets[bucket].name;
}

long
hubquota_limit(const struct hubquota *quota, enum hubquota_bucket bucket)
{
    return quota->limits[bucket];
}
