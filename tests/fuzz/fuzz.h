/* fuzz: what the fuzzers share. A fuzzer is one file, tests/fuzz/NAME.c, which includes this once
 * and defines the three target_ functions.
 *
 * tests/fuzz/run.sh builds it with libFuzzer. With -DFUZZ_REPLAY it is a program, for any compiler:
 * it runs the files that it is given, or without any its seeds, whole and cut off; `--seeds DIR`
 * writes these. */
#ifndef FUZZ_H
#define FUZZ_H

#include "buf.h"
#include "config.h"
#include "error.h"
#include "file.h"

#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FUZZ_CUTS = 200 /* lengths at which a seed is cut off */ };

/* Makes ready for the first input. */
static void target_start(void);

/* Takes one input; a copy of just its length, so that a sanitizer sees a byte read beyond it. */
static void target_run(const char *bytes, size_t length);

/* Appends the seed of that number, from 0; false when there are no more. */
static bool target_seed(size_t number, struct buf *out);

/* Seeds that are texts. */
#define FUZZ_SEEDS(...)                                                                            \
    static bool __attribute__((unused)) target_seed(size_t number, struct buf *out)                \
    {                                                                                              \
        static const char *const seeds[] = { __VA_ARGS__ };                                        \
        if (number >= sizeof seeds / sizeof seeds[0])                                              \
            return false;                                                                          \
        buf_text(out, seeds[number]);                                                              \
        return true;                                                                               \
    }

/* What a header promises, and what must be there to begin with. */
static void
promise(bool kept, const char *what)
{
    if (kept)
        return;
    fprintf(stderr, "fuzz: not kept: %s\n", what);
    abort();
}

/* A path in STATE_DIR, which whoever starts a fuzzer makes. Valid until the next call. */
static inline const char *
fuzz_path(const char *name)
{
    static char path[PATH_MAX];

    promise(getenv("STATE_DIR") != NULL, "STATE_DIR names a folder");
    snprintf(path, sizeof path, "%s/%s", getenv("STATE_DIR"), name);
    return path;
}

/* Sets what the programs are told by their environment, and reads it. The Hub is nowhere. */
static inline void
fuzz_config(struct config *config, unsigned secrets)
{
    static const char *const settings[][2] = {
        { "ENV_FILE", "/dev/null" },
        { "HF_ENDPOINT", "http://hub.invalid" },
        { "HF_ORGANIZATION", "acme" },
        { "HF_TOKEN", "hf_service" },
        { "HUB_WEBHOOK_SECRET", "webhook-secret" },
        { "RATE_LIMIT_REQUESTS", "0" },
        { "RATE_LIMIT_QUOTA", "100" },
        { "MODEL_CACHE_TTL", "0" },
        { "LOG_LEVEL", "ERROR" },
        { "TRUSTED_PROXIES", "[\"10.0.0.0/8\",\"fd00::/8\"]" },
        { "LEADERBOARD_CONFIG", "leaderboards/open-llm.json" },
    };
    struct error why = { "" };

    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        setenv(settings[i][0], settings[i][1], 1);
    mkdir(fuzz_path("run"), 0750);
    mkdir(fuzz_path("public"), 0750);
    /* What cannot be opened is done without: limits would make answers depend on earlier ones. */
    mkdir(fuzz_path("run/ratelimit"), 0750);
    promise(config_load(config, secrets, &why), why.text);
    config->log.fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
}

/* The next part of an input whose parts have a line with ==== between them; false when there is
 * none. *part is not NUL-terminated. */
static inline bool
fuzz_part(const char **in, size_t *left, const char **part, size_t *length)
{
    static const char line[] = "\n====\n";

    if (*in == NULL)
        return false;
    const char *end = memmem(*in, *left, line, sizeof line - 1);
    *part = *in;
    *length = end == NULL ? *left : (size_t)(end - *in);
    *left -= end == NULL ? *left : *length + sizeof line - 1;
    *in = end == NULL ? NULL : end + sizeof line - 1;
    return true;
}

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int
LLVMFuzzerInitialize(int *count, char ***arguments)
{
    (void)count;
    (void)arguments;
    target_start();
    return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    target_run((const char *)bytes, length);
    return 0;
}

#ifdef FUZZ_REPLAY

static void
replay(const char *bytes, size_t length)
{
    char *copy = malloc(length == 0 ? 1 : length);

    promise(copy != NULL, "there is memory");
    memcpy(copy, bytes, length);
    target_run(copy, length);
    free(copy);
}

/* The whole of a seed, and what is left of it where it is cut off. */
static void
replay_cut(const struct buf *seed)
{
    size_t step = seed->length / FUZZ_CUTS + 1;

    for (size_t length = 0; length < seed->length; length += step)
        replay(buf_string(seed), length);
    replay(buf_string(seed), seed->length);
}

int
main(int count, char **arguments)
{
    const char *folder = count == 3 && strcmp(arguments[1], "--seeds") == 0 ? arguments[2] : NULL;
    struct error why = { "" };
    char path[PATH_MAX];
    struct buf input;
    size_t seeds = 0;

    buf_init(&input, 1 << 30);
    if (folder == NULL)
        target_start();
    for (; (count == 1 || folder != NULL) && target_seed(seeds, &input); seeds++) {
        promise(buf_ok(&input), "there is memory");
        snprintf(path, sizeof path, "%s/seed-%zu", folder == NULL ? "" : folder, seeds);
        if (folder == NULL)
            replay_cut(&input);
        else
            promise(file_publish(path, buf_string(&input), input.length, &why), why.text);
        buf_reset(&input);
    }
    for (int i = 1; folder == NULL && i < count; i++) {
        buf_reset(&input);
        promise(file_read(arguments[i], &input, &why), why.text);
        replay(buf_string(&input), input.length);
    }
    buf_free(&input);
    printf("%zu inputs kept all promises\n",
           folder == NULL && count > 1 ? (size_t)count - 1 : seeds);
    return 0;
}

#endif
#endif
