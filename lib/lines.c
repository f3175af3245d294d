#include "lines.h"

#include <string.h>

void
lines_of_spool(struct lines *lines, const struct spool *spool)
{
    lines_of_memory(lines, lines->buffer, 0);
    lines->spool = spool;
}

void
lines_of_memory(struct lines *lines, const void *bytes, size_t length)
{
    lines->number = lines->length = 0;
    lines->text = NULL;
    lines->spool = NULL;
    lines->taken = 0;
    lines->at = bytes;
    lines->left = length;
}

/* How much the spool has that is not in the buffer yet. */
static uint64_t
rest(const struct lines *lines)
{
    return lines->spool == NULL ? 0 : lines->spool->length - lines->taken;
}

/* Fills the buffer up. */
static bool
fill(struct lines *lines, struct error *why)
{
    size_t room = sizeof lines->buffer - lines->left;
    size_t length = rest(lines) < room ? (size_t)rest(lines) : room;

    memmove(lines->buffer, lines->at, lines->left);
    lines->at = lines->buffer;
    if (!spool_read(lines->spool, lines->taken, lines->buffer + lines->left, length, why))
        return false;
    lines->taken += length;
    lines->left += length;
    return true;
}

enum lines_result
lines_next(struct lines *lines, struct error *why)
{
    enum lines_result result = LINES_ONE;
    const char *newline;

    while ((newline = lines->left == 0 ? NULL : memchr(lines->at, '\n', lines->left)) == NULL &&
           rest(lines) != 0) {
        if (lines->left == sizeof lines->buffer) {
            result = LINES_LONG;
            lines->left = 0;
        }
        if (!fill(lines, why))
            return LINES_FAILED;
    }
    if (newline == NULL && lines->left == 0 && result == LINES_ONE)
        return LINES_END;
    lines->number++;
    lines->text = lines->at;
    lines->length = newline == NULL ? lines->left : (size_t)(newline - lines->at);
    size_t used = lines->length + (newline != NULL);
    lines->at += used;
    lines->left -= used;
    return lines->spool != NULL && lines->length > LINES_MAX ? LINES_LONG : result;
}
