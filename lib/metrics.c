/* A series is what is counted for one method and route. The first ones are the route "other" of
 * each method, which takes what finds no place of its own; each further one is claimed when its
 * first request is counted. Claims are made under a lock of the kernel's: the name is written first
 * and the number of series raised last, in one store, so a process that is killed in between leaves
 * nothing behind. Counting never locks. */
#include "metrics.h"

#include "file.h"

#include "mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const methods[] = { "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "OTHER" };

static const int statuses[] = { 200, 201, 202, 204, 206, 301, 302, 303, 304, 307, 308, 400,
                                401, 403, 404, 405, 406, 408, 409, 410, 411, 412, 413, 414,
                                415, 416, 422, 428, 429, 431, 500, 501, 502, 503, 504 };

static const struct {
    uint64_t microseconds;
    const char *seconds;
} limits[] = {
    { 100, "0.0001" },      { 250, "0.00025" }, { 500, "0.0005" },  { 1000, "0.001" },
    { 2500, "0.0025" },     { 5000, "0.005" },  { 10000, "0.01" },  { 25000, "0.025" },
    { 50000, "0.05" },      { 100000, "0.1" },  { 250000, "0.25" }, { 500000, "0.5" },
    { 1000000, "1" },       { 2500000, "2.5" }, { 5000000, "5" },   { 10000000, "10" },
    { UINT64_MAX, "+Inf" },
};

/* Those of one family follow each other, and the first has its help. */
static const struct {
    const char *family, *label, *help;
} counters[METRICS] = {
    [METRIC_RATE_LIMITED] = { "rate_limited_total", "", "Requests refused with 429." },
    [METRIC_AUTH_CACHED] = { "auth_total", "{outcome=\"cached\"}",
                             "Tokens by how their check ended." },
    [METRIC_AUTH_ASKED] = { "auth_total", "{outcome=\"asked\"}", NULL },
    [METRIC_AUTH_REFUSED] = { "auth_total", "{outcome=\"refused\"}", NULL },
    [METRIC_AUTH_OTHER] = { "auth_total", "{outcome=\"other_user\"}", NULL },
    [METRIC_AUTH_UNAVAILABLE] = { "auth_total", "{outcome=\"unavailable\"}", NULL },
    [METRIC_MODEL_CACHED] = { "model_facts_total", "{source=\"cache\"}",
                              "Models by where their facts came from." },
    [METRIC_MODEL_ASKED] = { "model_facts_total", "{source=\"hub\"}", NULL },
    [METRIC_BODY_KEPT] = { "bodies_total", "{source=\"kept\"}",
                           "Answers by where their body came from." },
    [METRIC_BODY_MADE] = { "bodies_total", "{source=\"made\"}", NULL },
    [METRIC_NOT_MODIFIED] = { "not_modified_total", "", "Answers that the client had already." },
    [METRIC_VOTES] = { "votes_total", "", "Votes taken." },
    [METRIC_SUBMISSIONS] = { "submissions_total", "", "Submissions taken." },
};

enum { SERIES = COUNT(methods) + 128 };

struct series {
    char route[92];
    uint32_t method;
    uint64_t statuses[COUNT(statuses) + 1]; /* the last: all others */
    uint64_t durations[COUNT(limits)];
    uint64_t microseconds, bytes;
};

struct counts {
    char layout[32]; /* count it up with each change of what follows and of the tables above */
    uint64_t counters[METRICS];
    uint64_t used; /* series that are claimed */
    struct series series[SERIES];
};

struct metrics {
    struct counts *counts;
    int fd;
};

static void
add(uint64_t *counter, uint64_t value)
{
    __atomic_fetch_add(counter, value, __ATOMIC_RELAXED);
}

static uint64_t
get(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

struct metrics *
metrics_open(const char *path, struct error *why)
{
    struct metrics *metrics = mem_zero(1, sizeof *metrics);
    struct counts *image = mem_zero(1, sizeof *image);

    memcpy(image->layout, "leaderboard metrics 1\n", sizeof "leaderboard metrics 1\n");
    for (uint32_t i = 0; i < COUNT(methods); i++)
        image->series[i] = (struct series){ .route = "other", .method = i };
    image->used = COUNT(methods);
    metrics->counts = file_map(path, image, sizeof image->layout, sizeof *image, &metrics->fd, why);
    free(image);
    if (metrics->counts != NULL)
        return metrics;
    free(metrics);
    return NULL;
}

void
metrics_close(struct metrics *metrics)
{
    if (metrics == NULL)
        return;
    munmap(metrics->counts, sizeof *metrics->counts);
    close(metrics->fd);
    free(metrics);
}

/* How many series there are, whatever the file says. */
static size_t
series_used(const struct counts *counts)
{
    uint64_t used = __atomic_load_n(&counts->used, __ATOMIC_ACQUIRE);

    return used < SERIES ? (size_t)used : SERIES;
}

static struct series *
series_find(struct counts *counts, size_t first, size_t end, uint32_t method, const char *route)
{
    for (size_t i = first; i < end; i++) {
        struct series *series = &counts->series[i];
        if (series->method == method && strncmp(series->route, route, sizeof series->route) == 0)
            return series;
    }
    return NULL;
}

/* The series of a route that was not there a moment ago: another process may have been quicker. */
static struct series *
series_claim(struct metrics *metrics, size_t known, uint32_t method, const char *route)
{
    struct counts *counts = metrics->counts;
    struct series *series = NULL;

    if (flock(metrics->fd, LOCK_EX) == 0) {
        size_t used = series_used(counts);
        series = series_find(counts, known, used, method, route);
        if (series == NULL && used < SERIES) {
            series = &counts->series[used];
            series->method = method;
            memcpy(series->route, route, strlen(route) + 1);
            __atomic_store_n(&counts->used, used + 1, __ATOMIC_RELEASE);
        }
        flock(metrics->fd, LOCK_UN);
    }
    return series;
}

static struct series *
series_of(struct metrics *metrics, const char *method, const char *route)
{
    struct counts *counts = metrics->counts;
    size_t used = series_used(counts);
    struct series *series = NULL;
    uint32_t m = 0;

    while (m < COUNT(methods) - 1 && strcmp(methods[m], method) != 0)
        m++;
    if (strlen(route) < sizeof series->route) {
        series = series_find(counts, 0, used, m, route);
        if (series == NULL && used < SERIES)
            series = series_claim(metrics, used, m, route);
    }
    return series != NULL ? series : &counts->series[m];
}

void
metrics_request(struct metrics *metrics, const char *method, const char *route, int status,
                uint64_t bytes, uint64_t microseconds)
{
    size_t s = 0, d = 0;

    if (metrics == NULL)
        return;
    struct series *series = series_of(metrics, method, route);
    while (s < COUNT(statuses) && statuses[s] != status)
        s++;
    while (microseconds > limits[d].microseconds)
        d++;
    add(&series->statuses[s], 1);
    add(&series->durations[d], 1);
    add(&series->microseconds, microseconds);
    add(&series->bytes, bytes);
}

void
metrics_count(struct metrics *metrics, enum metric metric)
{
    if (metrics != NULL)
        add(&metrics->counts->counters[metric], 1);
}

static void
put_head(struct buf *out, const char *family, const char *kind, const char *help)
{
    buf_format(out, "# HELP leaderboard_%s %s\n# TYPE leaderboard_%s %s\n", family, help, family,
               kind);
}

/* A sample's name and its first labels, without the closing brace. */
static void
put_name(struct buf *out, const char *family, const struct series *series)
{
    buf_format(out, "leaderboard_%s{method=\"%s\",route=\"", family,
               methods[series->method % COUNT(methods)]);
    for (size_t i = 0; i < sizeof series->route && series->route[i] != '\0'; i++) {
        char c = series->route[i];
        if (c == '\\' || c == '"' || c == '\n')
            buf_byte(out, '\\');
        buf_byte(out, c == '\n' ? 'n' : c);
    }
    buf_byte(out, '"');
}

static void
put_statuses(struct buf *out, const struct series *series)
{
    for (size_t s = 0; s <= COUNT(statuses); s++) {
        uint64_t count = get(&series->statuses[s]);
        if (count == 0)
            continue;
        put_name(out, "http_requests_total", series);
        if (s < COUNT(statuses))
            buf_format(out, ",status=\"%d\"} %" PRIu64 "\n", statuses[s], count);
        else
            buf_format(out, ",status=\"other\"} %" PRIu64 "\n", count);
    }
}

/* The count is the sum of the buckets as they were read, so that both agree while others count. */
static void
put_durations(struct buf *out, const struct series *series)
{
    uint64_t count = 0, sum = get(&series->microseconds);

    for (size_t d = 0; d < COUNT(limits); d++) {
        count += get(&series->durations[d]);
        put_name(out, "http_request_duration_seconds_bucket", series);
        buf_format(out, ",le=\"%s\"} %" PRIu64 "\n", limits[d].seconds, count);
    }
    put_name(out, "http_request_duration_seconds_sum", series);
    buf_format(out, "} %" PRIu64 ".%06" PRIu64 "\n", sum / 1000000, sum % 1000000);
    put_name(out, "http_request_duration_seconds_count", series);
    buf_format(out, "} %" PRIu64 "\n", count);
}

static void
put_bytes(struct buf *out, const struct series *series)
{
    put_name(out, "http_response_bytes_total", series);
    buf_format(out, "} %" PRIu64 "\n", get(&series->bytes));
}

/* A series that only holds its name has nothing to say. */
static bool
is_counted(const struct series *series)
{
    uint64_t count = 0;

    for (size_t d = 0; d < COUNT(limits); d++)
        count += get(&series->durations[d]);
    return count > 0;
}

void
metrics_put(struct metrics *metrics, struct buf *out)
{
    static const struct {
        const char *family, *kind, *help;
        void (*put)(struct buf *out, const struct series *series);
    } parts[] = {
        { "http_requests_total", "counter", "Requests answered.", put_statuses },
        { "http_request_duration_seconds", "histogram", "Time from a request to its answer.",
          put_durations },
        { "http_response_bytes_total", "counter", "Bytes of bodies sent.", put_bytes },
    };

    if (metrics == NULL)
        return;
    for (size_t i = 0; i < COUNT(parts); i++) {
        put_head(out, parts[i].family, parts[i].kind, parts[i].help);
        for (size_t s = 0; s < series_used(metrics->counts); s++)
            if (is_counted(&metrics->counts->series[s]))
                parts[i].put(out, &metrics->counts->series[s]);
    }
    for (size_t i = 0; i < METRICS; i++) {
        if (counters[i].help != NULL)
            put_head(out, counters[i].family, "counter", counters[i].help);
        buf_format(out, "leaderboard_%s%s %" PRIu64 "\n", counters[i].family, counters[i].label,
                   get(&metrics->counts->counters[i]));
    }
}
