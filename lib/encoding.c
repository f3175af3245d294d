#include "encoding.h"

#include <brotli/encode.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>
#include <zstd.h>

enum { BROTLI_WINDOW = 22, GZIP_FORMAT = 15 + 16 };

/* EFFORT_SMALL: where the next level costs much more time than it saves bytes. EFFORT_QUICK: where
 * encoding costs about as much as putting a body together. */
static const int brotli_quality[] = { [EFFORT_SMALL] = 9, [EFFORT_QUICK] = 4 };
static const int zstd_level[] = { [EFFORT_SMALL] = 12, [EFFORT_QUICK] = 3 };
static const int gzip_level[] = { [EFFORT_SMALL] = 9, [EFFORT_QUICK] = 5 };

static const struct {
    const char *name, *suffix;
} encodings[ENCODING_COUNT] = {
    [ENCODING_BR] = { "br", ".br" },
    [ENCODING_ZSTD] = { "zstd", ".zst" },
    [ENCODING_GZIP] = { "gzip", ".gz" },
    [ENCODING_IDENTITY] = { "identity", "" },
};

const char *
encoding_name(enum encoding encoding)
{
    return encodings[encoding].name;
}

const char *
encoding_suffix(enum encoding encoding)
{
    return encodings[encoding].suffix;
}

enum encoding
encoding_parse(const char *name)
{
    for (int i = 0; i < ENCODING_COUNT; i++)
        if (strcasecmp(name, encodings[i].name) == 0)
            return (enum encoding)i;
    return ENCODING_COUNT;
}

/* Reads one element of the list ("gzip;q=0.5") and moves past it. Returns the q-value in
 * thousandths and the coding's name, which is not NUL-terminated. */
static int
encoding_element(const char **in, const char **name, size_t *length)
{
    int q = 1000;

    *in += strspn(*in, " \t,");
    *name = *in;
    *length = strcspn(*in, " \t,;");
    *in += *length;
    while (**in != '\0' && **in != ',') {
        *in += strspn(*in, " \t;");
        if (strncasecmp(*in, "q=", 2) == 0) {
            double value = strtod(*in + 2, NULL);
            q = value >= 0 && value <= 1 ? (int)(value * 1000) : 0;
        }
        *in += strcspn(*in, ";,");
    }
    return q;
}

enum encoding
encoding_choose(const char *accept_encoding)
{
    int q[ENCODING_COUNT], any = -1;
    enum encoding best = ENCODING_IDENTITY;

    if (accept_encoding == NULL)
        return ENCODING_IDENTITY;
    for (int i = 0; i < ENCODING_COUNT; i++)
        q[i] = -1;
    while (*accept_encoding != '\0') {
        const char *name;
        size_t length;
        int value = encoding_element(&accept_encoding, &name, &length);
        if (length == 1 && *name == '*')
            any = value;
        for (int i = 0; i < ENCODING_COUNT; i++)
            if (length == strlen(encodings[i].name) &&
                strncasecmp(name, encodings[i].name, length) == 0)
                q[i] = value;
        if (length == 6 && strncasecmp(name, "x-gzip", 6) == 0)
            q[ENCODING_GZIP] = value;
    }
    for (int i = 0; i < ENCODING_IDENTITY; i++)
        if (q[i] < 0)
            q[i] = any;
    /* Identity is acceptable unless refused, but a coding that is asked for at all goes first. */
    int highest = q[ENCODING_IDENTITY] > 0 ? q[ENCODING_IDENTITY] : 0;
    for (int i = ENCODING_IDENTITY - 1; i >= 0; i--) {
        if (q[i] > 0 && q[i] >= highest) {
            highest = q[i];
            best = (enum encoding)i;
        }
    }
    return best;
}

static bool
encode_gzip(enum effort effort, const char *bytes, size_t length, struct buf *out)
{
    z_stream stream = { 0 };
    bool good = false;

    if (length > UINT32_MAX || deflateInit2(&stream, gzip_level[effort], Z_DEFLATED, GZIP_FORMAT, 9,
                                            Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    size_t bound = deflateBound(&stream, length);
    char *place = buf_reserve(out, bound);
    if (place != NULL) {
        stream.next_in = (unsigned char *)(uintptr_t)bytes;
        stream.avail_in = (uInt)length;
        stream.next_out = (unsigned char *)place;
        stream.avail_out = (uInt)bound;
        good = deflate(&stream, Z_FINISH) == Z_STREAM_END;
        out->length += stream.total_out;
    }
    deflateEnd(&stream);
    return good;
}

static bool
encode_brotli(enum effort effort, const char *bytes, size_t length, struct buf *out)
{
    size_t size = BrotliEncoderMaxCompressedSize(length);
    char *place = size == 0 ? NULL : buf_reserve(out, size);

    if (place == NULL ||
        !BrotliEncoderCompress(brotli_quality[effort], BROTLI_WINDOW, BROTLI_MODE_TEXT, length,
                               (const uint8_t *)bytes, &size, (uint8_t *)place))
        return false;
    out->length += size;
    return true;
}

static bool
encode_zstd(enum effort effort, const char *bytes, size_t length, struct buf *out)
{
    size_t bound = ZSTD_compressBound(length);
    char *place = buf_reserve(out, bound);
    size_t size =
        place == NULL ? 0 : ZSTD_compress(place, bound, bytes, length, zstd_level[effort]);

    if (place == NULL || ZSTD_isError(size))
        return false;
    out->length += size;
    return true;
}

bool
encoding_encode(enum encoding encoding, enum effort effort, const char *bytes, size_t length,
                struct buf *out)
{
    switch (encoding) {
    case ENCODING_BR:
        return encode_brotli(effort, bytes, length, out);
    case ENCODING_ZSTD:
        return encode_zstd(effort, bytes, length, out);
    case ENCODING_GZIP:
        return encode_gzip(effort, bytes, length, out);
    case ENCODING_IDENTITY:
    case ENCODING_COUNT:
        break;
    }
    buf_put(out, bytes, length);
    return buf_ok(out);
}
