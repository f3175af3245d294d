/* The line iterator and the spool, against a table, and against each other with random content.
 *
 *   lines [SEED [ROUNDS]]
 *
 * Prints what differs; exits 1 when anything does. */
#include "lines.h"
#include "buf.h"
#include "digest.h"
#include "spool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A case's content is `fill` times 'a', then the text. */
static const struct {
    size_t fill;
    const char *text;
    size_t length;
    const char *expected; /* of each line: its number, its length, and of short ones the text */
} cases[] = {
#define CASE(fill, text, expected)                                                                 \
    {                                                                                              \
        fill, text, sizeof(text) - 1, expected                                                     \
    }
    CASE(0, "", ""),
    CASE(0, "\n", "1:0: "),
    CASE(0, "\n\n\n", "1:0: 2:0: 3:0: "),
    CASE(0, "one", "1:3:one "),
    CASE(0, "one\n", "1:3:one "),
    CASE(0, "one\ntwo", "1:3:one 2:3:two "),
    CASE(0, "one\n\ntwo\n", "1:3:one 2:0: 3:3:two "),
    CASE(0, "one\r\ntwo\r\n", "1:4:one? 2:4:two? "),
    CASE(0, "\r", "1:1:? "),
    CASE(0, "a\0b\n\0\n\0", "1:3:a?b 2:1:? 3:1:? "),
    CASE(0, "\xff\xfe\n", "1:2:?? "),
    CASE(LINES_MAX - 1, "", "1:65535 "),
    CASE(LINES_MAX - 1, "\nx", "1:65535 2:1:x "),
    CASE(LINES_MAX, "", "1:65536 "),
    CASE(LINES_MAX, "\n", "1:65536 "),
    CASE(LINES_MAX, "\nx\n", "1:65536 2:1:x "),
    CASE(LINES_MAX, "\n\n", "1:65536 2:0: "),
    CASE(LINES_MAX + 1, "", "1:long "),
    CASE(LINES_MAX + 1, "\n", "1:long "),
    CASE(LINES_MAX + 1, "\nx", "1:long 2:1:x "),
    CASE(LINES_MAX + 2, "", "1:long "),
    CASE(2 * LINES_MAX + 1, "\n", "1:long "),
    CASE(2 * LINES_MAX + 2, "", "1:long "),
    CASE(2 * LINES_MAX + 2, "\n\nx", "1:long 2:0: 3:1:x "),
    CASE(1000000, "\nx\n", "1:long 2:1:x "),
};

/* Reads all lines into a text; those of memory that are too long for a spool stand there as a spool
 * says it. */
static void
describe(struct lines *lines, struct buf *out)
{
    enum lines_result result;
    struct error why;

    while ((result = lines_next(lines, &why)) != LINES_END) {
        if (result == LINES_FAILED) {
            buf_text(out, why.text);
            return;
        }
        buf_format(out, "%zu:", lines->number);
        if (result == LINES_LONG || lines->length > LINES_MAX)
            buf_text(out, "long");
        else
            buf_format(out, "%zu", lines->length);
        if (result == LINES_ONE && lines->length < 100) {
            buf_byte(out, ':');
            for (size_t i = 0; i < lines->length; i++)
                buf_byte(out, lines->text[i] > ' ' && lines->text[i] <= '~' ? lines->text[i] : '?');
        }
        buf_byte(out, ' ');
    }
    if (lines_next(lines, &why) != LINES_END)
        buf_text(out, "a line after the end");
}

/* Compares what memory and spool give for a content with what is expected (NULL: with each other),
 * and the spool's hashes with memory's. */
static int
compare(struct spool *spool, const char *name, const struct buf *content, const char *expected)
{
    static struct lines lines; /* too large for a stack that is watched */
    char hex[2][SHA256_HEX], oid[2][SHA1_HEX];
    struct buf memory, spooled;
    struct error why = { "" };
    int failures = 0;

    buf_init(&memory, 1 << 24);
    buf_init(&spooled, 1 << 24);
    lines_of_memory(&lines, buf_string(content), content->length);
    describe(&lines, &memory);
    /* Written in two pieces, over what the last case left there. */
    size_t half = content->length / 2;
    spool_reset(spool);
    if (!spool_put(spool, buf_string(content), half, &why) ||
        !spool_put(spool, buf_string(content) + half, content->length - half, &why))
        failures++;
    lines_of_spool(&lines, spool);
    describe(&lines, &spooled);
    if (expected == NULL)
        expected = buf_string(&memory);
    if (strcmp(buf_string(&memory), expected) != 0 || strcmp(buf_string(&spooled), expected) != 0) {
        printf("%s: expected %.200s, memory gave %.200s, the spool %.200s\n", name, expected,
               buf_string(&memory), buf_string(&spooled));
        failures++;
    }
    digest_sha256(buf_string(content), content->length, hex[0]);
    digest_git("blob", buf_string(content), content->length, oid[0]);
    if (!spool_sha256(spool, hex[1], &why) || strcmp(hex[0], hex[1]) != 0 ||
        !spool_git(spool, oid[1], &why) || strcmp(oid[0], oid[1]) != 0) {
        printf("%s: the spool's hashes differ %s\n", name, why.text);
        failures++;
    }
    buf_free(&memory);
    buf_free(&spooled);
    return failures;
}

static int
run_table(struct spool *spool)
{
    int failures = 0;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf content;
        char name[32];
        buf_init(&content, 1 << 24);
        for (size_t n = 0; n < cases[i].fill; n++)
            buf_byte(&content, 'a');
        buf_put(&content, cases[i].text, cases[i].length);
        snprintf(name, sizeof name, "case %zu", i);
        failures += compare(spool, name, &content, cases[i].expected);
        buf_free(&content);
    }
    return failures;
}

/* Lines of all kinds of bytes, many of them about as long as the bound or its multiples. */
static void
random_content(struct buf *content, unsigned *seed)
{
    size_t lines = (size_t)rand_r(seed) % 8;

    for (size_t i = 0; i < lines; i++) {
        size_t length = (size_t)rand_r(seed) % 6;
        if (rand_r(seed) % 2 == 0)
            length += (size_t)LINES_MAX * (1 + (size_t)rand_r(seed) % 3) - 3;
        for (size_t n = 0; n < length; n++) {
            char byte = (char)rand_r(seed);
            buf_byte(content, byte == '\n' ? '\r' : byte);
        }
        if (i + 1 < lines || rand_r(seed) % 2 == 0)
            buf_byte(content, '\n');
    }
}

int
main(int argc, char **argv)
{
    unsigned seed = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1;
    long rounds = argc > 2 ? strtol(argv[2], NULL, 10) : 100;
    const char *folder = getenv("TMPDIR");
    struct spool spool;
    struct error why;
    char name[32];

    if (!spool_open(&spool, folder != NULL ? folder : "/tmp", &why)) {
        puts(why.text);
        return 1;
    }
    int failures = run_table(&spool);
    for (long round = 0; round < rounds; round++) {
        struct buf content;
        buf_init(&content, 1 << 24);
        random_content(&content, &seed);
        snprintf(name, sizeof name, "round %ld", round);
        failures += compare(&spool, name, &content, NULL);
        buf_free(&content);
    }
    spool_close(&spool);
    return failures == 0 ? 0 : 1;
}
