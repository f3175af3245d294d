/* lines: the lines of a spool or of memory, one after the other.
 *
 * A line ends at '\n', which is none of it; '\r' and NUL are bytes like others. The last line may
 * lack its newline, and after a last newline there is no further line. Memory use does not depend
 * on how many lines there are, nor on how long they are. */
#ifndef LINES_H
#define LINES_H

#include "error.h"
#include "spool.h"

#include <stddef.h>
#include <stdint.h>

enum { LINES_MAX = 64 * 1024 }; /* bytes of a spool's line; memory's may have any length */

enum lines_result {
    LINES_ONE,    /* here is a line */
    LINES_LONG,   /* here was one of more than LINES_MAX bytes; it is skipped, and counted */
    LINES_END,    /* there are no more */
    LINES_FAILED, /* the spool cannot be read; `why` says the reason */
};

/* Not to be copied: it points into itself. Owns nothing. */
struct lines {
    size_t number;    /* of the last line, from 1 */
    const char *text; /* after LINES_ONE, until the next call; no NUL follows */
    size_t length;

    /* Its own. */
    const struct spool *spool;
    uint64_t taken; /* bytes of the spool */
    const char *at; /* what has been read and not given yet, `left` bytes */
    size_t left;
    char buffer[LINES_MAX + 1];
};

/* From the first line on; what is read must live, and stay as it is, meanwhile. */
void lines_of_spool(struct lines *lines, const struct spool *spool);
void lines_of_memory(struct lines *lines, const void *bytes, size_t length);

/* The next line. */
enum lines_result lines_next(struct lines *lines, struct error *why)
    __attribute__((warn_unused_result));

#endif
