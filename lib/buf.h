/* buf: a growing byte buffer with a maximum and a sticky error.
 *
 * Everything that is put together (bodies, headers, paths, log lines) is put together in one of
 * these. Appends never need checking one by one: the first that does not fit sets `failed`, the
 * later ones do nothing, and the owner asks once at the end with buf_ok(). For up to 64 KB there is
 * memory, or the program ends (mem.h): a path or header line that fits needs no asking. */
#ifndef BUF_H
#define BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct buf {
    char *data; /* NULL while empty; always followed by a NUL byte otherwise */
    size_t length;
    size_t capacity;
    size_t max_bytes; /* length never exceeds it */
    bool failed;      /* an append did not fit, or memory was refused */
};

/* An empty buffer that may grow to max_bytes. Owns nothing yet; buf_free() when done. */
void buf_init(struct buf *buf, size_t max_bytes);

void buf_free(struct buf *buf);

/* Empties the buffer and clears `failed`, keeping its memory. */
void buf_reset(struct buf *buf);

/* Appends where buf_put() finds no room as it is: makes room first. */
void buf_grow_put(struct buf *buf, const void *bytes, size_t length);

/* Append. After a failure they do nothing. */
static inline void
buf_put(struct buf *buf, const void *bytes, size_t length)
{
    /* Mostly there is room: what is put together consists of many small parts. */
    if (length < buf->capacity - buf->length && !buf->failed) {
        if (length != 0) /* of no bytes, `bytes` may be NULL */
            memcpy(buf->data + buf->length, bytes, length);
        buf->length += length;
        buf->data[buf->length] = '\0';
    } else {
        buf_grow_put(buf, bytes, length);
    }
}
static inline void
buf_text(struct buf *buf, const char *text)
{
    buf_put(buf, text, strlen(text));
}
static inline void
buf_byte(struct buf *buf, char byte)
{
    buf_put(buf, &byte, 1);
}
void buf_format(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Makes room for `length` more bytes and returns where they go, or NULL (and `failed`). The caller
 * then adds what it wrote to `length`. */
char *buf_reserve(struct buf *buf, size_t length);

/* True when every append since the last reset fitted. */
bool buf_ok(const struct buf *buf) __attribute__((warn_unused_result));

/* The content as a string, "" when empty. Valid until the next append; not to be freed. */
const char *buf_string(const struct buf *buf);

/* Percent-encodes as one path segment or query value (RFC 3986 unreserved characters stay). */
void buf_percent(struct buf *buf, const char *text, size_t length);

/* Appends in lower-case hexadecimal. */
void buf_hex(struct buf *buf, const void *bytes, size_t length);

/* Appends in base64 (RFC 4648, padded). */
void buf_base64(struct buf *buf, const void *bytes, size_t length);

/* Appends what base64 text stands for; false (nothing appended) when it is not base64. White space
 * between the characters is allowed. */
bool buf_unbase64(struct buf *buf, const char *text, size_t length)
    __attribute__((warn_unused_result));

#endif
