#include "buf.h"

#include "mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SMALL = 64 * 1024 };

void
buf_init(struct buf *buf, size_t max_bytes)
{
    *buf = (struct buf){ .max_bytes = max_bytes };
}

void
buf_free(struct buf *buf)
{
    free(buf->data);
    buf_init(buf, buf->max_bytes);
}

void
buf_reset(struct buf *buf)
{
    buf->length = 0;
    buf->failed = false;
    if (buf->data != NULL)
        buf->data[0] = '\0';
}

char *
buf_reserve(struct buf *buf, size_t length)
{
    if (buf->failed || length > buf->max_bytes - buf->length || buf->max_bytes == SIZE_MAX) {
        buf->failed = true;
        return NULL;
    }
    size_t needed = buf->length + length + 1;
    if (needed > buf->capacity) {
        size_t capacity = buf->capacity < 256 ? 256 : buf->capacity;
        while (capacity < needed)
            capacity = capacity > SIZE_MAX / 2 ? needed : capacity * 2;
        if (capacity > buf->max_bytes + 1)
            capacity = buf->max_bytes + 1;
        char *data = realloc(buf->data, capacity);
        if (data == NULL) {
            if (capacity <= SMALL)
                mem_exhausted(capacity);
            buf->failed = true;
            return NULL;
        }
        buf->data = data;
        buf->capacity = capacity;
    }
    buf->data[buf->length + length] = '\0';
    return buf->data + buf->length;
}

void
buf_grow_put(struct buf *buf, const void *bytes, size_t length)
{
    char *place = buf_reserve(buf, length);

    if (place == NULL || length == 0)
        return;
    memcpy(place, bytes, length);
    buf->length += length;
}

void
buf_format(struct buf *buf, const char *format, ...)
{
    va_list arguments, again;
    size_t room = buf->failed ? 0 : buf->capacity - buf->length;

    va_start(arguments, format);
    va_copy(again, arguments);
    /* Where there is room it is done by that; what is cut off is written again into more. */
    int length = vsnprintf(room == 0 ? NULL : buf->data + buf->length, room, format, arguments);
    va_end(arguments);
    char *place = length < 0 ? NULL : buf_reserve(buf, (size_t)length);
    if (place != NULL) {
        if ((size_t)length >= room)
            vsnprintf(place, (size_t)length + 1, format, again);
        buf->length += (size_t)length;
    } else {
        buf->failed = true;
        if (room != 0)
            buf->data[buf->length] = '\0';
    }
    va_end(again);
}

bool
buf_ok(const struct buf *buf)
{
    return !buf->failed;
}

const char *
buf_string(const struct buf *buf)
{
    return buf->data == NULL ? "" : buf->data;
}

void
buf_percent(struct buf *buf, const char *text, size_t length)
{
    static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                     "0123456789-._~";

    for (size_t i = 0; i < length; i++) {
        if (text[i] != '\0' && strchr(unreserved, text[i]) != NULL)
            buf_byte(buf, text[i]);
        else
            buf_format(buf, "%%%02X", (unsigned char)text[i]);
    }
}

void
buf_hex(struct buf *buf, const void *bytes, size_t length)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *in = bytes;

    for (size_t i = 0; i < length; i++) {
        buf_byte(buf, digits[in[i] >> 4]);
        buf_byte(buf, digits[in[i] & 15]);
    }
}

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                    "0123456789+/";

void
buf_base64(struct buf *buf, const void *bytes, size_t length)
{
    const unsigned char *in = bytes;

    if (length > SIZE_MAX / 2) {
        buf->failed = true;
        return;
    }
    char *out = buf_reserve(buf, (length + 2) / 3 * 4);
    if (out == NULL)
        return;
    for (size_t i = 0; i < length; i += 3) {
        unsigned a = in[i], b = i + 1 < length ? in[i + 1] : 0, c = i + 2 < length ? in[i + 2] : 0;
        *out++ = base64_digits[a >> 2];
        *out++ = base64_digits[(a & 3) << 4 | b >> 4];
        *out++ = i + 1 < length ? base64_digits[(b & 15) << 2 | c >> 6] : '=';
        *out++ = i + 2 < length ? base64_digits[c & 63] : '=';
    }
    buf->length += (length + 2) / 3 * 4;
}

bool
buf_unbase64(struct buf *buf, const char *text, size_t length)
{
    size_t before = buf->length;
    unsigned bits = 0, count = 0, padding = 0;

    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
            continue;
        const char *digit = c == '\0' ? NULL : strchr(base64_digits, c);
        if (c == '=')
            padding++;
        else if (digit == NULL || padding != 0)
            goto bad;
        bits = bits << 6 | (c == '=' ? 0 : (unsigned)(digit - base64_digits));
        if (++count % 4 == 0) {
            if (padding > 2)
                goto bad;
            unsigned char bytes[3] = { (unsigned char)(bits >> 16), (unsigned char)(bits >> 8),
                                       (unsigned char)bits };
            buf_put(buf, bytes, 3 - padding);
            bits = 0;
        }
    }
    if (count % 4 == 0 && buf_ok(buf))
        return true;
bad:
    buf->length = before;
    if (buf->data != NULL)
        buf->data[before] = '\0';
    return false;
}
