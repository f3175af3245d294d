#include "encoding.h"

#include "mem.h"

#include <brotli/encode.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>
#include <zstd.h>

enum { BROTLI_WINDOW = 22, GZIP_FORMAT = 15 + 16, STEP = 64 * 1024 };

/* EFFORT_SMALL: where the next level costs much more time than it saves bytes. EFFORT_QUICK: where
 * encoding costs about as much as putting a body together. */
static const uint32_t brotli_quality[] = { [EFFORT_SMALL] = 6, [EFFORT_QUICK] = 4 };
static const int zstd_level[] = { [EFFORT_SMALL] = 9, [EFFORT_QUICK] = 3 };
static const int gzip_level[] = { [EFFORT_SMALL] = 6, [EFFORT_QUICK] = 5 };

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

struct encoder {
    enum encoding encoding;
    z_stream gzip;
    BrotliEncoderState *brotli;
    ZSTD_CCtx *zstd;
};

/* Refused memory, libbrotlienc's own allocator ends the program without a word. */
static void *
brotli_alloc(void *context, size_t size)
{
    (void)context;
    return mem_alloc(size);
}

static void
brotli_free(void *context, void *memory)
{
    (void)context;
    free(memory);
}

static bool
encoder_begin(struct encoder *encoder, enum effort effort, size_t total)
{
    uint32_t hint = total > UINT32_MAX ? UINT32_MAX : (uint32_t)total;

    switch (encoder->encoding) {
    case ENCODING_BR:
        encoder->brotli = BrotliEncoderCreateInstance(brotli_alloc, brotli_free, NULL);
        return encoder->brotli != NULL &&
               BrotliEncoderSetParameter(encoder->brotli, BROTLI_PARAM_MODE, BROTLI_MODE_TEXT) &&
               BrotliEncoderSetParameter(encoder->brotli, BROTLI_PARAM_QUALITY,
                                         brotli_quality[effort]) &&
               BrotliEncoderSetParameter(encoder->brotli, BROTLI_PARAM_LGWIN, BROTLI_WINDOW) &&
               BrotliEncoderSetParameter(encoder->brotli, BROTLI_PARAM_SIZE_HINT, hint);
    case ENCODING_ZSTD:
        encoder->zstd = ZSTD_createCCtx();
        return encoder->zstd != NULL &&
               !ZSTD_isError(ZSTD_CCtx_setParameter(encoder->zstd, ZSTD_c_compressionLevel,
                                                    zstd_level[effort])) &&
               !ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(encoder->zstd, total));
    case ENCODING_GZIP:
        return deflateInit2(&encoder->gzip, gzip_level[effort], Z_DEFLATED, GZIP_FORMAT, 9,
                            Z_DEFAULT_STRATEGY) == Z_OK;
    case ENCODING_IDENTITY:
    case ENCODING_COUNT:
        break;
    }
    return true;
}

struct encoder *
encoder_new(enum encoding encoding, enum effort effort, size_t total)
{
    struct encoder *encoder = mem_zero(1, sizeof *encoder);

    encoder->encoding = encoding;
    if (encoder_begin(encoder, effort, total))
        return encoder;
    encoder_free(encoder);
    return NULL;
}

void
encoder_free(struct encoder *encoder)
{
    if (encoder == NULL)
        return;
    deflateEnd(&encoder->gzip); /* which says no where there is none */
    BrotliEncoderDestroyInstance(encoder->brotli);
    ZSTD_freeCCtx(encoder->zstd);
    free(encoder);
}

/* One step of each coding: takes from *in, gives to `place` of *room bytes, both of which shrink.
 * Sets *done when there is nothing left to give. */
static bool
step_gzip(z_stream *gzip, const unsigned char **in, size_t *length, bool last, char *place,
          size_t *room, bool *done)
{
    uInt taken = *length > UINT32_MAX ? UINT32_MAX : (uInt)*length;

    gzip->next_in = (unsigned char *)(uintptr_t)*in;
    gzip->avail_in = taken;
    gzip->next_out = (unsigned char *)place;
    gzip->avail_out = (uInt)*room;
    int result = deflate(gzip, last && taken == *length ? Z_FINISH : Z_NO_FLUSH);
    taken -= gzip->avail_in;
    *in += taken;
    *length -= taken;
    *room = gzip->avail_out;
    *done = last ? result == Z_STREAM_END : *length == 0 && *room != 0;
    return result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR;
}

static bool
step_brotli(BrotliEncoderState *brotli, const unsigned char **in, size_t *length, bool last,
            char *place, size_t *room, bool *done)
{
    unsigned char *out = (unsigned char *)place;
    bool good = BrotliEncoderCompressStream(
        brotli, last ? BROTLI_OPERATION_FINISH : BROTLI_OPERATION_PROCESS, length, in, room, &out,
        NULL);

    *done = last ? BrotliEncoderIsFinished(brotli)
                 : *length == 0 && !BrotliEncoderHasMoreOutput(brotli);
    return good;
}

static bool
step_zstd(ZSTD_CCtx *zstd, const unsigned char **in, size_t *length, bool last, char *place,
          size_t *room, bool *done)
{
    ZSTD_inBuffer from = { *in, *length, 0 };
    ZSTD_outBuffer to = { place, *room, 0 };
    size_t left = ZSTD_compressStream2(zstd, &to, &from, last ? ZSTD_e_end : ZSTD_e_continue);

    *in += from.pos;
    *length -= from.pos;
    *room -= to.pos;
    *done = last ? left == 0 : *length == 0;
    return !ZSTD_isError(left);
}

bool
encoder_put(struct encoder *encoder, const void *bytes, size_t length, bool last, struct buf *out)
{
    const unsigned char *in = bytes;
    bool good = true, done = false;

    if (encoder->encoding == ENCODING_IDENTITY) {
        buf_put(out, bytes, length);
        return buf_ok(out);
    }
    while (good && !done) {
        size_t step = out->max_bytes - out->length < STEP ? out->max_bytes - out->length : STEP;
        size_t room = step;
        char *place = buf_reserve(out, room == 0 ? 1 : room);
        if (place == NULL)
            return false;
        if (encoder->encoding == ENCODING_GZIP)
            good = step_gzip(&encoder->gzip, &in, &length, last, place, &room, &done);
        else if (encoder->encoding == ENCODING_BR)
            good = step_brotli(encoder->brotli, &in, &length, last, place, &room, &done);
        else
            good = step_zstd(encoder->zstd, &in, &length, last, place, &room, &done);
        out->length += step - room;
    }
    return good;
}

bool
encoding_encode(enum encoding encoding, enum effort effort, const char *bytes, size_t length,
                struct buf *out)
{
    struct encoder *encoder = encoder_new(encoding, effort, length);
    bool good = encoder != NULL && encoder_put(encoder, bytes, length, true, out);

    encoder_free(encoder);
    return good;
}
